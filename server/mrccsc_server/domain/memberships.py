"""The rules for groups: who comes, who goes, who has which role, and what the group is called.

Each function decides one operation: it returns the outcome, or raises :class:`Refusal` before it has changed anything.
"""

from __future__ import annotations

from typing import Any, cast

from mrccsc_server.domain import permissions
from mrccsc_server.domain.ledger import Ledger, entry_to_wire, unchanged
from mrccsc_server.domain.operations import Change, Invite, Join, Leave, Operation, Remove, SetRole, Unban
from mrccsc_server.domain.state import ConversationState, Duplicate, Membership, Stored
from mrccsc_shared.entry import JoinReason, LeaveReason
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.conversation import Conversation, GoneReason


def join(ledger: Ledger, op: Join, conversation: ConversationState) -> Stored:
    """Let the asker into a group that is open to them."""
    return _add(ledger, op, conversation, op.by, "joined")


def invite(ledger: Ledger, op: Invite, conversation: ConversationState) -> Stored | Duplicate:
    """Let a friend of the asker in."""
    theirs = ledger.facts.members.get((op.conv, op.user))
    if theirs is not None and theirs.active:
        return unchanged(conversation)
    if op.user not in ledger.facts.users:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    if (op.by, op.user) not in ledger.facts.friends:
        raise Refusal(ErrorCode.FORBIDDEN, "You can invite only friends.")
    if theirs is not None and theirs.state == "banned":
        raise Refusal(ErrorCode.FORBIDDEN, "They are banned from this group.")
    return _add(ledger, op, conversation, op.user, "invited")


def _add(ledger: Ledger, op: Operation, conversation: ConversationState, user: int, reason: JoinReason) -> Stored:
    if conversation.members >= ledger.limits.members:
        raise Refusal(ErrorCode.TOO_LARGE, f"A group has at most {ledger.limits.members} members.")
    groups = ledger.facts.groups.get(user, 0)
    if groups >= ledger.limits.groups:
        raise Refusal(ErrorCode.TOO_LARGE, f"A user is in at most {ledger.limits.groups} groups.")
    ledger.facts.groups[user] = groups + 1
    before = conversation.head
    member = ledger.facts.members.get((op.conv, user))
    if member is None:
        member = Membership(op.conv, user, "member", "member", before + 1)
        ledger.facts.members[op.conv, user] = member
    member.state, member.role, member.joined = "member", "member", before + 1
    member.read, member.read_messages, member.read_own = before, conversation.messages, member.sent
    member.unread_from = None
    ledger.touch_member(member)
    conversation.members += 1
    row = ledger.append(op, conversation, "join", subject=user, data={"reason": reason})
    return Stored(entry_to_wire(row), view=_joined_view(conversation, member, before))


def leave(ledger: Ledger, op: Leave, conversation: ConversationState, mine: Membership) -> Stored:
    """Let the asker go; the last one to go closes the group."""
    if mine.role == "owner" and conversation.members > 1:
        raise Refusal(ErrorCode.FORBIDDEN, "Hand the group over to another member before you leave it.")
    return _drop(ledger, op, conversation, mine, "left")


def remove(ledger: Ledger, op: Remove, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Take somebody out who ranks below the asker; with a ban also before they ever come."""
    permissions.require_admin(mine)
    theirs = ledger.facts.members.get((op.conv, op.user))
    if op.user == op.by:
        raise Refusal(ErrorCode.FORBIDDEN, "To go yourself, leave the group.")
    if theirs is not None:
        permissions.require_above(mine, theirs)
    if theirs is not None and theirs.active:
        return _drop(ledger, op, conversation, theirs, "banned" if op.ban else "removed")
    if not op.ban:
        if op.user not in ledger.facts.users:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such member.")
        return unchanged(conversation)
    if op.user not in ledger.facts.users:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    if theirs is None:
        theirs = ledger.facts.members[op.conv, op.user] = Membership(op.conv, op.user, "banned", "member", 0)
    theirs.state = "banned"
    ledger.touch_member(theirs)
    return unchanged(conversation)


def _drop(
    ledger: Ledger, op: Operation, conversation: ConversationState, member: Membership, reason: LeaveReason
) -> Stored:
    member.state, member.role = reason, "member"
    ledger.touch_member(member)
    ledger.facts.groups[member.user] = ledger.facts.groups.get(member.user, 1) - 1
    conversation.members -= 1
    gone: GoneReason = reason
    if conversation.members == 0:
        conversation.writable = False
        gone = "closed"
    row = ledger.append(op, conversation, "leave", subject=member.user, data={"reason": reason})
    return Stored(entry_to_wire(row), gone=gone)


def unban(ledger: Ledger, op: Unban, conversation: ConversationState, mine: Membership) -> Duplicate:
    """Let somebody come again."""
    permissions.require_admin(mine)
    theirs = ledger.facts.members.get((op.conv, op.user))
    if theirs is not None and theirs.state == "banned":
        theirs.state = "removed"
        ledger.touch_member(theirs)
    elif op.user not in ledger.facts.users:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    return unchanged(conversation)


def set_role(ledger: Ledger, op: SetRole, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Give a member another role; the owner's is handed over."""
    permissions.require_owner(mine)
    theirs = ledger.facts.members.get((op.conv, op.user))
    if theirs is None or not theirs.active:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such member.")
    if theirs.role == op.role:
        return unchanged(conversation)
    if op.user == op.by:
        raise Refusal(ErrorCode.FORBIDDEN, "Hand the group over by making another member its owner.")
    if op.role == "owner":
        mine.role = "admin"
        ledger.touch_member(mine)
    theirs.role = op.role
    ledger.touch_member(theirs)
    row = ledger.append(op, conversation, "role", subject=op.user, data={"role": op.role})
    return Stored(entry_to_wire(row))


def change(ledger: Ledger, op: Change, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Change what is named and differs."""
    permissions.require_admin(mine)
    data: dict[str, object] = {}
    if op.title is not None and op.title != conversation.title:
        data["title"] = conversation.title = op.title
    if op.topic is not None and op.topic != conversation.topic:
        data["topic"] = conversation.topic = op.topic
    if op.visibility is not None and op.visibility != conversation.visibility:
        data["visibility"] = conversation.visibility = op.visibility
    if not data:
        return unchanged(conversation)
    return Stored(entry_to_wire(ledger.append(op, conversation, "change", data=data)))


def _joined_view(conversation: ConversationState, member: Membership, before: int) -> Conversation:
    view: dict[str, Any] = {
        "conv": conversation.conv,
        "kind": conversation.kind,
        "title": conversation.title,
        "visibility": conversation.visibility,
        "role": member.role,
        "muted": member.muted,
        "from": permissions.first_readable(conversation, member),
        "head": before,
        "read": before,
        "unread": 0,
        "mentions": 0,
        "members": conversation.members,
    }
    if conversation.topic:
        view["topic"] = conversation.topic
    return cast(Conversation, view)
