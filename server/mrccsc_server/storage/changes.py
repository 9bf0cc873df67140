"""Writing the rows that a plan of the log has made.

Texts live in ``body``, which is only appended to and overwritten in place (see the schema). A message that is edited
takes over the text of its edit, so that no text is ever stored twice or grows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import cast

from mrccsc_server.domain.state import Changes, ConversationState, EntryRow, Membership
from mrccsc_server.storage import rows
from mrccsc_server.storage.database import Transaction, Value, Values
from mrccsc_server.storage.facts import Bodies
from mrccsc_shared.text import fold

Texts = Mapping[tuple[int, int], Value]
"""What stands for the id in ``body`` of new texts, by conversation and seq."""

_ENTRY = (
    "conv", "seq", "kind", "author", "at", "cid", "digest", "body", "target", "subject", "data", "mentions", "rev",
)  # fmt: skip
_SAID = ("conv", "seq", "kind", "author", "at", "cid", "digest", "body", "rev")
"""What a message has that answers nothing and mentions nobody."""

_PLACE = ("conv", "seq")
_MEMBERSHIP = ("conv", "user")
_MEMBER = ("state", "role", "joined", "sent")
_MARKS = ("read_seq", "read_messages", "read_own", "unread_from")
_FACTS = ("members", "title", "title_folded", "topic", "visibility", "writable")
_MESSAGE = ("body", "mentions", "rev", "edit_seq", "edited_at", "delete_seq", "deleted_at")


async def store(
    transaction: Transaction, changes: Changes, before: Bodies, reshaped: set[int], supposed: Mapping[int, int]
) -> None:
    """Write all rows.

    ``before`` are the texts of the messages that were read, ``reshaped`` the conversations whose facts or memberships
    may have changed, ``supposed`` the heads of those that were not read: only messages were added to them.
    """
    await _advance(transaction, changes, supposed)
    bodies = await _store_texts(transaction, changes)
    said = [row for row in changes.entries if row.kind == "message" and row.data is None and not row.mentions]
    await transaction.insert("entry", _SAID, [_said(row, bodies) for row in said])
    if len(said) < len(changes.entries):
        plain = set(map(id, said))
        await transaction.insert(
            "entry", _ENTRY, [_entry(row, bodies) for row in changes.entries if id(row) not in plain]
        )
    await transaction.update(
        "conversation",
        ("conv",),
        ("head", "at", "messages"),
        [(c.conv, c.head, c.at, c.messages) for c in changes.conversations if c.conv not in supposed],
    )
    await transaction.update(
        "conversation", ("conv",), _FACTS, [_facts(c) for c in changes.conversations if c.conv in reshaped]
    )
    await _store_members(transaction, changes, reshaped)
    await _update_messages(transaction, changes, before, bodies)
    await transaction.delete("reaction", ("conv", "target"), changes.unreacted)
    await transaction.put(
        "reaction",
        ("conv", "target", "user", "emoji"),
        ("is_on", "seq", "at"),
        [(*key, int(state.on), state.seq, state.at) for key, state in changes.reactions.items()],
    )
    await transaction.insert("mention", ("user", "conv", "seq"), changes.mentions)


async def _advance(transaction: Transaction, changes: Changes, supposed: Mapping[int, int]) -> None:
    """First of all, so that they are locked before anything else is."""
    steps: defaultdict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for conversation in changes.conversations:
        head = supposed.get(conversation.conv)
        if head is not None:
            steps[conversation.head - head, conversation.at][conversation.conv] = head
    for (messages, at), heads in steps.items():
        await transaction.advance(heads, messages, at)


async def _store_texts(transaction: Transaction, changes: Changes) -> Texts:
    """Store the texts of new entries that last beyond this batch; what stands for their ids, by place."""
    if not changes.messages:
        places = [(row.conv, row.seq) for row in changes.entries if row.text]
        if not places:
            return {}
        stored = await transaction.defer_texts([row.text for row in changes.entries if row.text])
        return dict(zip(places, stored, strict=True))
    new = {(row.conv, row.seq) for row in changes.entries}
    outdated = {(m.conv, m.seq) for m in changes.messages if (m.conv, m.delete or m.edit) in new}
    texts = {
        (row.conv, row.seq): row.text for row in changes.entries if row.text and (row.conv, row.seq) not in outdated
    }
    return dict(zip(texts, await transaction.add_texts(list(texts.values())), strict=True)) if texts else {}


async def _store_members(transaction: Transaction, changes: Changes, reshaped: set[int]) -> None:
    """Read marks are written only for those who come (again): others move theirs at the same time."""
    new = {(row.conv, row.seq) for row in changes.entries}
    there = [m for m in changes.members if m.conv not in reshaped]
    come = [m for m in changes.members if m.conv in reshaped and (m.conv, m.joined) in new]
    changed = [m for m in changes.members if m.conv in reshaped and (m.conv, m.joined) not in new]
    said: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for member in there:
        said[member.said].append((member.conv, member.user))
    for messages, keys in said.items():
        await transaction.add("member", _MEMBERSHIP, "sent", messages, keys)
    await transaction.put("member", _MEMBERSHIP, _MEMBER, [_member(m) for m in changed])
    await transaction.put(
        "member",
        _MEMBERSHIP,
        _MEMBER + _MARKS,
        [(*_member(m), m.read, m.read_messages, m.read_own, m.unread_from) for m in come],
    )


async def _update_messages(transaction: Transaction, changes: Changes, before: Bodies, bodies: Texts) -> None:
    """Point changed messages at their present texts, and overwrite the texts that nobody may see again."""
    new = {(row.conv, row.seq) for row in changes.entries}
    updates: list[Values] = []
    outdated: set[int] = set()
    for message in changes.messages:
        place = message.conv, message.seq
        was = before.get(place, cast("int | None", bodies.get(place)))
        body = was
        if message.delete is not None:
            body = None
        elif message.edit is not None and (message.conv, message.edit) in new:
            body = cast(int, bodies[message.conv, message.edit])
        if was is not None and body != was:
            outdated.add(was)
        mentions = json.dumps(message.mentions) if message.mentions else None
        updates.append(
            (*place, body, mentions, message.rev, message.edit, message.edited, message.delete, message.deleted)
        )
    await transaction.update("entry", _PLACE, _MESSAGE, updates)
    await transaction.update(
        "entry", _PLACE, ("body", "mentions"), [(conv, seq, None, None) for conv, seq in changes.emptied]
    )
    if outdated:
        await transaction.blank_texts(outdated)
        transaction.erased = True


def _said(row: EntryRow, bodies: Texts) -> Values:
    conv, seq = row.conv, row.seq
    return conv, seq, "message", row.by, row.at, rows.pack_cid(row.cid), row.digest, bodies.get((conv, seq)), seq


def _entry(row: EntryRow, bodies: Texts) -> Values:
    return (
        row.conv,
        row.seq,
        row.kind,
        row.by,
        row.at,
        rows.pack_cid(row.cid),
        row.digest,
        bodies.get((row.conv, row.seq)),
        row.target,
        row.subject,
        json.dumps(row.data) if row.data else None,
        json.dumps(row.mentions) if row.mentions else None,
        row.seq if row.kind == "message" else None,
    )


def _facts(conversation: ConversationState) -> Values:
    return (
        conversation.conv,
        conversation.members,
        conversation.title,
        fold(conversation.title),
        conversation.topic,
        conversation.visibility,
        int(conversation.writable),
    )


def _member(member: Membership) -> Values:
    return member.conv, member.user, member.state, member.role, member.joined, member.sent
