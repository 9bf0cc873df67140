"""Conversations as their members see them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import uuid4

from mrccsc_server.domain.permissions import require_writable
from mrccsc_server.ports import ReadMark
from mrccsc_server.storage import marks, rows, views
from mrccsc_server.storage.accounts import profiles
from mrccsc_server.storage.contacts import are_friends
from mrccsc_server.storage.database import Database, Reader, Transaction
from mrccsc_server.storage.facts import count_groups
from mrccsc_server.storage.query_batcher import QueryBatcher
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.text import fold

_CIDS = 64
"""Cids that are looked up together."""

_MADE = "SELECT created_by, create_cid FROM conversation WHERE created_by = ? AND create_cid = ?"


class StoredConversations:
    """:class:`mrccsc_server.ports.Conversations` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cids = QueryBatcher(self._made, most=_CIDS)

    async def page(self, user: int, after: int, limit: int) -> tuple[list[Conversation], bool]:
        """See the port."""
        found = await self._database.read(
            lambda reader: views.views_of_user(reader, user, after, limit + 1), consistent=True
        )
        return found[:limit], len(found) > limit

    async def memberships(self, users: Collection[int], since: int | None = None) -> dict[int, set[int]]:
        """See the port."""
        return await self._database.read(lambda reader: views.memberships(reader, users, since))

    async def views(self, conv: int, users: Collection[int]) -> dict[int, Conversation]:
        """See the port."""
        return await self._database.read(
            lambda reader: views.views_of_conversation(reader, conv, users), consistent=True
        )

    async def seen(self, conv: int, user: int) -> Conversation:
        """See the port."""
        return await self._database.read(lambda reader: _seen(reader, conv, user), consistent=True)

    async def open_direct(self, user: int, friend: int) -> tuple[Conversation, Conversation | None]:
        """See the port."""
        return await self._database.write(lambda transaction: _open_direct(transaction, user, friend))

    async def create_group(
        self, user: int, cid: str, digest: bytes, title: str, topic: str, visibility: str
    ) -> tuple[Conversation, bool]:
        """See the port."""
        limit = self._database.limits.groups
        made = _New(user, rows.pack_cid(cid), digest, "group", title, topic, visibility)

        async def work(transaction: Transaction) -> tuple[Conversation, bool]:
            await transaction.lock_users([user])
            known = await transaction.row(
                "SELECT conv, create_digest FROM conversation WHERE created_by = ? AND create_cid = ?", user, made.cid
            )
            if known is not None:
                if known[1] != digest:
                    raise Refusal(ErrorCode.CID_CONFLICT)
                return await _seen(transaction, known[0], user), False
            if (await count_groups(transaction, [user])).get(user, 0) >= limit:
                raise Refusal(ErrorCode.TOO_LARGE, f"A user is in at most {limit} groups.")
            conv = await _insert(transaction, made, {user: "owner"})
            return await _seen(transaction, conv, user), True

        return await self._database.write(work, repeatable=True)

    async def made(self, user: int, cid: str) -> bool:
        """See the port."""
        return await self._cids.ask((user, rows.pack_cid(cid)))

    async def find_groups(self, query: str, limit: int) -> list[Conversation]:
        """See the port."""
        folded = fold(query).strip()

        async def work(reader: Reader) -> list[Conversation]:
            found = await reader.rows(
                f"SELECT {rows.CONVERSATION} FROM conversation c"
                " WHERE c.visibility = 'public' AND c.kind = 'group' AND c.writable = 1"
                " AND instr(c.title_folded, ?) > 0 ORDER BY c.members DESC, c.conv LIMIT ?",
                folded,
                limit,
            )
            return [rows.found_group(row) for row in found]

        return await self._database.read(work)

    async def members(self, conv: int, asker: int, after: int, limit: int) -> tuple[list[Member], bool]:
        """See the port."""

        async def work(reader: Reader) -> tuple[list[Member], bool]:
            await views.membership(reader, conv, asker)
            found = await reader.rows(
                "SELECT a.user, a.username, a.display_name, m.role FROM member m JOIN account a ON a.user = m.user"
                " WHERE m.conv = ? AND m.user > ? AND m.state = 'member' ORDER BY m.user LIMIT ?",
                conv,
                after,
                limit + 1,
            )
            return [rows.group_member(row) for row in found[:limit]], len(found) > limit

        return await self._database.read(work, consistent=True)

    async def require_writer(self, conv: int, user: int) -> None:
        """See the port."""

        async def work(reader: Reader) -> None:
            require_writable((await views.membership(reader, conv, user))[0])

        await self._database.read(work, consistent=True)

    async def mute(self, conv: int, user: int, muted: bool) -> Conversation:
        """See the port."""

        async def work(transaction: Transaction) -> Conversation:
            await views.membership(transaction, conv, user)
            await transaction.update("member", ("conv", "user"), ("muted",), [(conv, user, int(muted))])
            return await _seen(transaction, conv, user)

        return await self._database.write(work, repeatable=True)

    async def mark_read(self, conv: int, user: int, seq: int, unread: bool) -> ReadMark:
        """See the port."""
        return await self._database.write(
            lambda transaction: marks.mark_read(transaction, conv, user, seq, unread), repeatable=True
        )

    async def _made(self, cids: Sequence[tuple[int, bytes]]) -> list[bool]:
        found = set(await self._database.read(lambda reader: reader.each(_MADE, cids)))
        return [cid in found for cid in cids]


@dataclass(frozen=True, slots=True)
class _New:
    """What a conversation begins as."""

    creator: int
    cid: bytes
    digest: bytes
    kind: str
    title: str
    topic: str
    visibility: str
    low: int | None = None
    high: int | None = None


async def _seen(reader: Reader, conv: int, user: int) -> Conversation:
    view = await views.view(reader, conv, user)
    if view is not None:
        return view
    group = await reader.row(
        f"SELECT {rows.CONVERSATION} FROM conversation c"
        " WHERE c.conv = ? AND c.kind = 'group' AND c.visibility = 'public'",
        conv,
    )
    if group is None:
        raise Refusal(ErrorCode.NOT_FOUND)
    return rows.found_group(group)


async def _open_direct(transaction: Transaction, user: int, friend: int) -> tuple[Conversation, Conversation | None]:
    await transaction.lock_users([user, friend])
    low, high = sorted((user, friend))
    direct = await transaction.row("SELECT conv FROM conversation WHERE low = ? AND high = ?", low, high)
    if direct is not None:
        return await _seen(transaction, direct[0], user), None
    if not await profiles(transaction, friend):
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    if not await are_friends(transaction, user, friend):
        raise Refusal(ErrorCode.FORBIDDEN, "You can write only to friends.")
    made = _New(user, uuid4().bytes, b"", "direct", "", "", "private", low, high)
    conv = await _insert(transaction, made, {low: "member", high: "member"})
    both = await views.views_of_conversation(transaction, conv, (user, friend))
    return both[user], both[friend]


async def _insert(transaction: Transaction, made: _New, members: dict[int, str]) -> int:
    """A new conversation with its ``create`` entry, which counts as read by all; its id."""
    now = await transaction.now()
    conv = await transaction.create(
        "conversation",
        (
            "kind", "head", "at", "members", "title", "title_folded", "topic", "visibility", "low", "high",
            "created_by", "create_cid", "create_digest",
        ),
        (
            made.kind, 1, now, len(members), made.title, fold(made.title), made.topic, made.visibility, made.low,
            made.high, made.creator, made.cid, made.digest,
        ),
    )  # fmt: skip
    await transaction.insert(
        "entry",
        ("conv", "seq", "kind", "author", "at", "cid", "digest"),
        [(conv, 1, "create", made.creator, now, made.cid, made.digest)],
    )
    await transaction.insert(
        "member",
        ("conv", "user", "state", "role", "joined", "read_seq"),
        [(conv, user, "member", role, 1, 1) for user, role in members.items()],
    )
    await transaction.insert("search_mark", ("conv", "indexed"), [(conv, 1)])
    return conv
