"""Conversations: opening direct ones, making and changing groups, members, read marks, typing."""

from __future__ import annotations

import logging
from collections.abc import Collection

from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Bus, ConversationHint, Store, UserHint, ViewHint
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.digest import Digester
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService
from mrccsc_server.services.roster import encode_view
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.entry import Entry, Visibility
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.messages.message import ReadMarked, TypingEvent
from mrccsc_shared.text import check_name, check_topic

log = logging.getLogger(__name__)

REFRESHED_MAX = 500
"""Members here who are sent the facts of a group anew when it changes; the entry tells the others all the same."""

TRIES = 3
"""How often a conversation is read anew for who asks for it, when what was told meanwhile does not agree."""


class Rooms:
    """The user's conversations."""

    def __init__(
        self,
        store: Store,
        live: Live,
        presence: PresenceService,
        bus: Bus,
        digest: Digester,
        spawn: Spawn,
    ) -> None:
        self._store = store
        self._live = live
        self._presence = presence
        self._bus = bus
        self._digest = digest
        self._spawn = spawn
        live.observers.append(self._refresh_after)

    # -- coming in -------------------------------------------------------------------------------------------------

    async def open_direct(self, session: Session, friend: int) -> Conversation:
        """The direct conversation with a friend."""
        mine, theirs = await self._store.conversations.open_direct(session.user, friend)
        if theirs is not None:
            self._introduce(session.user, mine, session)
            self._introduce(friend, theirs)
        return mine

    async def create_group(
        self, session: Session, cid: str, title: str, topic: str | None, visibility: Visibility
    ) -> tuple[Conversation, bool]:
        """A new group of the user's, or the one that this cid made before; whether it is new."""
        title, topic = check_name(title, "title"), check_topic(topic or "")
        digest = self._digest("create", title, topic, visibility)
        told = session.farewells
        view, new = await self._store.conversations.create_group(session.user, cid, digest, title, topic, visibility)
        if new:
            self._introduce(session.user, view, session)
        elif not self._hand_over(session, view, told):
            view = await self.seen(session, view["conv"])
        return view, new

    def joined(self, session: Session, outcome: Stored | Duplicate) -> Conversation | None:
        """What a session that joined is to be told in the step in which it hears of it; ``None``: see :meth:`seen`."""
        if isinstance(outcome, Duplicate) or outcome.view is None:
            return None
        entry = outcome.entry
        if not self._live.knows(session, entry["conv"]):
            # The node has come further for others meanwhile: the session begins where the conversation is now.
            return None
        return {**outcome.view, "head": entry["seq"], "last": entry}

    async def seen(self, session: Session, conv: int) -> Conversation:
        """A conversation that the user is or was in, as they see it: in it just when the session was told so.

        It may be the answer by which the session is told. It must be given at once, before anything else is told.
        """
        for _ in range(TRIES):
            told = session.farewells
            view = await self._store.conversations.seen(conv, session.user)
            if self._hand_over(session, view, told):
                return view
        raise Refusal(ErrorCode.UNAVAILABLE)

    async def page(self, session: Session, after: int, limit: int) -> tuple[list[Conversation], bool]:
        """The user's conversations with an id above ``after``, of which the session was told; whether there are more.

        Any other has been left since, or is about to be told.
        """
        while True:
            found, more = await self._store.conversations.page(session.user, after, limit)
            known = [view for view in found if self._live.knows(session, view["conv"])]
            if known or not more:
                return known, more
            after = found[-1]["conv"]

    # -- changing --------------------------------------------------------------------------------------------------

    async def mute(self, session: Session, conv: int, muted: bool) -> None:
        """Mute or unmute on all devices."""
        view = await self._store.conversations.mute(conv, session.user, muted)
        line = encode_view(view)
        self._live.send_facts(session.user, conv, line, session)
        self._bus.publish([ViewHint((session.user,), conv, line)])

    # -- reading and typing ----------------------------------------------------------------------------------------

    async def mark_read(self, session: Session, conv: int, seq: int, unread: bool) -> None:
        """Move the read mark; tell the user's other connections, and in a direct conversation the peer."""
        mark = await self._store.conversations.mark_read(conv, session.user, seq, unread)
        if not mark.changed:
            return
        event: ReadMarked = {"type": "read.marked", "conv": conv, "user": session.user, "seq": mark.seq}
        if mark.peer is not None and not unread:
            self._tell(mark.peer, encode(event))
        if mark.unread_from is not None:
            event["unread_from"] = mark.unread_from
        self._tell(session.user, encode(event), session)

    async def typing(self, session: Session, conv: int, *, heard: bool) -> None:
        """Tell the other members that the user is typing; unless ``heard``, only check that they might."""
        await self._store.conversations.require_writer(conv, session.user)
        if not heard:
            return
        event: TypingEvent = {"type": "typing", "conv": conv, "user": session.user}
        line = encode(event)
        self._live.to_members(conv, line, session.user)
        self._bus.publish([ConversationHint(conv, line, session.user)])

    async def members(self, session: Session, conv: int, after: int, limit: int) -> tuple[list[Member], bool]:
        """A page of members with their presence as of now."""
        members, more = await self._store.conversations.members(conv, session.user, after, limit)
        presences = await self._presence.of([member["user"]["user"] for member in members])
        for member in members:
            if (seen := presences.get(member["user"]["user"])) is not None:
                member["presence"] = seen
        return members, more

    # -- within ----------------------------------------------------------------------------------------------------

    def _hand_over(self, session: Session, view: Conversation, farewells: int) -> bool:
        """Let a session be told of a group by its answer; false where what it was told meanwhile does not agree.

        The view was read after the session was told so many ``farewells``.
        """
        conv, member = view["conv"], "role" in view
        if session.farewells != farewells:
            # It may be of the time before.
            return False
        if member and not self._live.knows(session, conv):
            self._live.introduce(session.user, view, session)
        return self._live.knows(session, conv) is member

    def _introduce(self, user: int, view: Conversation, origin: Session | None = None) -> None:
        self._live.introduce(user, view, origin)
        self._bus.publish([ViewHint((user,), view["conv"], encode_view(view))])

    def _tell(self, user: int, line: bytes, but: Session | None = None) -> None:
        self._live.to_users((user,), line, but)
        self._bus.publish([UserHint((user,), line)])

    def _refresh_after(self, entry: Entry) -> None:
        """A group's facts changed: whoever is here and sees other facts now is sent the conversation anew."""
        if entry["kind"] == "change":
            users = self._live.members(entry["conv"])[:REFRESHED_MAX]
        elif entry["kind"] == "role":
            users = [entry["user"], entry["by"]]
        else:
            return
        self._spawn(self._refresh(entry["conv"], users))

    async def _refresh(self, conv: int, users: Collection[int]) -> None:
        try:
            self._live.refresh(conv, await self._store.conversations.views(conv, users))
        except Refusal:
            log.warning("The changed facts of a conversation were not sent again: the database does not answer.")
