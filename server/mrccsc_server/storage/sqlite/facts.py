"""Reading what a plan of the log needs. In this process a look-up by key costs microseconds, so that many small
statements, compiled once, are faster than few large ones.
"""

from __future__ import annotations

import sqlite3

from mrccsc_server.domain.state import Facts, Known, Needs, ReactionState
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_server.storage.sqlite.contacts import are_friends

_CONVERSATION = f"SELECT {rows.CONVERSATION} FROM conversation c WHERE c.conv = ?"
_MEMBER = f"SELECT {rows.MEMBER} FROM member m WHERE m.conv = ? AND m.user = ?"
_KNOWN = "SELECT seq, at, digest FROM entry WHERE conv = ? AND author = ? AND cid = ?"
_MESSAGE = (
    f"SELECT {rows.MESSAGE} FROM entry e LEFT JOIN body b ON b.id = e.body"
    " WHERE e.conv = ? AND e.seq = ? AND e.kind = 'message'"
)
_REACTIONS = "SELECT user, emoji, is_on, seq, at FROM reaction WHERE conv = ? AND target = ?"
_GROUPS = (
    "SELECT COUNT(*) FROM member m JOIN conversation c ON c.conv = m.conv"
    " WHERE m.user = ? AND m.state = 'member' AND c.kind = 'group'"
)


def load_facts(connection: sqlite3.Connection, need: Needs, now: int) -> Facts:
    """All that ``need`` names, within the caller's transaction."""
    facts = Facts(now)
    cursor = connection.cursor()
    for conv in need.conversations:
        if row := cursor.execute(_CONVERSATION, (conv,)).fetchone():
            facts.conversations[conv] = rows.conversation_state(row)
    members = set(need.members)
    for conv, name in need.names:
        if row := cursor.execute("SELECT user FROM account WHERE username = ?", (name,)).fetchone():
            facts.names[name] = row[0]
            members.add((conv, row[0]))
    for key in members:
        if row := cursor.execute(_MEMBER, key).fetchone():
            facts.members[key] = rows.membership(row)
    for conv, by, cid in need.cids:
        if row := cursor.execute(_KNOWN, (conv, by, rows.pack_cid(cid))).fetchone():
            facts.known[conv, by, cid] = Known(*row)
    for place in need.messages:
        if row := cursor.execute(_MESSAGE, place).fetchone():
            facts.messages[place] = rows.message_state(row)
    for conv, target in need.reactions:
        for user, emoji, on, seq, at in cursor.execute(_REACTIONS, (conv, target)):
            facts.reactions[conv, target, user, emoji] = ReactionState(bool(on), seq, at)
    facts.friends.update(pair for pair in need.friends if are_friends(connection, *pair))
    facts.groups.update((user, count_groups(connection, user)) for user in need.groups)
    facts.users.update(
        user for user in need.users if one(connection, "SELECT 1 FROM account WHERE user = ?", user) is not None
    )
    return facts


def count_groups(connection: sqlite3.Connection, user: int) -> int:
    """Of how many groups a user is a member."""
    row = one(connection, _GROUPS, user)
    return row[0] if row else 0


def known_entry(connection: sqlite3.Connection, conv: int, by: int, cid: str) -> Known | None:
    """What is stored under a cid."""
    row = one(connection, _KNOWN, conv, by, rows.pack_cid(cid))
    return None if row is None else Known(*row)
