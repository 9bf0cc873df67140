"""Contacts and finding users: acts upon a relation, and who is told of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.ports import Bus, Chosen, ContactHint, Store, UserHint
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService, presence_event
from mrccsc_server.services.renewal import Renewal, encode_contact
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.presence import ChosenStatus, Presence
from mrccsc_shared.text import check_name, check_topic, check_username

BEFRIENDING = frozenset((ContactAct.REQUEST, ContactAct.ACCEPT))
"""Acts that may make friends, who are told how they are seen."""


class People:
    """Who people are to each other. Events go to the other side, and to the actor's other connections."""

    def __init__(
        self, store: Store, live: Live, presence: PresenceService, renewal: Renewal, bus: Bus, spawn: Spawn
    ) -> None:
        self._store = store
        self._live = live
        self._presence = presence
        self._renewal = renewal
        self._bus = bus
        self._spawn = spawn

    async def request(self, session: Session, username: str) -> Contact:
        """Ask somebody by user name."""
        other = await self._store.accounts.by_name(check_username(username))
        if other is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no user of that name.")
        return await self.act(session, ContactAct.REQUEST, other.user)

    async def act(self, session: Session, act: ContactAct, other: int) -> Contact:
        """Carry out an act; the relation in the eyes of the actor."""
        pair = (session.user, other)
        # Before the commit: after it nothing is waited for until all is told, lest a later act is told first.
        seen = await self._presence.of(pair) if act in BEFRIENDING else {}
        change = await self._store.contacts.act(act, session.user, other)
        if change.friends:
            _add(change.mine, seen)
            _add(change.theirs, seen)
        if change.changed:
            self._tell(session.user, change.mine, but=session)
        if change.theirs is not None:
            self._tell(other, change.theirs)
        if change.friends:
            self._spawn(self._look_again(seen, {other: [session.user], session.user: [other]}))
        return change.mine

    async def rename(self, session: Session, display_name: str | None) -> None:
        """Change the own display name, and tell friends."""
        if display_name is None:
            return
        user, name = session.user, check_name(display_name)
        seen = await self._presence.of((user,))
        friends = await self._store.accounts.rename(user, name)
        for friend, contact in friends.items():
            _add(contact, seen)
            self._tell(friend, contact)
        if friends:
            self._spawn(self._look_again(seen, {user: list(friends)}))

    async def set_status(self, session: Session, status: ChosenStatus, text: str | None) -> None:
        """Choose how one is seen."""
        chosen = check_topic(text, "status text") if text else None
        await self._store.accounts.set_status(session.user, status, chosen)
        await self._presence.choose(session.user, Chosen(status, chosen))

    async def _look_again(self, seen: Mapping[int, Presence], readers: Mapping[int, Collection[int]]) -> None:
        """Tell readers how users are seen, where that has changed since it was looked up for them."""
        now = await self._presence.of(list(readers))
        for user, presence in now.items():
            if presence != seen.get(user):
                line = encode(presence_event(presence))
                self._live.to_users(readers[user], line)
                self._bus.publish([UserHint(tuple(readers[user]), line)])

    def _tell(self, user: int, contact: Contact, but: Session | None = None) -> None:
        line, other = encode_contact(contact), contact["user"]["user"]
        self._renewal.hear((user,), other)
        self._live.to_users((user,), line, but)
        self._bus.publish([ContactHint((user,), other, line)])


def _add(contact: Contact | None, presences: Mapping[int, Presence]) -> None:
    if contact is not None and (seen := presences.get(contact["user"]["user"])) is not None:
        contact["presence"] = seen
