"""People: finding them, and what they are to the user."""

from __future__ import annotations

from mrccsc_shared.limits import MAX_PAGE
from mrccsc_tui.client.core import ClientCore
from mrccsc_tui.state.models import Contact, Conversation, Person
from mrccsc_tui.state.wire import read_contact, read_person


class People(ClientCore):
    """Contacts and direct conversations."""

    async def search_users(self, query: str) -> tuple[Person, ...]:
        """People by a part of their user or display name."""
        frame = await self._engine.ask({"type": "user.search", "query": query, "limit": MAX_PAGE})
        return tuple(map(read_person, frame["users"]))

    async def request_contact(self, username: str) -> Contact:
        """Ask somebody to be a friend (or accept, when they have asked)."""
        frame = await self._engine.ask({"type": "contact.request", "username": username})
        return read_contact(frame["contact"])

    async def accept_contact(self, user: int) -> Contact:
        """Accept an incoming request."""
        return await self._contact("contact.accept", user)

    async def decline_contact(self, user: int) -> Contact:
        """Decline an incoming request."""
        return await self._contact("contact.decline", user)

    async def remove_contact(self, user: int) -> Contact:
        """End a friendship, or take back an own request."""
        return await self._contact("contact.remove", user)

    async def block(self, user: int) -> Contact:
        """Block somebody; it ends a friendship."""
        return await self._contact("contact.block", user)

    async def unblock(self, user: int) -> Contact:
        """End a block."""
        return await self._contact("contact.unblock", user)

    async def open_direct(self, user: int) -> Conversation:
        """The direct conversation with a friend."""
        frame = await self._engine.ask({"type": "direct.open", "user": user})
        return self.store.conversations[frame["conversation"]["conv"]]

    async def _contact(self, kind: str, user: int) -> Contact:
        frame = await self._engine.ask({"type": kind, "user": user})
        return read_contact(frame["contact"])
