"""What comes within a moment is done together: a batch costs little more than one."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")

Spawn = Callable[[Coroutine[object, object, None]], object]
"""Runs a coroutine in the background and reports its failure."""


class Together(Generic[T]):
    """Hands what is added to ``work``, in order, in batches of at most ``most``.

    A batch holds all that came in one turn of the loop, or while others were under way. At most ``width`` are at once,
    so that one that is slow does not hold up everybody. ``work`` answers for each of its batch and does not raise.
    """

    def __init__(self, work: Callable[[list[T]], Awaitable[None]], spawn: Spawn, *, most: int, width: int = 2) -> None:
        self._work = work
        self._spawn = spawn
        self._most = most
        self._width = width
        self._waiting: deque[T] = deque()
        self._working = 0
        self._coming = False
        """Whether a worker is about to look at what waits."""

    def add(self, one: T) -> None:
        """Have it done soon."""
        self._waiting.append(one)
        if not self._coming and self._working < self._width:
            self._coming = True
            self._working += 1
            self._spawn(self._run())

    async def _run(self) -> None:
        self._coming = False
        try:
            while self._waiting:
                await self._work([self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))])
        finally:
            # In the very step in which it saw that nobody waits: who comes next needs another worker.
            self._working -= 1
