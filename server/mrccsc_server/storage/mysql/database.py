"""The database as a node sees it: transactions with deadlines and retries, within bounds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.ports import StoreError
from mrccsc_server.storage.database import Identity, Reader, Transaction, Unstorable
from mrccsc_server.storage.index_backlog import IndexBacklog
from mrccsc_server.storage.mysql import schema
from mrccsc_server.storage.mysql.database_clock import DatabaseClock
from mrccsc_server.storage.mysql.errors import Conflict, Failed, Lost
from mrccsc_server.storage.mysql.link import Link, connect
from mrccsc_server.storage.mysql.pool import Pool
from mrccsc_server.storage.mysql.statements import Careless, MysqlReader, MysqlTransaction
from mrccsc_server.storage.mysql.url import Address
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")

ATTEMPTS = 6
"""How often a transaction is begun before it counts as unavailable."""

PAUSE = 0.01
"""Seconds before the second attempt, at most; twice as long before each further one."""

_CONSISTENT = (b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", b"START TRANSACTION READ ONLY")

log = logging.getLogger(__name__)


class MysqlDatabase:
    """:class:`mrccsc_server.storage.database.Database` on a server.

    Of its connections, writes take at most half, so that reads go on. ``chance`` gives numbers from 0 to 1 for the
    pauses between attempts.
    """

    shared = True

    def __init__(self, address: Address, limits: Limits, *, chance: Callable[[], float] = random.random) -> None:
        self.address = address
        self.limits = limits
        self.index_backlog = IndexBacklog()
        self.identity = Identity("", b"")
        self.committers = max(1, address.pool // 2)
        self._chance = chance
        self._pool: Pool | None = None
        self._ticks = DatabaseClock()
        self._writing = asyncio.Semaphore(self.committers)
        self._waiting = 0
        """Weight of the writes that wait for their turn."""
        self._reads = 0
        self._busy: set[object] = set()
        self._idle = asyncio.Event()
        self._failing = False

    async def open(self) -> None:
        """See the protocol."""
        self.identity = await schema.prepare(self.address)
        self._pool = Pool(self._connect, self.address.pool)

    async def close(self) -> None:
        """See the protocol."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if self._busy:
            self._idle.clear()
            try:
                async with asyncio.timeout(self.limits.database_time):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("the database did not finish what was queued")
        await pool.close()

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]], *, consistent: bool = False) -> T:
        """See the protocol."""
        if self._reads >= self.limits.read_queue + self.address.pool:
            raise Refusal(ErrorCode.OVERLOADED)
        self._reads += 1
        try:
            async with self._call() as pool:
                return await self._attempts(lambda _: self._read(pool, work, consistent), repeatable=True)
        finally:
            self._reads -= 1

    async def write(
        self, work: Callable[[Transaction], Coroutine[Any, Any, T]], *, weight: int = 1, repeatable: bool = False
    ) -> T:
        """See the protocol."""
        async with self._call() as pool:
            await self._take_turn(weight)
            try:
                return await self._attempts(lambda careful: self._write(pool, work, careful), repeatable=repeatable)
            finally:
                self._writing.release()

    @property
    def time(self) -> int | None:
        """See the protocol."""
        return self._ticks.now

    async def append_plain(
        self, messages: Sequence[EntryRow], otherwise: Callable[[Transaction], Coroutine[Any, Any, T]]
    ) -> T | None:
        """See the protocol."""
        said = False

        async def attempt(careful: bool) -> T | None:
            nonlocal said
            if said:
                return await self._write(pool, otherwise, careful)
            said = True
            await self._write(pool, lambda transaction: transaction.append_plain(messages), careful)
            return None

        async with self._call() as pool:
            await self._take_turn(len(messages))
            try:
                return await self._attempts(attempt, repeatable=True)
            finally:
                self._writing.release()

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[Pool]:
        """What every call is within: a deadline, and that closing waits for it."""
        pool = self._pool
        if pool is None:
            raise Refusal(ErrorCode.UNAVAILABLE)
        call = object()
        self._busy.add(call)
        try:
            async with asyncio.timeout(self.limits.database_time):
                yield pool
        except TimeoutError:
            self._report("it does not answer in time")
            raise Refusal(ErrorCode.UNAVAILABLE) from None
        finally:
            self._busy.discard(call)
            if not self._busy:
                self._idle.set()

    async def _take_turn(self, weight: int) -> None:
        if self._waiting and self._waiting + weight > self.limits.commit_queue:
            raise Refusal(ErrorCode.OVERLOADED)
        self._waiting += weight
        try:
            await self._writing.acquire()
        finally:
            self._waiting -= weight

    async def _attempts(self, attempt: Callable[[bool], Coroutine[Any, Any, T]], *, repeatable: bool) -> T:
        careful = unknown = False
        for number in range(ATTEMPTS):
            if number:
                await asyncio.sleep(PAUSE * 2**number * self._chance())
            try:
                result = await attempt(careful)
            except (Careless, Unstorable) as error:
                if careful:
                    log.warning("the database refused a change: %s", error)
                    raise Refusal(ErrorCode.INVALID, "The server cannot store that.") from None
                careful = True
            except Conflict as conflict:
                log.info("a transaction is run again: %s", conflict)
            except _Unknown as lost:  # A Lost too.
                if not repeatable:
                    self._report(str(lost))
                    break
                unknown = True
            except Lost as lost:
                log.info("a connection was lost: %s", lost)
            except (Failed, StoreError) as failed:
                self._report(str(failed))
                if not unknown:  # Else it is worth some patience to find out.
                    break
            else:
                if self._failing:
                    self._failing = False
                    log.warning("the database answers again")
                return result
        raise Refusal(ErrorCode.UNAVAILABLE)

    async def _read(self, pool: Pool, work: Callable[[Reader], Coroutine[Any, Any, T]], consistent: bool) -> T:
        async with pool.link() as link:
            reader = MysqlReader(link, _CONSISTENT if consistent else ())
            try:
                return await work(reader)
            finally:
                await reader.finish()

    async def _write(self, pool: Pool, work: Callable[[MysqlTransaction], Coroutine[Any, Any, T]], careful: bool) -> T:
        async with pool.link() as link:
            transaction = MysqlTransaction(link, self._ticks, careful=careful)
            try:
                result = await work(transaction)
                await transaction.commit()
            except Lost as lost:
                if transaction.committing:
                    raise _Unknown(lost.code, lost.message) from lost
                raise
            finally:
                await transaction.finish()
        self.index_backlog.add_entries(transaction.appended)
        return result

    async def _connect(self) -> Link:
        return await connect(self.address, self.limits.database_time)

    def _report(self, why: str) -> None:
        """Once, however many calls fail."""
        if not self._failing:
            self._failing = True
            log.warning("the database does not do its work: %s", why)


class _Unknown(Lost):
    """The connection was lost during a commit."""
