"""Who may do what in a conversation: the tables of the protocol as code.

Each ``require_*`` returns or raises :class:`Refusal`. A conversation that does not exist and one that is not the
asker's are refused alike: ``not_found``.
"""

from __future__ import annotations

from mrccsc_server.domain.state import ConversationState, Membership
from mrccsc_shared.entry import Role
from mrccsc_shared.errors import ErrorCode, Refusal

_RANK: dict[Role, int] = {"member": 0, "admin": 1, "owner": 2}


def first_readable(conversation: ConversationState, member: Membership) -> int:
    """The first seq that a member may read: all in public groups and direct chats, else from the latest join."""
    return 1 if is_open(conversation.kind, conversation.visibility) else member.joined


def is_open(kind: str, visibility: str) -> bool:
    """Whether whoever enters a conversation may read it from its beginning."""
    return kind == "direct" or visibility == "public"


def require_member(
    conversation: ConversationState | None, member: Membership | None
) -> tuple[ConversationState, Membership]:
    """Both, where the asker is a member now."""
    if conversation is None or member is None or member.state != "member":
        raise Refusal(ErrorCode.NOT_FOUND)
    return conversation, member


def require_writable(conversation: ConversationState) -> None:
    """A direct conversation takes nothing new once the friendship has ended."""
    if not conversation.writable:
        raise Refusal(ErrorCode.FORBIDDEN, "You are no longer friends; this conversation can only be read.")


def require_group(conversation: ConversationState) -> None:
    """Memberships, roles and titles are a group's."""
    if conversation.kind != "group":
        raise Refusal(ErrorCode.FORBIDDEN, "That is possible only in a group.")


def require_admin(member: Membership) -> None:
    """Owner or admin."""
    if _RANK[member.role] < _RANK["admin"]:
        raise Refusal(ErrorCode.FORBIDDEN, "Only the owner and admins may do that.")


def require_owner(member: Membership) -> None:
    """The owner."""
    if member.role != "owner":
        raise Refusal(ErrorCode.FORBIDDEN, "Only the owner may do that.")


def require_above(member: Membership, other: Membership) -> None:
    """An admin acts on members, the owner on everyone else."""
    require_admin(member)
    if other.active and _RANK[other.role] >= _RANK[member.role]:
        raise Refusal(ErrorCode.FORBIDDEN, "That needs a higher role than theirs.")


def require_joinable(conversation: ConversationState | None, member: Membership | None) -> ConversationState:
    """A group that is open to someone who is no member."""
    if conversation is None or conversation.kind != "group" or not conversation.writable:
        raise Refusal(ErrorCode.NOT_FOUND)
    if conversation.visibility != "public":
        raise Refusal(ErrorCode.NOT_FOUND)
    if member is not None and member.state == "banned":
        raise Refusal(ErrorCode.FORBIDDEN, "You are banned from this group.")
    return conversation
