"""Pages of history and search."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from mrccsc_server.domain.fitting import LIST_BYTES
from mrccsc_server.ports import Page, Store
from mrccsc_server.services.session import Session
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.history import HistoryGet, SearchMessages

log = logging.getLogger(__name__)

INDEX_PAUSE = 0.2
"""Seconds between two looks for entries to index: what was sent is found well within two seconds."""

INDEX_BATCH = 256
"""Entries indexed in one transaction, few enough not to hold up a commit for long."""

INDEX_REST = 1.0
"""Where more are behind, indexing rests so many times as long as it has worked."""

BUSY = 0.7
"""Share of a core from which on the node counts as busy: what its process uses while the index rests."""

CROWDED = 16
"""Operations in a commit, on average, from which on others are what keeps the node from using more of a core: the
database, or who shares this machine with it."""

BUSY_CROWDED = 0.25
"""Share of a core from which on it counts as busy then. With the index it would use three times that."""

INDEX_REST_BUSY = 49.0
"""How long it rests while that lasts: what is said now goes before what can be found. On a node that is busy to its
limit search falls behind, and catches up when that is over."""

INDEX_REST_MAX = 3.0
"""Seconds that it rests at most after one piece, however long that took."""


class Reading:
    """What was said before."""

    def __init__(
        self,
        store: Store,
        *,
        used: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._used = used
        self._clock = clock
        self._sleep = sleep
        self._commits = 0
        self._operations = 0

    async def page(self, session: Session, request: HistoryGet) -> Page:
        """A page of history."""
        return await self._store.log.page(
            request.conv,
            session.user,
            before=request.before,
            after=request.after,
            around=request.around,
            limit=request.limit,
            max_bytes=LIST_BYTES,
        )

    async def search(self, session: Session, request: SearchMessages) -> tuple[list[Entry], str | None]:
        """Messages that match, newest first; the cursor to go on from."""
        hits, position = await self._store.search.find(
            session.user,
            request.query,
            conv=request.conv,
            by=request.by,
            before=_position(request.cursor),
            limit=request.limit,
            max_bytes=LIST_BYTES,
        )
        return hits, None if position is None else str(position)

    def committed(self, operations: int) -> None:
        """So many were in a commit: what shows how much there is to do."""
        self._commits += 1
        self._operations += operations

    async def index(self) -> None:
        """Keep the search index up to date, beside the log and never in its way; until cancelled."""
        clock = self._clock
        while True:
            began = clock()
            try:
                done = await self._store.search.index(INDEX_BATCH)
            except Refusal:
                done = 0
            except Exception:
                log.exception("Indexing failed; it goes on with the next entries")
                done = 0
            worked = clock() - began
            pause = INDEX_PAUSE if done < INDEX_BATCH else min(INDEX_REST_MAX, INDEX_REST * worked)
            ends = clock() + min(INDEX_REST_MAX, INDEX_REST_BUSY * worked)
            while await self._is_busy(pause) and clock() < ends:
                pause = INDEX_PAUSE

    async def _is_busy(self, seconds: float) -> bool:
        """Whether the node is busy within the next seconds."""
        began, used, commits, operations = self._clock(), self._used(), self._commits, self._operations
        await self._sleep(seconds)
        crowded = self._operations - operations >= CROWDED * max(1, self._commits - commits)
        return self._used() - used >= (BUSY_CROWDED if crowded else BUSY) * (self._clock() - began)


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal():  # The model caps its length.
        raise Refusal(ErrorCode.INVALID, "The cursor is not one that this server gave.")
    return int(cursor)
