"""Background work with one place where its failures go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Hashable
from typing import Any

from mrccsc_tui.link.errors import RequestError

log = logging.getLogger(__name__)


class Tasks:
    """A group of tasks that ends as a whole. At most one task under each key runs at a time."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    def start(self, key: Hashable, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work``, unless something under the same key runs already. Failures are logged."""
        if key in self._running:
            work.close()
            return
        task = asyncio.create_task(self._run(key, work))
        self._running[key] = task
        task.add_done_callback(lambda _: self._ended(key, task, work))

    async def _run(self, key: Hashable, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except RequestError as error:
            # The line is away or the server refuses: whatever needed this asks again when it is back.
            log.info("%s: %s", key, error)
        except Exception:
            log.exception("background work failed: %s", key)
        finally:
            self._running.pop(key, None)

    def _ended(self, key: Hashable, task: asyncio.Task[None], work: Coroutine[Any, Any, None]) -> None:
        # One that was cancelled before its first step has tidied up nothing.
        work.close()
        if self._running.get(key) is task:
            del self._running[key]

    def running(self, key: Hashable) -> bool:
        """Something under this key is at work."""
        return key in self._running

    def cancel(self) -> None:
        """Cancel everything."""
        for task in self._running.values():
            task.cancel()

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        tasks = list(self._running.values())
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
