"""When the search index is worked on: beside what is said, and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from mrccsc_server.ports import SearchIndex
from mrccsc_shared.errors import Refusal

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds between two looks for entries to index: what was sent is found well within two seconds."""

BATCH = 256
"""Entries indexed in one transaction."""

BATCH_BUSY = 64
"""And on a busy node, where messages wait for that transaction."""

REST = 1.0
"""Where more are behind, indexing rests so many times as long as it has worked."""

BUSY = 0.7
"""Share of a core from which on the node counts as busy: what its process uses while the index rests."""

CROWDED = 16
"""Operations in a commit, on average, from which on others are what keeps the node from using more of a core: the
database, or who shares this machine with it."""

BUSY_CROWDED = 0.25
"""Share of a core from which on it counts as busy then. With the index it would use three times that."""

REST_BUSY = 49.0
"""How long it rests while that lasts: what is said now goes before what can be found. On a node that is busy to its
limit search falls behind, and catches up when that is over."""

REST_MAX = 3.0
"""Seconds that it rests at most after one piece, however long that took."""


class IndexPacing:
    """Keeps the search index up to date piece by piece, and rests longer after each while the node is busy."""

    def __init__(
        self,
        search: SearchIndex,
        *,
        used: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._search = search
        self._used = used
        self._clock = clock
        self._sleep = sleep
        self._commits = 0
        self._operations = 0

    def committed(self, operations: int) -> None:
        """So many were in a commit: what shows how much there is to do."""
        self._commits += 1
        self._operations += operations

    async def run(self) -> None:
        """Do so until cancelled."""
        clock = self._clock
        busy = False
        while True:
            began = clock()
            most = BATCH_BUSY if busy else BATCH
            try:
                done = await self._search.index(most)
            except Refusal:
                done = 0
            except Exception:
                log.exception("Indexing failed; it goes on with the next entries")
                done = 0
            worked = clock() - began
            pause = PAUSE if done < most else min(REST_MAX, REST * worked)
            ends = clock() + min(REST_MAX, REST_BUSY * worked)
            while (busy := await self._is_busy(pause)) and clock() < ends:
                pause = PAUSE

    async def _is_busy(self, seconds: float) -> bool:
        """Whether the node is busy within the next seconds."""
        began, used, commits, operations = self._clock(), self._used(), self._commits, self._operations
        await self._sleep(seconds)
        crowded = self._operations - operations >= CROWDED * max(1, self._commits - commits)
        return self._used() - used >= (BUSY_CROWDED if crowded else BUSY) * (self._clock() - began)
