"""Pages of history and search."""

from __future__ import annotations

from mrccsc_server.domain.fitting import LIST_BYTES
from mrccsc_server.ports import Page, Store
from mrccsc_server.services.session import Session
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.history import HistoryGet, SearchMessages


class Reading:
    """What was said before."""

    def __init__(self, store: Store) -> None:
        self._store = store

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


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal():  # The model caps its length.
        raise Refusal(ErrorCode.INVALID, "The cursor is not one that this server gave.")
    return int(cursor)
