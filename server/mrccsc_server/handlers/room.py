"""Conversations, groups, members, read marks, typing."""

from __future__ import annotations

import uuid
from functools import partial

from mrccsc_server.domain.fitting import fitting
from mrccsc_server.domain.operations import Change, Invite, Join, Leave, Operation, Remove, SetRole, Unban
from mrccsc_server.handlers.answers import respond
from mrccsc_server.handlers.operations import Operations, Settled, operation
from mrccsc_server.handlers.registry import Answer, handles
from mrccsc_server.net.connection import Connection
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.conversation import (
    Conversation,
    ConversationFrame,
    ConversationList,
    ConversationMute,
    Conversations,
    DirectOpen,
)
from mrccsc_shared.messages.group import (
    GroupBan,
    GroupCreate,
    GroupFind,
    GroupInvite,
    GroupJoin,
    GroupLeave,
    GroupMembers,
    GroupMembersPage,
    GroupRemove,
    GroupResults,
    GroupRole,
    GroupUnban,
    GroupUpdate,
)
from mrccsc_shared.messages.message import ReadMark, Typing
from mrccsc_shared.text import check_name, check_topic


@handles(ConversationList)
async def list_conversations(services: Services, session: Session, request: ConversationList) -> Answer:
    """The conversations after one."""
    found, more = await services.rooms.page(session, request.after or 0, request.limit)
    shown, _ = fitting(found)
    return Conversations(type="conversations", re=request.id, conversations=shown, more=more or len(shown) < len(found))


@handles(ConversationMute, rate="changes")
async def mute(services: Services, session: Session, request: ConversationMute) -> Answer:
    """Mute or unmute."""
    await services.rooms.mute(session, request.conv, request.muted)
    return None


@handles(DirectOpen, rate="changes")
async def open_direct(services: Services, session: Session, request: DirectOpen) -> Answer:
    """The direct conversation with a friend."""
    return _conversation(await services.rooms.open_direct(session, request.user), request.id)


@handles(GroupCreate, rate=None)
async def create_group(services: Services, session: Session, request: GroupCreate) -> Answer:
    """Make a group. What was made by this cid before is given again before any rate limit, and costs none."""
    changes = services.rates.changes
    wait = changes.take(session.user)
    if wait and (request.cid is None or not await services.store.conversations.made(session.user, request.cid)):
        raise Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
    view, new = await services.rooms.create_group(
        session, _cid(request.cid), request.title, request.topic, request.visibility
    )
    if not new and not wait:
        changes.give_back(session.user)
    return _conversation(view, request.id)


@handles(GroupFind)
async def find_groups(services: Services, session: Session, request: GroupFind) -> Answer:
    """Public groups."""
    groups = await services.store.conversations.find_groups(request.query or "", request.limit)
    shown, _ = fitting(groups)
    return GroupResults(type="group.results", re=request.id, groups=shown)


@handles(GroupMembers)
async def members(services: Services, session: Session, request: GroupMembers) -> Answer:
    """A page of members."""
    found, more = await services.rooms.members(session, request.conv, request.after or 0, request.limit)
    shown, _ = fitting(found)
    return GroupMembersPage(type="group.members", re=request.id, members=shown, more=more or len(shown) < len(found))


@handles(ReadMark)
async def mark_read(services: Services, session: Session, request: ReadMark) -> Answer:
    """Move the read mark."""
    await services.rooms.mark_read(session, request.conv, request.seq, bool(request.unread))
    return None


@handles(Typing)
async def typing(services: Services, session: Session, request: Typing) -> Answer:
    """Tell others, at most once in three seconds; what is too much is dropped, not refused."""
    await services.rooms.typing(
        session, request.conv, heard=not services.rates.typing.take((session.user, request.conv))
    )
    return None


# -- what writes an entry ------------------------------------------------------------------------------------------


def _join(services: Services, session: Session, request: GroupJoin) -> Operation:
    return Join(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=services.digest("join"))


def _leave(services: Services, session: Session, request: GroupLeave) -> Operation:
    return Leave(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=services.digest("leave"))


def _invite(services: Services, session: Session, request: GroupInvite) -> Operation:
    digest = services.digest("invite", request.user)
    return Invite(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=digest, user=request.user)


def _remove(services: Services, session: Session, request: GroupRemove) -> Operation:
    digest = services.digest("remove", request.user)
    return Remove(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=digest, user=request.user)


def _ban(services: Services, session: Session, request: GroupBan) -> Operation:
    digest = services.digest("ban", request.user)
    return Remove(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=digest, user=request.user, ban=True)


def _unban(services: Services, session: Session, request: GroupUnban) -> Operation:
    digest = services.digest("unban", request.user)
    return Unban(conv=request.conv, by=session.user, cid=_cid(request.cid), digest=digest, user=request.user)


def _set_role(services: Services, session: Session, request: GroupRole) -> Operation:
    return SetRole(
        conv=request.conv,
        by=session.user,
        cid=_cid(request.cid),
        digest=services.digest("role", request.user, request.role),
        user=request.user,
        role=request.role,
    )


def _change(services: Services, session: Session, request: GroupUpdate) -> Operation:
    title, topic, visibility = request.title, request.topic, request.visibility
    return Change(
        conv=request.conv,
        by=session.user,
        cid=_cid(request.cid),
        digest=services.digest("change", title, topic, visibility),
        title=None if title is None else check_name(title, "title"),
        topic=None if topic is None else check_topic(topic),
        visibility=visibility,
    )


def _ok(
    services: Services, connection: Connection, session: Session, operation: Operation, re: int, outcome: Settled
) -> None:
    connection.answer(re, encode({"type": "ok", "re": re}))


def _joined(
    services: Services, connection: Connection, session: Session, operation: Operation, re: int, outcome: Settled
) -> None:
    """At once, so that a leave that follows is told after it; or when the session is where it can be told."""
    if (view := services.rooms.joined(session, outcome)) is not None:
        connection.answer(re, encode(_conversation(view, re)))
    else:
        services.background.spawn(
            respond(services, connection, "group.join", re, _seen(services, session, operation.conv, re))
        )


async def _seen(services: Services, session: Session, conv: int, re: int) -> Answer:
    return _conversation(await services.rooms.seen(session, conv), re)


def _conversation(view: Conversation, re: int) -> ConversationFrame:
    return ConversationFrame(type="conversation", re=re, conversation=view)


def _cid(cid: str | None) -> str:
    return cid if cid is not None else str(uuid.uuid4())


_asked = partial(operation, rate="changes", acked=False)

OPERATIONS: Operations = {
    "group.join": _asked(_join, _joined),
    "group.leave": _asked(_leave, _ok),
    "group.invite": _asked(_invite, _ok),
    "group.remove": _asked(_remove, _ok),
    "group.ban": _asked(_ban, _ok),
    "group.unban": _asked(_unban, _ok),
    "group.role": _asked(_set_role, _ok),
    "group.update": _asked(_change, _ok),
}
