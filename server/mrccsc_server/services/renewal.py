"""What only hints carry is told anew after they may have been lost: relations, read marks, facts of conversations.

It takes its time, so that many users do not storm the database, and it may say again what is known already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from mrccsc_server.ports import Store
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import Refusal
from mrccsc_shared.messages.contact import Contact, ContactFrame

RENEWED = 20
"""Users who are told before others get a turn."""

PAUSE = 0.1
"""Seconds between two such turns."""

RETRY = 5.0
"""Seconds before it begins again after the database did not answer."""

CONVERSATIONS = 200
"""Conversations read by one query."""


class Renewal:
    """Remembers whom the users here know, and tells them anew how things stand."""

    def __init__(self, store: Store, live: Live, presence: PresenceService) -> None:
        self._store = store
        self._live = live
        self._presence = presence
        self._known: dict[int, set[int]] = {}
        self._due = asyncio.Event()

    def know(self, user: int, others: Collection[int]) -> None:
        """A session of the user was told of contacts with these others."""
        if others:
            self._known.setdefault(user, set()).update(others)

    def hear(self, users: Iterable[int], other: int) -> None:
        """The users are told of a contact with another one, those of them who are here."""
        for user in users:
            if user in self._live.users:
                self.know(user, (other,))

    def forget(self, user: int) -> None:
        """No session of the user is here any more."""
        self._known.pop(user, None)

    def demand(self) -> None:
        """Tell everybody anew, soon."""
        self._due.set()

    async def run(self) -> None:
        """Do so whenever it is demanded, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                for number, user in enumerate(list(self._live.users), 1):
                    await self._tell_contacts(user)
                    await self._tell_conversations(user)
                    if number % RENEWED == 0:
                        await asyncio.sleep(PAUSE)
            except Refusal:
                self._due.set()
                await asyncio.sleep(RETRY)

    async def _tell_contacts(self, user: int) -> None:
        contacts = await self._store.contacts.of_user(user)
        presences = await self._presence.of([contact["user"]["user"] for contact in contacts])
        known = self._known.get(user, set())
        self._known[user] = {contact["user"]["user"] for contact in contacts}
        for other in known - self._known[user]:
            if account := await self._store.accounts.by_id(other):
                contacts.append({"user": account.profile, "relation": "none"})
        for contact in contacts:
            if contact["relation"] == "friend" and (seen := presences.get(contact["user"]["user"])) is not None:
                contact["presence"] = seen
            self._live.to_users((user,), encode_contact(contact))

    async def _tell_conversations(self, user: int) -> None:
        after, more = 0, True
        while more:
            views, more = await self._store.conversations.page(user, after, CONVERSATIONS)
            for view in views:
                after = view["conv"]
                self._live.refresh(after, {user: view})


def encode_contact(contact: Contact) -> bytes:
    """The line that tells a user of a contact."""
    frame: ContactFrame = {"type": "contact", "contact": contact}
    return encode(frame)
