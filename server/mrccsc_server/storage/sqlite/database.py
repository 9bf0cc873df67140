"""The file with its writer and readers, seen from the event loop: bounded queues, a deadline on every call."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.database import Identity, Reader, Transaction
from mrccsc_server.storage.index_backlog import IndexBacklog
from mrccsc_server.storage.sqlite import plain_append, schema
from mrccsc_server.storage.sqlite.delivery import Delivery
from mrccsc_server.storage.sqlite.readers import Readers
from mrccsc_server.storage.sqlite.statements import SqliteReader, SqliteTransaction, run
from mrccsc_server.storage.sqlite.writer import Writer
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")


class SqliteDatabase:
    """:class:`mrccsc_server.storage.database.Database` on one file; ``read`` and ``write`` run their work in a thread.

    Every work runs once.
    """

    shared = False

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.index_backlog = IndexBacklog()
        self.identity = Identity("", b"")
        self._workers: tuple[Readers, Writer] | None = None

    async def open(self) -> None:
        """See the protocol: prepare the file and start the threads."""
        self.identity = await asyncio.to_thread(schema.prepare, self.path)
        delivery = Delivery(asyncio.get_running_loop(), self.index_backlog.add_entries)
        readers = Readers(self.path, self.limits, delivery)
        writer = Writer(self.path, self.limits, delivery)
        readers.start()
        writer.start()
        self._workers = readers, writer

    async def close(self) -> None:
        """See the protocol."""
        if self._workers is None:
            return
        (readers, writer), self._workers = self._workers, None
        for worker in (readers, writer):
            await asyncio.to_thread(worker.close, self.limits.database_time)

    async def read(
        self,
        work: Callable[[Reader], Coroutine[Any, Any, T]],
        *,
        consistent: bool = False,  # noqa: ARG002 - a job of a reader always is
    ) -> T:
        """See the protocol."""
        if self._workers is None:
            raise Refusal(ErrorCode.UNAVAILABLE)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._workers[0].submit(lambda connection: run(work(SqliteReader(connection))), future)
        return await self._answer(future)

    async def write(
        self,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        *,
        weight: int = 1,
        repeatable: bool = False,  # noqa: ARG002 - a commit in this process has no unknown outcome
    ) -> T:
        """See the protocol."""
        if self._workers is None:
            raise Refusal(ErrorCode.UNAVAILABLE)

        def job(transaction: SqliteTransaction) -> T:
            return run(work(transaction))

        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._workers[1].submit(job, future, weight)
        return await self._answer(future)

    @property
    def time(self) -> int:
        """See the protocol. It is that of this machine."""
        return time.time_ns() // 1_000_000

    async def append_plain(
        self, messages: Sequence[EntryRow], otherwise: Callable[[Transaction], Coroutine[Any, Any, T]]
    ) -> T | None:
        """See the protocol."""
        if await self._append_plain(messages):
            return None
        return await self.write(otherwise, weight=len(messages), repeatable=True)

    async def _append_plain(self, messages: Sequence[EntryRow]) -> bool:
        if self._workers is None:
            raise Refusal(ErrorCode.UNAVAILABLE)
        try:
            said = plain_append.pack(messages)
        except ValueError:
            return False

        def job(transaction: SqliteTransaction) -> bool:
            try:
                plain_append.append(transaction.connection, said)
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError):
                return False
            transaction.appended += messages
            return True

        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._workers[1].submit(job, future, len(messages), single=True)
        return await self._answer(future)

    async def _answer(self, future: asyncio.Future[T]) -> T:
        deadline = asyncio.get_running_loop().call_later(self.limits.database_time, _give_up, future)
        try:
            return await future
        finally:
            deadline.cancel()


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(Refusal(ErrorCode.UNAVAILABLE))
