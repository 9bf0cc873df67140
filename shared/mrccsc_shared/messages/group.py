"""Groups: making, finding and changing them, and who is in them."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from mrccsc_shared.entry import Role, SaidRole, Visibility
from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.messages.contact import User
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.presence import Presence
from mrccsc_shared.types import Cid, Cursor, Id, PageSize, Query, RequestId


class GroupCreate(Command):
    """Make a group; the asker owns it. A known cid gives the group it made."""

    answer = "conversation"
    type: Literal["group.create"] = "group.create"
    cid: Cid | None = None
    title: str
    topic: str | None = None
    visibility: Visibility


class GroupFind(Command):
    """Public groups by a part of their title; all of them without a query."""

    answer = "group.results"
    heavy = True
    type: Literal["group.find"] = "group.find"
    query: Query | None = None
    limit: PageSize


@frame
class GroupResults(TypedDict):
    """The groups found, the largest first."""

    type: Literal["group.results"]
    re: RequestId
    groups: list[Conversation]


class GroupJoin(Command):
    """Become a member of a public group.

    A retry by one who has left since is answered with the group as everybody sees it, without ``role``.
    """

    answer = "conversation"
    type: Literal["group.join"] = "group.join"
    conv: Id
    cid: Cid | None = None


class GroupLeave(Command):
    """Leave a group; the last member's leave closes it."""

    type: Literal["group.leave"] = "group.leave"
    conv: Id
    cid: Cid | None = None


class GroupInvite(Command):
    """Make a friend a member at once."""

    type: Literal["group.invite"] = "group.invite"
    conv: Id
    user: Id
    cid: Cid | None = None


class GroupRemove(Command):
    """Take a member out; they may come back."""

    type: Literal["group.remove"] = "group.remove"
    conv: Id
    user: Id
    cid: Cid | None = None


class GroupBan(Command):
    """Take a user out, or keep one out, until unbanned."""

    type: Literal["group.ban"] = "group.ban"
    conv: Id
    user: Id
    cid: Cid | None = None


class GroupUnban(Command):
    """Let a banned user join again."""

    type: Literal["group.unban"] = "group.unban"
    conv: Id
    user: Id
    cid: Cid | None = None


class GroupRole(Command):
    """Give a member a role; ``owner`` hands the group over and makes the old owner an admin."""

    type: Literal["group.role"] = "group.role"
    conv: Id
    user: Id
    role: Role
    cid: Cid | None = None


class GroupUpdate(Command):
    """Change the title, topic or visibility."""

    type: Literal["group.update"] = "group.update"
    conv: Id
    cid: Cid | None = None
    title: str | None = None
    topic: str | None = None
    visibility: Visibility | None = None


class GroupMembers(Command):
    """The members after one, in ascending order of their ids."""

    answer = "group.members"
    heavy = True
    type: Literal["group.members"] = "group.members"
    conv: Id
    after: Cursor | None = None
    limit: PageSize


class Member(TypedDict):
    """A member; presence as of the question."""

    user: User
    role: SaidRole
    presence: NotRequired[Presence]


@frame
class GroupMembersPage(TypedDict):
    """A part of a group's members."""

    type: Literal["group.members"]
    re: RequestId
    members: list[Member]
    more: bool
