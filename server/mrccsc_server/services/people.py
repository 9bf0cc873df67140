"""Contacts and finding users: acts upon a relation, and who is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.ports import Bus, Chosen, Store, UserHint
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService
from mrccsc_server.services.renewal import Renewal
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.presence import ChosenStatus, Presence
from mrccsc_shared.text import check_name, check_topic, check_username


class People:
    """Who people are to each other. Events go to the other side, and to the actor's other connections."""

    def __init__(self, store: Store, live: Live, presence: PresenceService, renewal: Renewal, bus: Bus) -> None:
        self._store = store
        self._live = live
        self._presence = presence
        self._renewal = renewal
        self._bus = bus

    async def request(self, session: Session, username: str) -> Contact:
        """Ask somebody by user name."""
        other = await self._store.accounts.by_name(check_username(username))
        if other is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no user of that name.")
        return await self.act(session, ContactAct.REQUEST, other.user)

    async def act(self, session: Session, act: ContactAct, other: int) -> Contact:
        """Carry out an act; the relation in the eyes of the actor."""
        change = await self._store.contacts.act(act, session.user, other)
        if change.friends:
            seen = await self._presence.of((other, session.user))
            self._add(change.mine, seen)
            self._add(change.theirs, seen)
        if change.changed:
            self._tell(session.user, change.mine, but=session)
        if change.theirs is not None:
            self._tell(other, change.theirs)
        return change.mine

    async def rename(self, session: Session, display_name: str | None) -> None:
        """Change the own display name, and tell friends."""
        if display_name is None:
            return
        await self._store.accounts.rename(session.user, check_name(display_name))
        seen = await self._presence.of((session.user,))
        for friend in await self._store.contacts.friends(session.user):
            for contact in await self._store.contacts.of_user(friend):
                if contact["user"]["user"] == session.user:
                    self._add(contact, seen)
                    self._tell(friend, contact)

    async def set_status(self, session: Session, status: ChosenStatus, text: str | None) -> None:
        """Choose how one is seen."""
        chosen = check_topic(text) if text else None
        await self._store.accounts.set_status(session.user, status, chosen)
        await self._presence.choose(session.user, Chosen(status, chosen))

    def _add(self, contact: Contact | None, presences: Mapping[int, Presence]) -> None:
        if contact is not None and (seen := presences.get(contact["user"]["user"])) is not None:
            contact["presence"] = seen

    def _tell(self, user: int, contact: Contact, but: Session | None = None) -> None:
        line = encode({"type": "contact", "contact": contact})
        self._renewal.hear((user,), line)
        self._live.to_users((user,), line, but)
        self._bus.publish([UserHint((user,), line)])
