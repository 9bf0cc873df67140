"""Writing the rows that a plan of the log has made.

Texts live in ``body``, which is only appended to and overwritten in place (see the schema). A message that is edited
takes over the text of its edit, so that no text is ever stored twice or grows.
"""

from __future__ import annotations

import json

from mrccsc_server.domain.state import Changes, ConversationState, EntryRow
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.text import fold

_ENTRY = (
    "INSERT INTO entry"
    " (conv, seq, kind, author, at, cid, digest, body, target, subject, data, mentions, rev)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CONVERSATION_FACTS = (
    "UPDATE conversation SET members = ?, title = ?, title_folded = ?, topic = ?, visibility = ?, writable = ?"
    " WHERE conv = ?"
)
_MEMBER = (
    "INSERT INTO member (conv, user, state, role, joined, sent, read_seq, read_messages, read_own, unread_from, muted)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conv, user) DO UPDATE SET"
    " state = excluded.state, role = excluded.role, joined = excluded.joined, sent = excluded.sent,"
    " read_seq = excluded.read_seq, read_messages = excluded.read_messages, read_own = excluded.read_own,"
    " unread_from = excluded.unread_from, muted = excluded.muted"
)
_MESSAGE = (
    "UPDATE entry SET body = ?, mentions = ?, rev = ?, edit_seq = ?, edited_at = ?, delete_seq = ?, deleted_at = ?"
    " WHERE conv = ? AND seq = ?"
)
_REACTION = (
    "INSERT INTO reaction (conv, target, user, emoji, is_on, seq, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (conv, target, user, emoji) DO UPDATE SET"
    " is_on = excluded.is_on, seq = excluded.seq, at = excluded.at"
)
_BLANK = "UPDATE body SET text = CAST(zeroblob(length(CAST(text AS BLOB))) AS TEXT) WHERE id = ?"

Place = tuple[int, int]
"""conv, seq."""


def store(transaction: Transaction, changes: Changes, reshaped: set[int]) -> None:
    """Write all rows. ``reshaped`` are the conversations whose facts or memberships may have changed."""
    execute_many = transaction.connection.executemany
    bodies = _store_texts(transaction, changes)
    execute_many(_ENTRY, [_entry(row, bodies) for row in changes.entries])
    execute_many(
        "UPDATE conversation SET head = ?, at = ?, messages = ? WHERE conv = ?",
        [(c.head, c.at, c.messages, c.conv) for c in changes.conversations],
    )
    execute_many(_CONVERSATION_FACTS, [_facts(c) for c in changes.conversations if c.conv in reshaped])
    execute_many(
        "UPDATE member SET sent = ? WHERE conv = ? AND user = ?",
        [(m.sent, m.conv, m.user) for m in changes.members if m.conv not in reshaped],
    )
    execute_many(
        _MEMBER,
        [
            (
                m.conv, m.user, m.state, m.role, m.joined, m.sent,
                m.read, m.read_messages, m.read_own, m.unread_from, m.muted,
            )
            for m in changes.members
            if m.conv in reshaped
        ],
    )  # fmt: skip
    _update_messages(transaction, changes, bodies)
    execute_many("DELETE FROM reaction WHERE conv = ? AND target = ?", changes.unreacted)
    execute_many(
        _REACTION,
        [(*key, state.on, state.seq, state.at) for key, state in changes.reactions.items()],
    )
    execute_many("INSERT INTO mention (user, conv, seq) VALUES (?, ?, ?)", changes.mentions)
    transaction.grown.update(row.conv for row in changes.entries)


def _store_texts(transaction: Transaction, changes: Changes) -> dict[Place, int]:
    """Store the texts of new entries that last beyond this batch; their ids by place."""
    new = {(row.conv, row.seq) for row in changes.entries}
    outdated = {(m.conv, m.seq) for m in changes.messages if (m.conv, m.delete or m.edit) in new}
    texts = [(row, text) for row in changes.entries if (text := row.text) and (row.conv, row.seq) not in outdated]
    if not texts:
        return {}
    last = one(transaction.connection, "SELECT MAX(id) FROM body")
    first = (last[0] or 0) + 1 if last else 1
    bodies = {(row.conv, row.seq): first + index for index, (row, _) in enumerate(texts)}
    transaction.connection.executemany(
        "INSERT INTO body (id, text) VALUES (?, ?)", [(first + index, text) for index, (_, text) in enumerate(texts)]
    )
    return bodies


def _entry(row: EntryRow, bodies: dict[Place, int]) -> tuple[object, ...]:
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


def _facts(conversation: ConversationState) -> tuple[object, ...]:
    return (
        conversation.members,
        conversation.title,
        fold(conversation.title),
        conversation.topic,
        conversation.visibility,
        conversation.writable,
        conversation.conv,
    )


def _update_messages(transaction: Transaction, changes: Changes, bodies: dict[Place, int]) -> None:
    """Point changed messages at their present texts, and overwrite the texts that nobody may see again."""
    connection = transaction.connection
    new = {(row.conv, row.seq) for row in changes.entries}
    updates: list[tuple[object, ...]] = []
    outdated: set[int] = set()
    for message in changes.messages:
        place = message.conv, message.seq
        row = one(connection, "SELECT body FROM entry WHERE conv = ? AND seq = ?", *place)
        before: int | None = row[0] if row else None
        after = before
        if message.delete is not None:
            after = None
        elif message.edit is not None and (message.conv, message.edit) in new:
            after = bodies[message.conv, message.edit]
        if before is not None and after != before:
            outdated.add(before)
        mentions = json.dumps(message.mentions) if message.mentions else None
        updates.append(
            (
                after,
                mentions,
                message.rev,
                message.edit,
                message.edited,
                message.delete,
                message.deleted,
                *place,
            )
        )
    connection.executemany(_MESSAGE, updates)
    connection.executemany("UPDATE entry SET body = NULL, mentions = NULL WHERE conv = ? AND seq = ?", changes.emptied)
    connection.executemany(_BLANK, [(body,) for body in outdated])
    transaction.erased = transaction.erased or bool(outdated)
