"""Conversations as their members see them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from uuid import uuid4

from mrccsc_server.domain.permissions import first_readable, require_writable
from mrccsc_server.domain.state import ConversationState, Membership
from mrccsc_server.ports import ReadMark
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite import views
from mrccsc_server.storage.sqlite.accounts import profile
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_server.storage.sqlite.contacts import are_friends
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.facts import count_groups
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.text import fold


class SqliteConversations:
    """:class:`mrccsc_server.ports.Conversations` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, user: int, after: int, limit: int) -> tuple[list[Conversation], bool]:
        """See the port."""
        found = await self._database.read(lambda connection: views.views_of_user(connection, user, after, limit + 1))
        return found[:limit], len(found) > limit

    async def ids(self, user: int) -> list[int]:
        """See the port."""
        return await self._database.read(lambda connection: list(views.readable(connection, user)))

    async def memberships(self, users: Collection[int]) -> dict[int, set[int]]:
        """See the port."""
        return await self._database.read(lambda connection: views.memberships(connection, users))

    async def views(self, conv: int, users: Collection[int]) -> dict[int, Conversation]:
        """See the port."""
        return await self._database.read(lambda connection: views.views_of_conversation(connection, conv, users))

    async def open_direct(self, user: int, friend: int) -> tuple[Conversation, Conversation | None]:
        """See the port."""
        return await self._database.write(lambda transaction: _open_direct(transaction, user, friend))

    async def create_group(
        self, user: int, cid: str, digest: bytes, title: str, topic: str, visibility: str
    ) -> tuple[Conversation, bool]:
        """See the port."""
        limit = self._database.limits.groups

        def work(transaction: Transaction) -> tuple[Conversation, bool]:
            connection = transaction.connection
            packed = rows.pack_cid(cid)
            known = one(
                connection,
                "SELECT conv, create_digest FROM conversation WHERE created_by = ? AND create_cid = ?",
                user,
                packed,
            )
            if known is not None:
                if known[1] != digest:
                    raise Refusal(ErrorCode.CID_CONFLICT)
                return _require_view(connection, known[0], user), False
            if count_groups(connection, user) >= limit:
                raise Refusal(ErrorCode.TOO_LARGE, f"A user is in at most {limit} groups.")
            conv = _insert(
                transaction,
                user,
                packed,
                digest,
                {"kind": "group", "title": title, "topic": topic, "visibility": visibility},
                {user: "owner"},
            )
            return _require_view(connection, conv, user), True

        return await self._database.write(work)

    async def find_groups(self, query: str, limit: int) -> list[Conversation]:
        """See the port."""
        folded = fold(query).strip()

        def work(connection: sqlite3.Connection) -> list[Conversation]:
            found = connection.execute(
                f"SELECT {rows.CONVERSATION} FROM conversation c"
                " WHERE c.visibility = 'public' AND c.kind = 'group' AND c.writable = 1"
                " AND instr(c.title_folded, ?) > 0 ORDER BY c.members DESC, c.conv LIMIT ?",
                (folded, limit),
            )
            return [rows.found_group(row) for row in found]

        return await self._database.read(work)

    async def members(self, conv: int, asker: int, after: int, limit: int) -> tuple[list[Member], bool]:
        """See the port."""

        def work(connection: sqlite3.Connection) -> tuple[list[Member], bool]:
            views.membership(connection, conv, asker)
            found = connection.execute(
                "SELECT a.user, a.username, a.display_name, m.role FROM member m JOIN account a ON a.user = m.user"
                " WHERE m.conv = ? AND m.user > ? AND m.state = 'member' ORDER BY m.user LIMIT ?",
                (conv, after, limit + 1),
            ).fetchall()
            return [rows.group_member(row) for row in found[:limit]], len(found) > limit

        return await self._database.read(work)

    async def require_writer(self, conv: int, user: int) -> None:
        """See the port."""
        await self._database.read(lambda connection: require_writable(views.membership(connection, conv, user)[0]))

    async def mute(self, conv: int, user: int, muted: bool) -> Conversation:
        """See the port."""

        def work(transaction: Transaction) -> Conversation:
            connection = transaction.connection
            views.membership(connection, conv, user)
            connection.execute("UPDATE member SET muted = ? WHERE conv = ? AND user = ?", (muted, conv, user))
            return _require_view(connection, conv, user)

        return await self._database.write(work)

    async def mark_read(self, conv: int, user: int, seq: int, unread: bool) -> ReadMark:
        """See the port."""
        return await self._database.write(lambda transaction: _mark_read(transaction, conv, user, seq, unread))


def _require_view(connection: sqlite3.Connection, conv: int, user: int) -> Conversation:
    view = views.view(connection, conv, user)
    if view is None:
        raise Refusal(ErrorCode.NOT_FOUND)
    return view


def _open_direct(transaction: Transaction, user: int, friend: int) -> tuple[Conversation, Conversation | None]:
    connection = transaction.connection
    low, high = sorted((user, friend))
    direct = one(connection, "SELECT conv FROM conversation WHERE low = ? AND high = ?", low, high)
    if direct is not None:
        return _require_view(connection, direct[0], user), None
    if profile(connection, friend) is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    if not are_friends(connection, user, friend):
        raise Refusal(ErrorCode.FORBIDDEN, "You can write only to friends.")
    conv = _insert(
        transaction,
        user,
        uuid4().bytes,
        b"",
        {"kind": "direct", "title": "", "topic": "", "visibility": "private", "low": low, "high": high},
        {low: "member", high: "member"},
    )
    return _require_view(connection, conv, user), _require_view(connection, conv, friend)


def _insert(
    transaction: Transaction,
    creator: int,
    cid: bytes,
    digest: bytes,
    facts: dict[str, object],
    members: dict[int, str],
) -> int:
    """A new conversation with its ``create`` entry, which counts as read by all; its id."""
    connection = transaction.connection
    conv = connection.execute(
        "INSERT INTO conversation (kind, head, at, indexed, members, title, title_folded, topic, visibility, low, high,"
        " created_by, create_cid, create_digest)"
        " VALUES (:kind, 1, :at, 1, :members, :title, :folded, :topic, :visibility, :low, :high, :creator, :cid,"
        " :digest)",
        {
            "low": None,
            "high": None,
            **facts,
            "at": transaction.now,
            "members": len(members),
            "folded": fold(str(facts["title"])),
            "creator": creator,
            "cid": cid,
            "digest": digest,
        },
    ).lastrowid
    assert conv is not None
    connection.execute(
        "INSERT INTO entry (conv, seq, kind, author, at, cid, digest) VALUES (?, 1, 'create', ?, ?, ?, ?)",
        (conv, creator, transaction.now, cid, digest),
    )
    connection.executemany(
        "INSERT INTO member (conv, user, state, role, joined, read_seq) VALUES (?, ?, 'member', ?, 1, 1)",
        [(conv, user, role) for user, role in members.items()],
    )
    return conv


def _mark_read(transaction: Transaction, conv: int, user: int, seq: int, unread: bool) -> ReadMark:
    connection = transaction.connection
    state, mine = views.membership(connection, conv, user)
    before = mine.read, mine.unread_from
    if unread:
        mine.unread_from = min(max(seq, first_readable(state, mine)), state.head)
    else:
        seq = min(seq, state.head)
        if mine.unread_from is not None and seq >= mine.unread_from:
            mine.unread_from = None
        if seq > mine.read:
            _move_mark(connection, state, mine, seq)
    changed = (mine.read, mine.unread_from) != before
    if changed:
        connection.execute(
            "UPDATE member SET read_seq = ?, read_messages = ?, read_own = ?, unread_from = ?"
            " WHERE conv = ? AND user = ?",
            (mine.read, mine.read_messages, mine.read_own, mine.unread_from, conv, user),
        )
    peer = None
    if state.kind == "direct":
        row = one(connection, "SELECT low + high FROM conversation WHERE conv = ?", conv)
        peer = row[0] - user if row else None
    return ReadMark(conv, user, mine.read, mine.unread_from, changed, peer)


def _move_mark(connection: sqlite3.Connection, state: ConversationState, mine: Membership, seq: int) -> None:
    """Move the mark on to ``seq`` with the counts that belong to it.

    They are those of the old mark plus what lies between, or those of the head minus what lies above: so each entry
    is counted at most once for each member, ever.
    """
    if state.head - seq <= seq - mine.read:
        messages, own = _count(connection, state.conv, mine.user, seq, state.head)
        mine.read_messages, mine.read_own = state.messages - messages, mine.sent - own
    else:
        messages, own = _count(connection, state.conv, mine.user, mine.read, seq)
        mine.read_messages, mine.read_own = mine.read_messages + messages, mine.read_own + own
    mine.read = seq


def _count(connection: sqlite3.Connection, conv: int, user: int, after: int, upto: int) -> tuple[int, int]:
    """How many messages there are with after < seq ≤ upto, and how many of them by ``user``."""
    row = one(
        connection,
        "SELECT COUNT(*), COALESCE(SUM(author = ?), 0) FROM entry"
        " WHERE conv = ? AND seq > ? AND seq <= ? AND kind = 'message'",
        user,
        conv,
        after,
        upto,
    )
    return (row[0], row[1]) if row else (0, 0)
