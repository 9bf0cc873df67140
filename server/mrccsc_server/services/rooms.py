"""Conversations: opening direct ones, making and changing groups, members, read marks, typing."""

from __future__ import annotations

import logging
from collections.abc import Collection

from mrccsc_server.domain.operations import Change, Invite, Join, Leave, Operation, Remove, SetRole, Unban
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Bus, ConversationHint, Store, UserHint
from mrccsc_server.services.digest import Digester
from mrccsc_server.services.live import Live
from mrccsc_server.services.log import LogService
from mrccsc_server.services.presence import PresenceService, Spawn
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.entry import Entry, Role, Visibility
from mrccsc_shared.errors import Refusal
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.messages.message import ReadMarked, TypingEvent
from mrccsc_shared.text import check_name, check_topic

log = logging.getLogger(__name__)

REFRESHED_MAX = 500
"""Members here who are sent the facts of a group anew when it changes; the entry tells the others all the same."""

TRIES = 3
"""How often a conversation is read anew for who joined it, when the node was ahead of what was read."""


class Rooms:
    """The user's conversations."""

    def __init__(
        self,
        store: Store,
        live: Live,
        log_service: LogService,
        presence: PresenceService,
        bus: Bus,
        digest: Digester,
        spawn: Spawn,
    ) -> None:
        self._store = store
        self._live = live
        self._log = log_service
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
    ) -> Conversation:
        """A new group of the user's, or the one that this cid made before."""
        title, topic = check_name(title, "title"), check_topic(topic or "")
        digest = self._digest("create", title, topic, visibility)
        view, new = await self._store.conversations.create_group(session.user, cid, digest, title, topic, visibility)
        if new:
            self._introduce(session.user, view, session)
        return view

    async def join(self, session: Session, conv: int, cid: str) -> Conversation:
        """Become a member of a public group."""
        operation = Join(conv=conv, by=session.user, cid=cid, digest=self._digest("join"))
        outcome = await self._log.perform(operation, session)
        for _ in range(TRIES):
            if self._live.is_inside(session.user, conv):
                break
            # The node has come further for others meanwhile: the session begins where the conversation is now.
            views = await self._store.conversations.views(conv, (session.user,))
            if session.user not in views:
                break
            self._live.introduce(session.user, views[session.user], session)
            if self._live.is_inside(session.user, conv):
                return views[session.user]
        if isinstance(outcome, Stored) and outcome.view is not None:
            return {**outcome.view, "head": outcome.entry["seq"], "last": outcome.entry}
        return await self._store.conversations.seen(conv, session.user)

    # -- changing --------------------------------------------------------------------------------------------------

    async def leave(self, session: Session, conv: int, cid: str) -> None:
        """Leave a group."""
        await self._perform(session, Leave(conv=conv, by=session.user, cid=cid, digest=self._digest("leave")))

    async def invite(self, session: Session, conv: int, user: int, cid: str) -> None:
        """Make a friend a member."""
        digest = self._digest("invite", user)
        await self._perform(session, Invite(conv=conv, by=session.user, cid=cid, digest=digest, user=user))

    async def remove(self, session: Session, conv: int, user: int, cid: str, *, ban: bool = False) -> None:
        """Take a member out, and with ``ban`` keep them out."""
        digest = self._digest("ban" if ban else "remove", user)
        await self._perform(session, Remove(conv=conv, by=session.user, cid=cid, digest=digest, user=user, ban=ban))

    async def unban(self, session: Session, conv: int, user: int, cid: str) -> None:
        """Let a banned user join again."""
        digest = self._digest("unban", user)
        await self._perform(session, Unban(conv=conv, by=session.user, cid=cid, digest=digest, user=user))

    async def set_role(self, session: Session, conv: int, user: int, role: Role, cid: str) -> None:
        """Give a member a role."""
        digest = self._digest("role", user, role)
        await self._perform(session, SetRole(conv=conv, by=session.user, cid=cid, digest=digest, user=user, role=role))

    async def change(
        self,
        session: Session,
        conv: int,
        cid: str,
        *,
        title: str | None,
        topic: str | None,
        visibility: Visibility | None,
    ) -> None:
        """Change what a group is called, about and open to."""
        await self._perform(
            session,
            Change(
                conv=conv,
                by=session.user,
                cid=cid,
                digest=self._digest("change", title, topic, visibility),
                title=None if title is None else check_name(title, "title"),
                topic=None if topic is None else check_topic(topic),
                visibility=visibility,
            ),
        )

    async def mute(self, session: Session, conv: int, muted: bool) -> None:
        """Mute or unmute on all devices."""
        view = await self._store.conversations.mute(conv, session.user, muted)
        line = encode({"type": "conversation", "conversation": view})
        self._live.send_facts(session.user, conv, line, session)
        self._bus.publish([UserHint((session.user,), line)])

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

    async def _perform(self, session: Session, operation: Operation) -> Stored | Duplicate:
        return await self._log.perform(operation, session)

    def _introduce(self, user: int, view: Conversation, origin: Session | None = None) -> None:
        self._live.introduce(user, view, origin)
        self._bus.publish([UserHint((user,), encode({"type": "conversation", "conversation": view}))])

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
