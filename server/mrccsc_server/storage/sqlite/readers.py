"""A few threads that read, each job in one transaction: all its statements see the same moment."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mrccsc_server.storage.sqlite import connection as connections
from mrccsc_server.storage.sqlite.delivery import Delivery, Result
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")

THREADS = 2
"""Readers. The work is mostly Python's, so that more of them gain nothing."""

_CHECK_EVERY = 100_000
"""Steps of SQLite's machine between two looks at the deadline: about a millisecond."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


class Readers:
    """Runs reading jobs; a statement that runs past ``limits.database_time`` is broken off."""

    def __init__(self, path: Path, limits: Limits, delivery: Delivery) -> None:
        self._path = path
        self._limits = limits
        self._delivery = delivery
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"mrccsc-reader-{number}", daemon=True) for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]) -> None:
        """Queue a job. Raises :class:`Refusal` ``overloaded``."""
        with self._wake:
            if self._closing:
                raise Refusal(ErrorCode.UNAVAILABLE)
            if len(self._jobs) >= self._limits.read_queue:
                raise Refusal(ErrorCode.OVERLOADED)
            self._jobs.append(_Job(work, future))
            self._wake.notify()

    def close(self, timeout: float) -> None:
        """Finish what is queued and end; blocking, for at most ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # -- in the threads ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        failing = False
        while (job := self._take()) is not None:
            if job.future.done():
                continue
            try:
                if connection is None:
                    connection = connections.connect(self._path, read_only=True)
                result = self._read(job, connection)
                failing = False
            except Exception as error:  # noqa: BLE001 - whatever happens, the caller gets an answer
                if not failing:  # Once, however many reads fail.
                    failing = True
                    log.warning("reading from the database failed: %s", error)
                if connection is not None:
                    connection.close()
                    connection = None
                result = Result(job.future, error=Refusal(ErrorCode.UNAVAILABLE))
            self._delivery.deliver([result])
        if connection is not None:
            connection.close()

    def _take(self) -> _Job | None:
        with self._wake:
            while not self._jobs:
                if self._closing:
                    return None
                self._wake.wait()
            return self._jobs.popleft()

    def _read(self, job: _Job, connection: sqlite3.Connection) -> Result:
        deadline = time.monotonic() + self._limits.database_time
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_EVERY)
        connection.execute("BEGIN")
        try:
            return Result(job.future, job.work(connection))
        except Exception as error:
            if connections.is_environment(error):
                raise
            return Result(job.future, error=error)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
