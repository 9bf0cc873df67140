"""Results from worker threads to the futures of an event loop: many of them with one wake-up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from mrccsc_server.domain.state import EntryRow


class Result(NamedTuple):
    """What became of a job: a value, or an error."""

    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class Delivery:
    """Sets futures from other threads. A future that is done already is left alone.

    ``on_commit`` is called with the entries that are new, in the order they came, before anybody learns of them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_commit: Callable[[Sequence[EntryRow]], None]) -> None:
        self._loop = loop
        self._on_commit = on_commit
        self._lock = threading.Lock()
        self._results: list[Result] = []
        self._appended: list[EntryRow] = []

    def deliver(self, results: Sequence[Result], appended: Sequence[EntryRow] = ()) -> None:
        """Hand results over, in order, and what their commit has made. From any thread; for a loop that has ended it is
        all dropped.
        """
        if not results:
            return
        with self._lock:
            waiting = bool(self._results)
            self._results.extend(results)
            self._appended.extend(appended)
        if not waiting:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        with self._lock:
            results, self._results = self._results, []
            appended, self._appended = self._appended, []
        if appended:
            self._on_commit(appended)
        for future, value, error in results:
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
