"""The file with its writer and readers, seen from the event loop: bounded queues, a deadline on every call."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from mrccsc_server.storage.sqlite import schema
from mrccsc_server.storage.sqlite.delivery import Delivery
from mrccsc_server.storage.sqlite.readers import Readers
from mrccsc_server.storage.sqlite.writer import Transaction, Writer
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

T = TypeVar("T")


class Grown:
    """The conversations with entries that search has not seen, as far as this process knows. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._convs: dict[int, None] = {}

    def add(self, convs: Collection[int]) -> None:
        """Remember conversations; those known already keep their place."""
        with self._lock:
            self._convs.update(dict.fromkeys(convs))

    def take(self, count: int) -> list[int]:
        """Those that wait longest, at most ``count``. They are forgotten."""
        with self._lock:
            taken = list(self._convs)[:count] if count < len(self._convs) else list(self._convs)
            for conv in taken:
                del self._convs[conv]
        return taken


class Database:
    """One SQLite file. ``read`` and ``write`` run a function on it in a thread."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.grown = Grown()
        self.identity = schema.Identity("", b"")
        self._workers: tuple[Readers, Writer] | None = None

    async def open(self) -> None:
        """Prepare the file and start the threads. Raises :class:`mrccsc_server.ports.StoreError`."""
        self.identity = await asyncio.to_thread(schema.prepare, self.path)
        delivery = Delivery(asyncio.get_running_loop())
        readers = Readers(self.path, self.limits, delivery)
        writer = Writer(self.path, self.limits, delivery, self.grown.add)
        readers.start()
        writer.start()
        self._workers = readers, writer

    async def close(self) -> None:
        """Finish what is queued, within ``limits.database_time`` for each kind of work."""
        if self._workers is None:
            return
        (readers, writer), self._workers = self._workers, None
        for worker in (readers, writer):
            await asyncio.to_thread(worker.close, self.limits.database_time)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` makes of one snapshot. Raises :class:`Refusal`, and what ``work`` raises."""
        if self._workers is None:
            raise Refusal(ErrorCode.UNAVAILABLE)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._workers[0].submit(work, future)
        return await self._answer(future)

    async def write(self, work: Callable[[Transaction], T], weight: int = 1) -> T:
        """What ``work`` returned, once that is durably committed; what it raised, after it was undone."""
        if self._workers is None:
            raise Refusal(ErrorCode.UNAVAILABLE)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._workers[1].submit(work, future, weight)
        return await self._answer(future)

    async def _answer(self, future: asyncio.Future[T]) -> T:
        try:
            async with asyncio.timeout(self.limits.database_time):
                return await future
        except TimeoutError:
            raise Refusal(ErrorCode.UNAVAILABLE) from None
