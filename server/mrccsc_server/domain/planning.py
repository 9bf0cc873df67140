"""The rules of the log: operations and the facts about them → outcomes, and the rows to write.

A store reads what :func:`needs` names under the locks of its transaction, lets a :class:`Plan` judge the operations
one after the other, and writes :attr:`Plan.changes` with set-wise statements before it commits. So the rules are the
same on every database, permission is decided by facts that cannot change before the commit, and a batch costs a fixed
number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from mrccsc_server.domain import permissions
from mrccsc_server.domain.operations import (
    Change,
    Delete,
    Edit,
    Invite,
    Join,
    Leave,
    Operation,
    React,
    Remove,
    Send,
    SetRole,
    Unban,
)
from mrccsc_server.domain.state import (
    Changes,
    ConversationState,
    Duplicate,
    EntryRow,
    Facts,
    Known,
    Membership,
    MessageState,
    Needs,
    ReactionState,
    Stored,
)
from mrccsc_shared.entry import Entry, EntryKind, JoinReason, LeaveReason
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_REACTION_KINDS, Limits
from mrccsc_shared.messages.conversation import Conversation, GoneReason

Outcome = Stored | Duplicate | Refusal


def needs(operations: Iterable[Operation]) -> Needs:
    """What must be read to plan these operations."""
    need = Needs()
    for op in operations:
        need.conversations.add(op.conv)
        need.members.add((op.conv, op.by))
        need.cids.add((op.conv, op.by, op.cid))
        match op:
            case Send():
                if op.after is not None:
                    need.cids.add((op.conv, op.by, op.after))
                if op.reply_to is not None:
                    need.messages.add((op.conv, op.reply_to))
                need.names.update((op.conv, name) for name in op.names)
            case Edit():
                need.messages.add((op.conv, op.target))
                need.names.update((op.conv, name) for name in op.names)
            case Delete():
                need.messages.add((op.conv, op.target))
            case React():
                need.messages.add((op.conv, op.target))
                need.reactions.add((op.conv, op.target))
            case Join():
                need.groups.add(op.by)
            case Invite():
                need.members.add((op.conv, op.user))
                need.friends.add((op.by, op.user))
                need.groups.add(op.user)
                need.users.add(op.user)
            case Remove() | Unban() | SetRole():
                need.members.add((op.conv, op.user))
                need.users.add(op.user)
    return need


def entry_to_wire(row: EntryRow) -> Entry:
    """The wire form of an entry that was just made."""
    entry: dict[str, Any] = {
        "conv": row.conv,
        "seq": row.seq,
        "kind": row.kind,
        "by": row.by,
        "at": row.at,
        "cid": row.cid,
    }
    if row.kind == "message":
        entry["text"] = row.text
        entry["rev"] = row.seq
    elif row.kind == "edit":
        entry["text"] = row.text
    if row.target is not None:
        entry["target"] = row.target
    if row.subject is not None:
        entry["user"] = row.subject
    entry.update(row.data)
    if row.mentions:
        entry["mentions"] = list(row.mentions)
    return cast(Entry, entry)


class Plan:
    """Judges operations in order against facts, and gathers what must be written.

    A refused operation leaves no trace, so that one bad entry never fails those that share its commit.
    """

    def __init__(self, facts: Facts, limits: Limits) -> None:
        self.changes = Changes()
        self._facts = facts
        self._limits = limits

    def decide(self, op: Operation) -> Outcome:
        """What becomes of ``op``. A :class:`Refusal` is returned, not raised."""
        try:
            return self._known(op) or self._judge(op)
        except Refusal as refusal:
            return refusal

    def _known(self, op: Operation) -> Duplicate | None:
        # A retry is answered as before even when its sender is no member any more: the entry is theirs.
        known = self._facts.known.get((op.conv, op.by, op.cid))
        if known is None:
            return None
        if known.digest != op.digest:
            raise Refusal(ErrorCode.CID_CONFLICT)
        return Duplicate(known.seq, known.at)

    def _judge(self, op: Operation) -> Stored | Duplicate:
        conversation = self._facts.conversations.get(op.conv)
        mine = self._facts.members.get((op.conv, op.by))
        if isinstance(op, Join):
            if conversation is None or mine is None or not mine.active:
                return self._join(op, permissions.require_joinable(conversation, mine))
            permissions.require_group(conversation)
            return _unchanged(conversation)
        conversation, mine = permissions.require_member(conversation, mine)
        match op:
            case Send():
                return self._send(op, conversation, mine)
            case Edit():
                return self._edit(op, conversation, mine)
            case Delete():
                return self._delete(op, conversation, mine)
            case React():
                return self._react(op, conversation, mine)
        permissions.require_group(conversation)
        match op:
            case Leave():
                return self._leave(op, conversation, mine)
            case Invite():
                return self._invite(op, conversation)
            case Remove():
                return self._remove(op, conversation, mine)
            case Unban():
                return self._unban(op, conversation, mine)
            case SetRole():
                return self._set_role(op, conversation, mine)
            case Change():
                return self._change(op, conversation, mine)
        raise AssertionError(type(op))

    # -- messages ------------------------------------------------------------------------------------------------

    def _send(self, op: Send, conversation: ConversationState, mine: Membership) -> Stored:
        permissions.require_writable(conversation)
        if op.after is not None and (op.conv, op.by, op.after) not in self._facts.known:
            raise Refusal(ErrorCode.UNAVAILABLE, "The message before this one is not stored yet; send it first.")
        data: dict[str, object] = {}
        if op.reply_to is not None:
            self._message(op.reply_to, conversation, mine)
            data["reply_to"] = op.reply_to
        conversation.messages += 1
        mine.sent += 1
        self._touch(mine)
        mentions = self._mentions(op.conv, op.names)
        row = self._append(
            op,
            conversation,
            "message",
            text=op.text,
            mentions=mentions,
            nth=conversation.messages,
            own=mine.sent,
            data=data,
        )
        self.changes.mentions.extend((user, op.conv, row.seq) for user in mentions if user != op.by)
        self._facts.messages[op.conv, row.seq] = MessageState(
            op.conv, row.seq, op.by, row.at, row.seq, op.text, mentions=mentions
        )
        return Stored(entry_to_wire(row))

    def _edit(self, op: Edit, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_writable(conversation)
        message = self._message(op.target, conversation, mine)
        if message.by != op.by:
            raise Refusal(ErrorCode.FORBIDDEN, "Only its author may edit a message.")
        self._require_undeleted(message)
        if message.text == op.text:
            return Duplicate(message.edit or message.seq, message.edited or message.at)
        mentions = self._mentions(op.conv, op.names)
        row = self._append(op, conversation, "edit", text=op.text, mentions=mentions, target=op.target)
        self._supersede_edit(message)
        message.text, message.mentions = op.text, mentions
        message.edit, message.edited, message.rev = row.seq, row.at, row.seq
        self._touch(message)
        return Stored(entry_to_wire(row))

    def _delete(self, op: Delete, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_writable(conversation)
        message = self._message(op.target, conversation, mine)
        if message.by != op.by:
            if conversation.kind == "direct":
                raise Refusal(ErrorCode.FORBIDDEN, "Only its author may delete a message.")
            permissions.require_admin(mine)
        if message.delete is not None and message.deleted is not None:
            return Duplicate(message.delete, message.deleted)
        row = self._append(op, conversation, "delete", target=op.target)
        self._supersede_edit(message)
        self.changes.unreacted.append((op.conv, op.target))
        for key in [key for key in self._facts.reactions if key[:2] == (op.conv, op.target)]:
            del self._facts.reactions[key]
            self.changes.reactions.pop(key, None)
        message.text, message.mentions, message.edited = "", (), None
        message.delete, message.deleted, message.rev = row.seq, row.at, row.seq
        self._touch(message)
        return Stored(entry_to_wire(row))

    def _react(self, op: React, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_writable(conversation)
        message = self._message(op.target, conversation, mine)
        self._require_undeleted(message)
        key = (op.conv, op.target, op.by, op.emoji)
        before = self._facts.reactions.get(key)
        if (before is not None and before.on) == op.on:
            return Duplicate(before.seq, before.at) if before else Duplicate(message.seq, message.at)
        if op.on:
            kinds = {
                emoji
                for (conv, target, _, emoji), state in self._facts.reactions.items()
                if state.on and (conv, target) == (op.conv, op.target)
            }
            if op.emoji not in kinds and len(kinds) >= MAX_REACTION_KINDS:
                raise Refusal(ErrorCode.TOO_LARGE, f"A message has at most {MAX_REACTION_KINDS} kinds of reactions.")
        row = self._append(op, conversation, "reaction", target=op.target, data={"emoji": op.emoji, "on": op.on})
        self._facts.reactions[key] = self.changes.reactions[key] = ReactionState(op.on, row.seq, row.at)
        message.rev = row.seq
        self._touch(message)
        return Stored(entry_to_wire(row))

    # -- members -------------------------------------------------------------------------------------------------

    def _join(self, op: Join, conversation: ConversationState) -> Stored:
        return self._add(op, conversation, op.by, "joined")

    def _invite(self, op: Invite, conversation: ConversationState) -> Stored | Duplicate:
        theirs = self._facts.members.get((op.conv, op.user))
        if theirs is not None and theirs.active:
            return _unchanged(conversation)
        if op.user not in self._facts.users:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
        if (op.by, op.user) not in self._facts.friends:
            raise Refusal(ErrorCode.FORBIDDEN, "You can invite only friends.")
        if theirs is not None and theirs.state == "banned":
            raise Refusal(ErrorCode.FORBIDDEN, "They are banned from this group.")
        return self._add(op, conversation, op.user, "invited")

    def _add(self, op: Operation, conversation: ConversationState, user: int, reason: JoinReason) -> Stored:
        if conversation.members >= self._limits.members:
            raise Refusal(ErrorCode.TOO_LARGE, f"A group has at most {self._limits.members} members.")
        groups = self._facts.groups.get(user, 0)
        if groups >= self._limits.groups:
            raise Refusal(ErrorCode.TOO_LARGE, f"A user is in at most {self._limits.groups} groups.")
        self._facts.groups[user] = groups + 1
        before = conversation.head
        member = self._facts.members.get((op.conv, user))
        if member is None:
            member = Membership(op.conv, user, "member", "member", before + 1)
            self._facts.members[op.conv, user] = member
        member.state, member.role, member.joined = "member", "member", before + 1
        member.read, member.read_messages, member.read_own = before, conversation.messages, member.sent
        member.unread_from = None
        self._touch(member)
        conversation.members += 1
        row = self._append(op, conversation, "join", subject=user, data={"reason": reason})
        return Stored(entry_to_wire(row), view=_joined_view(conversation, member, before))

    def _leave(self, op: Leave, conversation: ConversationState, mine: Membership) -> Stored:
        if mine.role == "owner" and conversation.members > 1:
            raise Refusal(ErrorCode.FORBIDDEN, "Hand the group over to another member before you leave it.")
        return self._drop(op, conversation, mine, "left")

    def _remove(self, op: Remove, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_admin(mine)
        theirs = self._facts.members.get((op.conv, op.user))
        if op.user == op.by:
            raise Refusal(ErrorCode.FORBIDDEN, "To go yourself, leave the group.")
        if theirs is not None:
            permissions.require_above(mine, theirs)
        if theirs is not None and theirs.active:
            return self._drop(op, conversation, theirs, "banned" if op.ban else "removed")
        if not op.ban:
            if op.user not in self._facts.users:
                raise Refusal(ErrorCode.NOT_FOUND, "There is no such member.")
            return _unchanged(conversation)
        if op.user not in self._facts.users:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
        if theirs is None:
            theirs = self._facts.members[op.conv, op.user] = Membership(op.conv, op.user, "banned", "member", 0)
        theirs.state = "banned"
        self._touch(theirs)
        return _unchanged(conversation)

    def _drop(self, op: Operation, conversation: ConversationState, member: Membership, reason: LeaveReason) -> Stored:
        member.state, member.role = reason, "member"
        self._touch(member)
        self._facts.groups[member.user] = self._facts.groups.get(member.user, 1) - 1
        conversation.members -= 1
        gone: GoneReason = reason
        if conversation.members == 0:
            conversation.writable = False
            gone = "closed"
        row = self._append(op, conversation, "leave", subject=member.user, data={"reason": reason})
        return Stored(entry_to_wire(row), gone=gone)

    def _unban(self, op: Unban, conversation: ConversationState, mine: Membership) -> Duplicate:
        permissions.require_admin(mine)
        theirs = self._facts.members.get((op.conv, op.user))
        if theirs is not None and theirs.state == "banned":
            theirs.state = "removed"
            self._touch(theirs)
        elif op.user not in self._facts.users:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
        return _unchanged(conversation)

    def _set_role(self, op: SetRole, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_owner(mine)
        theirs = self._facts.members.get((op.conv, op.user))
        if theirs is None or not theirs.active:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such member.")
        if theirs.role == op.role:
            return _unchanged(conversation)
        if op.user == op.by:
            raise Refusal(ErrorCode.FORBIDDEN, "Hand the group over by making another member its owner.")
        if op.role == "owner":
            mine.role = "admin"
            self._touch(mine)
        theirs.role = op.role
        self._touch(theirs)
        row = self._append(op, conversation, "role", subject=op.user, data={"role": op.role})
        return Stored(entry_to_wire(row))

    def _change(self, op: Change, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
        permissions.require_admin(mine)
        data: dict[str, object] = {}
        if op.title is not None and op.title != conversation.title:
            data["title"] = conversation.title = op.title
        if op.topic is not None and op.topic != conversation.topic:
            data["topic"] = conversation.topic = op.topic
        if op.visibility is not None and op.visibility != conversation.visibility:
            data["visibility"] = conversation.visibility = op.visibility
        if not data:
            return _unchanged(conversation)
        return Stored(entry_to_wire(self._append(op, conversation, "change", data=data)))

    # -- what they share -----------------------------------------------------------------------------------------

    def _append(
        self,
        op: Operation,
        conversation: ConversationState,
        kind: EntryKind,
        *,
        text: str | None = None,
        mentions: tuple[int, ...] = (),
        target: int | None = None,
        subject: int | None = None,
        nth: int | None = None,
        own: int | None = None,
        data: dict[str, object] | None = None,
    ) -> EntryRow:
        conversation.head += 1
        conversation.at = max(conversation.at, self._facts.now)
        self._touch(conversation)
        row = EntryRow(
            op.conv,
            conversation.head,
            kind,
            op.by,
            conversation.at,
            op.cid,
            op.digest,
            text,
            mentions,
            target,
            subject,
            nth,
            own,
            data or {},
        )
        self.changes.entries.append(row)
        self._facts.known[op.conv, op.by, op.cid] = Known(row.seq, row.at, op.digest)
        return row

    def _message(self, seq: int, conversation: ConversationState, mine: Membership) -> MessageState:
        message = self._facts.messages.get((conversation.conv, seq))
        if message is None or seq < permissions.first_readable(conversation, mine):
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such message.")
        return message

    def _mentions(self, conv: int, names: tuple[str, ...]) -> tuple[int, ...]:
        users = dict.fromkeys(self._facts.names[name] for name in names if name in self._facts.names)
        return tuple(
            user for user in users if (member := self._facts.members.get((conv, user))) is not None and member.active
        )

    def _supersede_edit(self, message: MessageState) -> None:
        if message.edit is None:
            return
        self.changes.emptied.append((message.conv, message.edit))
        # The edit may be a row of this very batch, which is not written yet.
        for row in self.changes.entries:
            if (row.conv, row.seq) == (message.conv, message.edit):
                row.text, row.mentions = "", ()

    def _require_undeleted(self, message: MessageState) -> None:
        if message.delete is not None:
            raise Refusal(ErrorCode.NOT_FOUND, "That message was deleted.")

    def _touch(self, record: ConversationState | Membership | MessageState) -> None:
        if record.changed:
            return
        record.changed = True
        match record:
            case ConversationState():
                self.changes.conversations.append(record)
            case Membership():
                self.changes.members.append(record)
            case MessageState():
                self.changes.messages.append(record)


def _unchanged(conversation: ConversationState) -> Duplicate:
    return Duplicate(conversation.head, conversation.at)


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
