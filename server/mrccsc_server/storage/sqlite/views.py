"""Conversations in the eyes of their members, and memberships."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from mrccsc_server.domain.permissions import first_readable, require_member
from mrccsc_server.domain.state import ConversationState, Membership
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_shared.messages.conversation import Conversation

_VIEW = (
    f"SELECT {rows.CONVERSATION}, {rows.MEMBER}, p.user, a.display_name, p.read_seq,"
    " (SELECT COUNT(*) FROM mention n WHERE n.user = m.user AND n.conv = m.conv AND n.seq > m.read_seq),"
    f" {rows.ENTRY}"
    " FROM member m JOIN conversation c ON c.conv = m.conv"
    " JOIN entry e ON e.conv = c.conv AND e.seq = c.head LEFT JOIN body b ON b.id = e.body"
    " LEFT JOIN member p ON p.conv = c.conv AND p.user = c.low + c.high - m.user"
    " LEFT JOIN account a ON a.user = p.user"
    " WHERE m.state = 'member'"
)
_REACTIONS = (
    "SELECT r.conv, r.target, r.emoji, r.user FROM member m JOIN conversation c ON c.conv = m.conv"
    " JOIN reaction r ON r.conv = c.conv AND r.target = c.head AND r.is_on = 1"
    " WHERE m.state = 'member'"
)


def views_of_user(connection: sqlite3.Connection, user: int, after: int = 0, limit: int = -1) -> list[Conversation]:
    """The user's conversations with an id above ``after``, ascending; all without a ``limit``."""
    return _views(connection, "m.user = ? AND m.conv > ? ORDER BY m.conv LIMIT ?", (user, after, limit))


def views_of_conversation(connection: sqlite3.Connection, conv: int, users: Collection[int]) -> dict[int, Conversation]:
    """One conversation in the eyes of those of ``users`` who are members."""
    condition = "m.conv = ? AND m.user IN (SELECT value FROM json_each(?)) ORDER BY m.user"
    members = sorted(users)
    parameters = (conv, json.dumps(members))
    active = connection.execute(f"SELECT m.user FROM member m WHERE m.state = 'member' AND {condition}", parameters)
    return dict(zip((user for (user,) in active.fetchall()), _views(connection, condition, parameters), strict=True))


def view(connection: sqlite3.Connection, conv: int, user: int) -> Conversation | None:
    """One conversation in the eyes of one member."""
    return views_of_conversation(connection, conv, [user]).get(user)


def membership(connection: sqlite3.Connection, conv: int, user: int) -> tuple[ConversationState, Membership]:
    """A conversation and the asker's membership. Raises :class:`Refusal` ``not_found``."""
    conversation = one(connection, f"SELECT {rows.CONVERSATION} FROM conversation c WHERE c.conv = ?", conv)
    member = one(connection, f"SELECT {rows.MEMBER} FROM member m WHERE m.conv = ? AND m.user = ?", conv, user)
    return require_member(
        None if conversation is None else rows.conversation_state(conversation),
        None if member is None else rows.membership(member),
    )


def memberships(connection: sqlite3.Connection, users: Collection[int]) -> dict[int, set[int]]:
    """The conversations of some users."""
    found: dict[int, set[int]] = {user: set() for user in users}
    for user, conv in connection.execute(
        "SELECT user, conv FROM member WHERE user IN (SELECT value FROM json_each(?)) AND state = 'member'",
        (json.dumps(list(found)),),
    ):
        found[user].add(conv)
    return found


def readable(connection: sqlite3.Connection, user: int) -> dict[int, int]:
    """The user's conversations, each with the first seq that they may read."""
    found = connection.execute(
        f"SELECT {rows.CONVERSATION}, {rows.MEMBER} FROM member m JOIN conversation c ON c.conv = m.conv"
        " WHERE m.user = ? AND m.state = 'member' ORDER BY m.conv",
        (user,),
    )
    columns = rows.CONVERSATION.count(",") + 1
    return {
        row[0]: first_readable(rows.conversation_state(row[:columns]), rows.membership(row[columns:])) for row in found
    }


def _views(connection: sqlite3.Connection, condition: str, parameters: tuple[Any, ...]) -> list[Conversation]:
    found = connection.execute(f"{_VIEW} AND {condition}", parameters).fetchall()
    if not found:
        return []
    which = condition.partition(" ORDER ")[0]
    reactions = rows.group_reactions(
        connection.execute(f"{_REACTIONS} AND {which} ORDER BY r.seq", parameters[: which.count("?")])
    )
    return [rows.conversation(row, reactions) for row in found]
