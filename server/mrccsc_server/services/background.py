"""What a node does beside its requests: tasks that nobody awaits, each held until it is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

ASK_AGAIN = 1.0
"""Seconds after which a task that was cancelled and has not ended is cancelled once more."""

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None]], object]
"""Runs a coroutine in the background and reports its failure."""


class Background:
    """Runs coroutines as tasks. The failure of one is logged and ends no other."""

    def __init__(self) -> None:
        self._spawned: set[asyncio.Task[object]] = set()
        self._attending: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something that is to be finished before the node ends."""
        self._run(work, self._spawned)

    def attend(self, work: Coroutine[object, object, None]) -> None:
        """Run something that nobody waits for when the node ends."""
        self._run(work, self._attending)

    async def finish(self) -> None:
        """Return once nothing that was spawned is left, nor anything that was spawned meanwhile."""
        while self._spawned:
            await asyncio.wait(list(self._spawned))

    async def cancel(self) -> None:
        """End everything."""
        await end_tasks([*self._attending, *self._spawned])

    def _run(self, work: Coroutine[object, object, None], tasks: set[asyncio.Task[object]]) -> None:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._spawned.discard(task)
        self._attending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A background task failed", exc_info=error)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended. How they ended is nobody's business here.

    Asked more than once: a cancellation that comes just as what is waited for is there gets lost in libraries that use
    ``asyncio.wait_for`` before Python 3.12 (python/cpython#86296), aiomysql among them.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=ASK_AGAIN)
