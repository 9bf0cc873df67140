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
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.sqlite import connection as connections
from mrccsc_server.storage.sqlite import saying
from mrccsc_server.storage.sqlite.delivery import Delivery, Result
from mrccsc_server.storage.sqlite.statements import SqliteTransaction
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")

ERASE_DELAY = 1.0
"""Seconds from the commit that removed a text until its remains in the write-ahead log are cut off."""

ERASE_WAIT_MS = 100
"""Milliseconds that cutting the log off waits for readers before it is tried again later."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[SqliteTransaction], Any]
    future: asyncio.Future[Any]
    weight: int
    single: bool


class Writer:
    """Runs jobs in the order they came, in batches of one durable transaction each.

    ``on_commit`` is called in the writer's thread with the entries that are new.
    """

    def __init__(
        self, path: Path, limits: Limits, delivery: Delivery, on_commit: Callable[[Sequence[EntryRow]], None]
    ) -> None:
        self._path = path
        self._limits = limits
        self._delivery = delivery
        self._on_commit = on_commit
        self._jobs: deque[_Job] = deque()
        self._weight = 0
        self._wake = threading.Condition()
        self._closing = False
        self._connection: sqlite3.Connection | None = None
        self._erase_at: float | None = None
        self._failing = False
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
        transaction by itself where no other job shares it. Raises :class:`Refusal` ``overloaded``.
        """
        with self._wake:
            if self._closing:
                raise Refusal(ErrorCode.UNAVAILABLE)
            if self._jobs and self._weight + weight > self._limits.commit_queue:
                raise Refusal(ErrorCode.OVERLOADED)
            self._jobs.append(_Job(work, future, weight, single))
            self._weight += weight
            self._wake.notify()

    def close(self, timeout: float) -> None:
        """Finish what is queued and end; blocking, for at most ``timeout`` seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout)

    # -- in the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            if batch:
                self._commit(batch)
            if self._erase_at is not None and time.monotonic() >= self._erase_at:
                self._erase()
        self._disconnect()

    def _take(self) -> list[_Job] | None:
        """The next batch; empty when it is time to erase; ``None`` at the end."""
        with self._wake:
            while not self._jobs:
                if self._closing:
                    return None
                pause = None if self._erase_at is None else self._erase_at - time.monotonic()
                if pause is not None and pause <= 0:
                    return []
                self._wake.wait(pause)
            batch: list[_Job] = []
            weight = 0
            while self._jobs and (not batch or weight + self._jobs[0].weight <= self._limits.commit_batch):
                job = self._jobs.popleft()
                weight += job.weight
                batch.append(job)
            self._weight -= weight
        # Nobody waits any more for a job that was cancelled: leaving it out is one of its two possible outcomes.
        return [job for job in batch if not job.future.cancelled()]

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
            _logger.warning("the database takes writes again")
        if transaction.erased and self._erase_at is None:
            self._erase_at = time.monotonic() + ERASE_DELAY
        if transaction.grown:
            self._on_commit(transaction.grown)
        self._delivery.deliver(results)

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
            self._connection = connections.connect(self._path)
            saying.set_up(self._connection)
        return self._connection

    def _recover(self, error: Exception) -> None:
        """Leave nothing half done; the next batch begins on a new connection."""
        if not self._failing:
            self._failing = True
            _logger.warning("the database does not take writes: %s", error)
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()  # Rolls back what is open.
        except sqlite3.Error as error:
            _logger.warning("closing the database failed: %s", error)

    def _erase(self) -> None:
        """Cut the write-ahead log off: it holds earlier versions of pages, deleted texts among them."""
        self._erase_at = None
        try:
            connection = self._connected()
            connection.execute(f"PRAGMA busy_timeout = {ERASE_WAIT_MS}")
            try:
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(connections.BUSY_TIME * 1000)}")
        except sqlite3.Error as error:
            self._recover(error)
            busy = True
        if busy:
            self._erase_at = time.monotonic() + ERASE_DELAY
