"""What comes within a moment is done together: a batch costs little more than one.

Unlike what ``storage.query_batcher`` and ``cluster.redis.call_batcher`` are asked, it is not answered, and how many
wait, and for how long, decides when a second batch begins.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from mrccsc_server.services.background import Spawn

T = TypeVar("T")

PATIENCE = 0.05
"""Seconds that fewer than a quarter of a batch wait for the one that is under way before they start beside it."""


class Batcher(Generic[T]):
    """Runs ``work`` on queued items in FIFO batches of at most ``most``; at most two batches at a time.

    The first starts in the next turn of the loop, with all that came until then. The second starts when a quarter of
    ``most`` waits, or after 50 ms, so that a slow batch does not hold up everybody. ``work`` answers for each of its
    batch and does not raise.
    """

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], spawn: Spawn, *, most: int) -> None:
        self._work = work
        self._spawn = spawn
        self._most = most
        self._waiting: deque[T] = deque()
        self._working = 0
        self._coming = False
        """Whether a worker is about to look at what waits."""
        self._patience: asyncio.TimerHandle | None = None

    def add(self, one: T) -> None:
        """Have it done soon."""
        self._waiting.append(one)
        if self._coming or self._working > 1:
            return
        if not self._working or len(self._waiting) * 4 >= self._most:
            self._begin()
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._go_on)

    def _begin(self) -> None:
        self._coming = True
        self._working += 1
        self._spawn(self._run())

    def _go_on(self) -> None:
        self._patience = None
        if self._waiting and self._working == 1 and not self._coming:
            self._begin()

    async def _run(self) -> None:
        self._coming = False
        try:
            while self._waiting:
                await self._work([self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))])
        finally:
            # In the very step in which it saw that nobody waits: who comes next needs another worker.
            self._working -= 1
