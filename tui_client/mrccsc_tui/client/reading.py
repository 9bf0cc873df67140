"""Reading: marks, history, search."""

from __future__ import annotations

from typing import Any

from mrccsc_shared.limits import MAX_PAGE
from mrccsc_tui.client.core import ClientCore
from mrccsc_tui.state.models import Conversation, Entry, HistoryPage, Message, SearchPage
from mrccsc_tui.state.wire import read_entry


class Reading(ClientCore):
    """What was said, and how far the user has read."""

    def mark_read(self, conv: int, seq: int, *, unread: bool = False) -> None:
        """Read up to ``seq``; with ``unread``, show everything from ``seq`` on as unread. Shown at once, sent soon."""
        self._marks.mark(conv, seq, unread=unread)

    def typing(self, conv: int) -> None:
        """The user is typing; call it on every key, it is sent at most once in 3 s."""
        self._marks.typing(conv)

    def look_at(self, conv: int | None) -> None:
        """Hold all that comes of this conversation, until another is looked at; of others only the newest is held."""
        self._history.look_at(conv)

    async def load_older(self, conv: int, count: int = 100) -> bool:
        """Lengthen the held tail at its beginning, from disk or the server; ``False`` when it is complete.

        One load a conversation is in flight at a time; a second call waits for the first and shares its result.
        """
        return await self._history.load_older(conv, count)

    async def load_until(self, conv: int, seq: int) -> bool:
        """Lengthen the held tail until it has ``seq``; ``False`` when that is out of reach (over 5,000 entries)."""
        return await self._history.load_until(conv, seq)

    async def load_around(self, conv: int, seq: int, count: int = 60) -> HistoryPage:
        """What stands around a seq, as a page that is not part of the held tail."""
        return await self._history.around(conv, seq, count)

    async def load_after(self, conv: int, seq: int) -> tuple[Entry, ...]:
        """The entries that follow a seq, as many as fit a page, whatever is held; empty at the head."""
        request = {"type": "history.get", "conv": conv, "after": seq, "limit": MAX_PAGE}
        return tuple(map(read_entry, (await self._engine.ask(request))["entries"]))

    async def search(
        self, query: str, conv: int | None = None, by: int | None = None, cursor: str | None = None
    ) -> SearchPage:
        """Messages that have all words of the query, newest first."""
        request: dict[str, Any] = {"type": "search.messages", "query": query, "limit": 50}
        given = {"conv": conv, "by": by, "cursor": cursor}
        request |= {name: value for name, value in given.items() if value is not None}
        frame = await self._engine.ask(request)
        hits = (read_entry(wire) for wire in frame["hits"])
        return SearchPage(tuple(hit for hit in hits if isinstance(hit, Message)), frame.get("cursor"))

    def find(self, target: str) -> tuple[Conversation, ...]:
        """The conversations that a person may mean by ``@user``, ``#title`` (without case) or a conversation id."""
        conversations = self.store.conversations.values()
        if target.startswith("@"):
            name = target[1:].lower()
            return tuple(
                one for one in conversations if one.peer is not None and self.store.person(one.peer).username == name
            )
        if target.startswith("#"):
            title = target[1:].strip().casefold()
            return tuple(one for one in conversations if one.kind == "group" and one.title.casefold() == title)
        return tuple(one for one in conversations if str(one.conv) == target)
