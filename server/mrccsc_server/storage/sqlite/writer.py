"""The one thread that writes.

All jobs that arrive while a commit is in flight go into the next one: a durable commit costs an fsync, whatever is
in it. Each job that is not alone runs within a savepoint, so that one that fails is undone alone.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from mrccsc_server.storage.sqlite import connection as connections
from mrccsc_server.storage.sqlite import plain_append
from mrccsc_server.storage.sqlite.delivery import Delivery, Result
from mrccsc_server.storage.sqlite.statements import SqliteTransaction
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")

ERASE_DELAY = 1.0
"""Seconds from the commit that removed a text until its remains in the write-ahead log are cut off."""

ERASE_WAIT_MS = 100
"""Milliseconds that cutting the log off waits for readers before it is tried again later."""

CHECKPOINT_EVERY = 2.0
"""Seconds after which commits are worked from the write-ahead log into the file, on top of
:data:`.connection.LOG_PAGES_MAX`. Commits wait meanwhile, so that it is to be rare under load; but where little is
said, the log is to stay short: to overwrite it is faster than to let it grow."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[SqliteTransaction], Any]
    future: asyncio.Future[Any]
    weight: int
    single: bool


class Writer:
    """Runs jobs in the order they came, in batches of one durable transaction each."""

    def __init__(self, path: Path, limits: Limits, delivery: Delivery) -> None:
        self._path = path
        self._limits = limits
        self._delivery = delivery
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        """``None`` only wakes."""
        self._over: _Job | None = None
        """The next job, which had no room in the batch."""
        # Each is changed by one thread alone: the weights of all jobs so far that came, and that were taken.
        self._come = 0
        self._gone = 0
        self._closing = False
        self._connection: sqlite3.Connection | None = None
        self._erase_at: float | None = None
        self._checkpoint_at: float | None = None
        self._failing = False
        self._log_stays = False
        """Whether working the write-ahead log into the file has failed, and was told."""
        self._thread = threading.Thread(target=self._run, name="mrccsc-writer", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(
        self,
        work: Callable[[SqliteTransaction], T],
        future: asyncio.Future[T],
        weight: int = 1,
        *,
        single: bool = False,
    ) -> None:
        """Queue a job. ``weight`` is the number of rows it stands for; ``single``, that it is one statement, which is a
        transaction by itself where no other job shares it. Of one thread only. Raises :class:`Refusal`
        ``overloaded``.
        """
        if self._closing:
            raise Refusal(ErrorCode.UNAVAILABLE)
        waiting = self._come - self._gone
        if waiting and waiting + weight > self._limits.commit_queue:
            raise Refusal(ErrorCode.OVERLOADED)
        self._come += weight
        self._jobs.put(_Job(work, future, weight, single))

    def close(self, timeout: float) -> None:
        """Finish what is queued and end; blocking, for at most ``timeout`` seconds."""
        self._closing = True
        self._jobs.put(None)
        self._thread.join(timeout)

    # -- in the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            if batch:
                self._commit(batch)
            now = time.monotonic()
            if self._erase_at is not None and now >= self._erase_at:
                self._erase()
            elif self._checkpoint_at is not None and now >= self._checkpoint_at:
                self._checkpoint()
        self._disconnect()

    def _take(self) -> list[_Job] | None:
        """The next batch; empty when something else is due; ``None`` at the end."""
        job, self._over = self._over, None
        due = [at for at in (self._erase_at, self._checkpoint_at) if at is not None]
        pause = max(0.0, min(due) - time.monotonic()) if due else None
        batch: list[_Job] = []
        weight = 0
        try:
            if job is None:
                if self._closing and self._jobs.empty():
                    return None
                job = self._jobs.get(timeout=pause)
            while job is not None:
                if batch and weight + job.weight > self._limits.commit_batch:
                    self._over = job
                    break
                weight += job.weight
                batch.append(job)
                job = self._jobs.get_nowait()
        except Empty:
            pass
        self._gone += weight
        # Nobody waits any more for a job that is done: leaving it out is one of its two possible outcomes.
        return [job for job in batch if not job.future.done()]

    def _commit(self, batch: list[_Job]) -> None:
        try:
            connection = self._connected()
            transaction = SqliteTransaction(connection)
            if len(batch) == 1 and batch[0].single:
                results = [self._attempt_single(batch[0], transaction)]
            else:
                connection.execute("BEGIN IMMEDIATE")
                results = [self._attempt(job, transaction, alone=len(batch) == 1) for job in batch]
                connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever happens, every caller gets an answer
            self._recover(error)
            self._delivery.deliver([Result(job.future, error=Refusal(ErrorCode.UNAVAILABLE)) for job in batch])
            return
        if self._failing:
            self._failing = False
            log.warning("the database takes writes again")
        now = time.monotonic()
        if transaction.erased and self._erase_at is None:
            self._erase_at = now + ERASE_DELAY
        if self._checkpoint_at is None:
            self._checkpoint_at = now + CHECKPOINT_EVERY
        self._delivery.deliver(results, transaction.appended)

    def _attempt_single(self, job: _Job, transaction: SqliteTransaction) -> Result:
        try:
            return Result(job.future, job.work(transaction))
        except Exception as error:
            if connections.is_environment(error):
                raise
            return Result(job.future, error=error)

    def _attempt(self, job: _Job, transaction: SqliteTransaction, *, alone: bool) -> Result:
        connection = transaction.connection
        if not alone:
            connection.execute("SAVEPOINT job")
        try:
            value = job.work(transaction)
        except Exception as error:
            if connections.is_environment(error) or not connection.in_transaction:
                raise
            if alone:
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")  # For the COMMIT to come, of nothing.
            else:
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            return Result(job.future, error=error)
        if not alone:
            connection.execute("RELEASE job")
        return Result(job.future, value)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = connections.connect(self._path)
            try:
                plain_append.set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _recover(self, error: Exception) -> None:
        """Leave nothing half done; the next batch begins on a new connection."""
        if not self._failing:
            self._failing = True
            log.warning("the database does not take writes: %s", error)
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()  # Rolls back what is open.
        except sqlite3.Error as error:
            log.warning("closing the database failed: %s", error)

    def _checkpoint(self) -> None:
        """Work the write-ahead log into the file; the next commits overwrite it from its beginning."""
        self._checkpoint_at = None
        self._work_in("PASSIVE")

    def _erase(self) -> None:
        """Cut the write-ahead log off: it holds earlier versions of pages, deleted texts among them."""
        self._erase_at = None
        if not self._work_in("TRUNCATE"):
            self._erase_at = time.monotonic() + ERASE_DELAY

    def _work_in(self, mode: str) -> bool:
        """Work the write-ahead log into the file; whether nobody was in the way.

        A failure is no reason to begin on a new connection: that commits fail, too, only a commit can tell.
        """
        try:
            connection = self._connected()
            connection.execute(f"PRAGMA busy_timeout = {ERASE_WAIT_MS}")
            try:
                busy = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(connections.BUSY_TIME * 1000)}")
        except Exception as error:  # noqa: BLE001 - what SQLite says of a damaged file may be no text; the thread goes on
            if not self._log_stays:
                self._log_stays = True
                log.warning("the write-ahead log could not be worked into the file: %s", error)
            return False
        if self._log_stays:
            self._log_stays = False
            log.warning("the write-ahead log is worked into the file again")
        return not busy
