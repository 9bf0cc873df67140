"""The rules for messages and what is done to them.

Each function decides one operation of a member: it returns the outcome, or raises :class:`Refusal` before it
has changed anything.
"""

from __future__ import annotations

from collections import Counter

from mrccsc_server.domain import permissions
from mrccsc_server.domain.ledger import Ledger, entry_to_wire, message_to_wire
from mrccsc_server.domain.operations import Delete, Edit, React, Send
from mrccsc_server.domain.state import ConversationState, Duplicate, Membership, MessageState, ReactionState, Stored
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_REACTION_KINDS, MAX_REACTIONS


def send(ledger: Ledger, op: Send, conversation: ConversationState, mine: Membership) -> Stored:
    """Append a message."""
    permissions.require_writable(conversation)
    if op.after is not None and (op.conv, op.by, op.after) not in ledger.facts.known:
        raise Refusal(ErrorCode.UNAVAILABLE, "The message before this one is not stored yet; send it first.")
    reply_to = op.reply_to
    data: dict[str, object] | None = None
    if reply_to is not None:
        ledger.message(reply_to, conversation, mine)
        data = {"reply_to": reply_to}
    conversation.messages += 1
    mine.sent += 1
    mine.said += 1
    if not mine.changed:
        ledger.touch_member(mine)
    mentions = ledger.mentions(op.conv, op.names) if op.names else ()
    row = ledger.append(op, conversation, "message", text=op.text, mentions=mentions, data=data)
    if mentions:
        ledger.changes.mentions += [(user, op.conv, row.seq) for user in mentions if user != op.by]
    return Stored(message_to_wire(row, op.text, reply_to))


def edit(ledger: Ledger, op: Edit, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Give an own message a new text; the one it has already is no change."""
    permissions.require_writable(conversation)
    message = ledger.message(op.target, conversation, mine)
    if message.by != op.by:
        raise Refusal(ErrorCode.FORBIDDEN, "Only its author may edit a message.")
    _require_undeleted(message)
    if message.text == op.text:
        return Duplicate(message.edit or message.seq, message.edited or message.at)
    mentions = ledger.mentions(op.conv, op.names)
    row = ledger.append(op, conversation, "edit", text=op.text, mentions=mentions, target=op.target)
    ledger.supersede_edit(message)
    message.text, message.mentions = op.text, mentions
    message.edit, message.edited, message.rev = row.seq, row.at, row.seq
    ledger.touch_message(message)
    return Stored(entry_to_wire(row))


def delete(ledger: Ledger, op: Delete, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Delete an own message, or as an admin of a group anybody's."""
    permissions.require_writable(conversation)
    message = ledger.message(op.target, conversation, mine)
    if message.by != op.by:
        if conversation.kind == "direct":
            raise Refusal(ErrorCode.FORBIDDEN, "Only its author may delete a message.")
        permissions.require_admin(mine)
    if message.delete is not None and message.deleted is not None:
        return Duplicate(message.delete, message.deleted)
    row = ledger.append(op, conversation, "delete", target=op.target)
    ledger.supersede_edit(message)
    ledger.changes.unreacted.append((op.conv, op.target))
    for key in [key for key in ledger.changes.reactions if key[:2] == (op.conv, op.target)]:
        del ledger.changes.reactions[key]
    message.text, message.mentions, message.edited = "", (), None
    message.delete, message.deleted, message.rev = row.seq, row.at, row.seq
    ledger.touch_message(message)
    return Stored(entry_to_wire(row))


def react(ledger: Ledger, op: React, conversation: ConversationState, mine: Membership) -> Stored | Duplicate:
    """Set or take back one emoji."""
    permissions.require_writable(conversation)
    message = ledger.message(op.target, conversation, mine)
    _require_undeleted(message)
    key = (op.conv, op.target, op.by, op.emoji)
    before = ledger.facts.reactions.get(key)
    if (before is not None and before.on) == op.on:
        return Duplicate(before.seq, before.at) if before else Duplicate(message.seq, message.at)
    standing = ledger.facts.standing[op.conv, op.target]
    if op.on:
        _require_room(standing, op.emoji)
    row = ledger.append(op, conversation, "reaction", target=op.target, data={"emoji": op.emoji, "on": op.on})
    ledger.facts.reactions[key] = ledger.changes.reactions[key] = ReactionState(op.on, row.seq, row.at)
    standing[op.emoji] += 1 if op.on else -1
    if not standing[op.emoji]:
        del standing[op.emoji]
    message.rev = row.seq
    ledger.touch_message(message)
    return Stored(entry_to_wire(row))


def _require_room(standing: Counter[str], emoji: str) -> None:
    if emoji not in standing and len(standing) >= MAX_REACTION_KINDS:
        raise Refusal(ErrorCode.TOO_LARGE, f"A message has at most {MAX_REACTION_KINDS} kinds of reactions.")
    if standing.total() >= MAX_REACTIONS:
        raise Refusal(ErrorCode.TOO_LARGE, f"A message has at most {MAX_REACTIONS:,} reactions, which this one has.")


def _require_undeleted(message: MessageState) -> None:
    if message.delete is not None:
        raise Refusal(ErrorCode.NOT_FOUND, "That message was deleted.")
