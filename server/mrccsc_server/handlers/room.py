"""Conversations, groups, members, read marks, typing."""

from __future__ import annotations

import uuid

from mrccsc_server.domain.fitting import fitting
from mrccsc_server.handlers.registry import Answer, handles
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
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


@handles(ConversationList)
async def list_conversations(services: Services, session: Session, request: ConversationList) -> Answer:
    """The conversations after one."""
    found, more = await services.store.conversations.page(session.user, request.after or 0, request.limit)
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


@handles(GroupCreate, rate="changes")
async def create_group(services: Services, session: Session, request: GroupCreate) -> Answer:
    """Make a group."""
    view = await services.rooms.create_group(
        session, _cid(request.cid), request.title, request.topic, request.visibility
    )
    return _conversation(view, request.id)


@handles(GroupFind)
async def find_groups(services: Services, session: Session, request: GroupFind) -> Answer:
    """Public groups."""
    groups = await services.store.conversations.find_groups(request.query or "", request.limit)
    shown, _ = fitting(groups)
    return GroupResults(type="group.results", re=request.id, groups=shown)


@handles(GroupJoin, rate="changes")
async def join(services: Services, session: Session, request: GroupJoin) -> Answer:
    """Join a public group."""
    return _conversation(await services.rooms.join(session, request.conv, _cid(request.cid)), request.id)


@handles(GroupLeave, rate="changes")
async def leave(services: Services, session: Session, request: GroupLeave) -> Answer:
    """Leave a group."""
    await services.rooms.leave(session, request.conv, _cid(request.cid))
    return None


@handles(GroupInvite, rate="changes")
async def invite(services: Services, session: Session, request: GroupInvite) -> Answer:
    """Make a friend a member."""
    await services.rooms.invite(session, request.conv, request.user, _cid(request.cid))
    return None


@handles(GroupRemove, rate="changes")
async def remove(services: Services, session: Session, request: GroupRemove) -> Answer:
    """Take a member out."""
    await services.rooms.remove(session, request.conv, request.user, _cid(request.cid))
    return None


@handles(GroupBan, rate="changes")
async def ban(services: Services, session: Session, request: GroupBan) -> Answer:
    """Take a user out and keep them out."""
    await services.rooms.remove(session, request.conv, request.user, _cid(request.cid), ban=True)
    return None


@handles(GroupUnban, rate="changes")
async def unban(services: Services, session: Session, request: GroupUnban) -> Answer:
    """Let a banned user join again."""
    await services.rooms.unban(session, request.conv, request.user, _cid(request.cid))
    return None


@handles(GroupRole, rate="changes")
async def set_role(services: Services, session: Session, request: GroupRole) -> Answer:
    """Give a member a role."""
    await services.rooms.set_role(session, request.conv, request.user, request.role, _cid(request.cid))
    return None


@handles(GroupUpdate, rate="changes")
async def update(services: Services, session: Session, request: GroupUpdate) -> Answer:
    """Change title, topic or visibility."""
    await services.rooms.change(
        session,
        request.conv,
        _cid(request.cid),
        title=request.title,
        topic=request.topic,
        visibility=request.visibility,
    )
    return None


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


def _conversation(view: Conversation, re: int) -> ConversationFrame:
    return ConversationFrame(type="conversation", re=re, conversation=view)


def _cid(cid: str | None) -> str:
    return cid if cid is not None else str(uuid.uuid4())
