"""Conversations in the eyes of their members, and memberships."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from mrccsc_server.domain.permissions import first_readable, require_member
from mrccsc_server.domain.state import ConversationState, Membership
from mrccsc_server.storage import rows
from mrccsc_server.storage.database import Query, Reader
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
_READABLE = (
    f"SELECT {rows.CONVERSATION}, {rows.MEMBER} FROM member m JOIN conversation c ON c.conv = m.conv"
    " WHERE m.user = ? AND m.state = 'member' ORDER BY m.conv"
)

_MEMBER_AT = rows.CONVERSATION.count(",") + 1
_USER_AT = _MEMBER_AT + 1


async def views_of_user(reader: Reader, user: int, after: int, limit: int) -> list[Conversation]:
    """The user's first ``limit`` conversations with an id above ``after``, ascending."""
    found = await reader.rows(f"{_VIEW} AND m.user = ? AND m.conv > ? ORDER BY m.conv LIMIT ?", user, after, limit)
    return [rows.conversation(row) for row in found]


async def views_of_conversation(reader: Reader, conv: int, users: Collection[int]) -> dict[int, Conversation]:
    """One conversation in the eyes of those of ``users`` who are members."""
    found = await reader.rows(f"{_VIEW} AND m.conv = ? AND m.user IN ??", conv, users)
    return {row[_USER_AT]: rows.conversation(row) for row in found}


async def view(reader: Reader, conv: int, user: int) -> Conversation | None:
    """One conversation in the eyes of one member."""
    return (await views_of_conversation(reader, conv, [user])).get(user)


async def membership(reader: Reader, conv: int, user: int) -> tuple[ConversationState, Membership]:
    """A conversation and the asker's membership. Raises :class:`Refusal` ``not_found``."""
    (conversation, member) = await reader.gather(
        Query(f"SELECT {rows.CONVERSATION} FROM conversation c WHERE c.conv = ?", (conv,)),
        Query(f"SELECT {rows.MEMBER} FROM member m WHERE m.conv = ? AND m.user = ?", (conv, user)),
    )
    return require_member(
        rows.conversation_state(conversation[0]) if conversation else None,
        rows.membership(member[0]) if member else None,
    )


async def memberships(reader: Reader, users: Collection[int], since: int | None = None) -> dict[int, set[int]]:
    """The conversations of some users, with ``since`` only those that were touched then or later."""
    found: dict[int, set[int]] = {user: set() for user in users}
    if since is None:
        members = await reader.rows("SELECT user, conv FROM member WHERE user IN ?? AND state = 'member'", list(found))
    else:
        members = await reader.rows(
            "SELECT m.user, m.conv FROM member m JOIN conversation c ON c.conv = m.conv"
            " WHERE m.user IN ?? AND m.state = 'member' AND c.at >= ?",
            list(found),
            since,
        )
    for user, conv in members:
        found[user].add(conv)
    return found


class Readable(NamedTuple):
    """What a member may read of a conversation: from the seq ``first`` on; its newest entry is of the time ``at``."""

    first: int
    at: int


async def readable(reader: Reader, user: int) -> dict[int, Readable]:
    """What a user may read, by conversation."""
    found = {}
    for row in await reader.rows(_READABLE, user):
        conversation = rows.conversation_state(row[:_MEMBER_AT])
        first = first_readable(conversation, rows.membership(row[_MEMBER_AT:]))
        found[conversation.conv] = Readable(first, conversation.at)
    return found
