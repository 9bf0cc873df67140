"""Results from worker threads to the futures of an event loop: many of them with one wake-up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple


class Result(NamedTuple):
    """What became of a job: a value, or an error."""

    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class Delivery:
    """Sets futures from other threads. A future that was cancelled meanwhile is left alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._results: list[Result] = []

    def deliver(self, results: Sequence[Result]) -> None:
        """Hand results over, in order. From any thread; results for a loop that has ended are dropped."""
        if not results:
            return
        with self._lock:
            waiting = bool(self._results)
            self._results.extend(results)
        if not waiting:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        with self._lock:
            results, self._results = self._results, []
        for future, value, error in results:
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
