"""The facts of a batch and the rows that come out of it: what the rules of the log write into."""

from __future__ import annotations

from typing import Any, cast

from mrccsc_server.domain import permissions
from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.state import (
    Changes,
    ConversationState,
    Duplicate,
    EntryRow,
    Facts,
    Known,
    Membership,
    MessageState,
)
from mrccsc_shared.entry import Entry, EntryKind, MessageEntry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits


class Ledger:
    """Works what the rules decide into ``facts``, for the operations to come, and into ``changes``, for the store."""

    def __init__(self, facts: Facts, limits: Limits) -> None:
        self.facts = facts
        self.limits = limits
        self.changes = Changes()

    def append(
        self,
        op: Operation,
        conversation: ConversationState,
        kind: EntryKind,
        *,
        text: str | None = None,
        mentions: tuple[int, ...] = (),
        target: int | None = None,
        subject: int | None = None,
        data: dict[str, object] | None = None,
    ) -> EntryRow:
        """Make the next entry of a conversation."""
        conv, by, cid, digest = op.conv, op.by, op.cid, op.digest
        conversation.head = seq = conversation.head + 1
        at = self.facts.now
        if at > conversation.at:
            conversation.at = at
        else:
            at = conversation.at
        if not conversation.changed:
            conversation.changed = True
            self.changes.conversations.append(conversation)
        row = EntryRow(conv, seq, kind, by, at, cid, digest, text, mentions, target, subject, data)
        self.changes.entries.append(row)
        self.facts.known[conv, by, cid] = Known(seq, at, digest)
        return row

    def message(self, seq: int, conversation: ConversationState, mine: Membership) -> MessageState:
        """A message that the member may read. Raises ``not_found``."""
        message = self.facts.messages.get((conversation.conv, seq)) or self._sent_now(conversation.conv, seq)
        if message is None or seq < permissions.first_readable(conversation, mine):
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such message.")
        return message

    def _sent_now(self, conv: int, seq: int) -> MessageState | None:
        """A message of this very batch. Looked for only when something names it, which nobody can but by guessing."""
        for row in self.changes.entries:
            if row.seq == seq and row.conv == conv and row.kind == "message":
                message = MessageState(conv, seq, row.by, row.at, seq, row.text or "", mentions=row.mentions)
                self.facts.messages[conv, seq] = message
                return message
        return None

    def mentions(self, conv: int, names: tuple[str, ...]) -> tuple[int, ...]:
        """The members among the users of these names, each once."""
        users = dict.fromkeys(self.facts.names[name] for name in names if name in self.facts.names)
        return tuple(
            user for user in users if (member := self.facts.members.get((conv, user))) is not None and member.active
        )

    def supersede_edit(self, message: MessageState) -> None:
        """Empty the text of the message's last edit, which is about to be replaced."""
        if message.edit is None:
            return
        self.changes.emptied.append((message.conv, message.edit))
        # The edit may be a row of this very batch, which is not written yet.
        for row in self.changes.entries:
            if (row.conv, row.seq) == (message.conv, message.edit):
                row.text, row.mentions = "", ()

    def touch_member(self, member: Membership) -> None:
        """Note a membership that was changed, once."""
        if not member.changed:
            member.changed = True
            self.changes.members.append(member)

    def touch_message(self, message: MessageState) -> None:
        """Note a message that was changed, once."""
        if not message.changed:
            message.changed = True
            self.changes.messages.append(message)


def message_to_wire(row: EntryRow, text: str, reply_to: int | None) -> MessageEntry:
    """The wire form of a message that was just sent."""
    seq = row.seq
    entry: MessageEntry = {
        "conv": row.conv,
        "seq": seq,
        "kind": "message",
        "by": row.by,
        "at": row.at,
        "cid": row.cid,
        "text": text,
        "rev": seq,
    }
    if reply_to is not None:
        entry["reply_to"] = reply_to
    if row.mentions:
        entry["mentions"] = list(row.mentions)
    return entry


def entry_to_wire(row: EntryRow) -> Entry:
    """The wire form of any other entry that was just made."""
    entry: dict[str, Any] = {
        "conv": row.conv,
        "seq": row.seq,
        "kind": row.kind,
        "by": row.by,
        "at": row.at,
        "cid": row.cid,
    }
    if row.kind == "edit":
        entry["text"] = row.text
    if row.target is not None:
        entry["target"] = row.target
    if row.subject is not None:
        entry["user"] = row.subject
    if row.data:
        entry.update(row.data)
    if row.mentions:
        entry["mentions"] = list(row.mentions)
    return cast(Entry, entry)


def unchanged(conversation: ConversationState) -> Duplicate:
    """What is answered where an operation makes no entry."""
    return Duplicate(conversation.head, conversation.at)
