"""The people of a measurement and what they have said, as the server would have stored it.

Ids are given out here, so that a database is filled from its first row on, once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from mrccsc_server.security.tokens import digest, new_token
from mrccsc_shared.text import fold
from tools.bench.filler import Filler, Value

AT_ONCE = 200_000
"""Rows that are held before they are written."""

AGE = 100_000_000
"""Milliseconds ago that the oldest message was said; each further one in its conversation a millisecond later."""

NO_DIGEST = bytes(16)

COLUMNS = {
    "account": ("user", "username", "display_name", "display_folded", "password", "created"),
    "session": ("user", "digest", "created", "last_seen"),
    "contact": ("user", "other", "relation"),
    "conversation": (
        "conv", "kind", "head", "at", "messages", "members", "title", "title_folded", "topic", "visibility", "low",
        "high", "created_by", "create_cid", "create_digest",
    ),
    "member": (
        "conv", "user", "state", "role", "joined", "sent", "read_seq", "read_messages", "read_own",
    ),
    "body": ("id", "text"),
    "entry": ("conv", "seq", "kind", "author", "at", "cid", "digest", "body", "subject", "data", "rev"),
    "search_mark": ("conv", "indexed"),
}  # fmt: skip
"""The tables that this module writes. Bytes are in the first row of a table where any row has them."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    user: int
    token: str


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation with its members, and the seq of its last entry."""

    conv: int
    members: tuple[User, ...]
    head: int


class World:
    """Fills an empty database. Everything is written when :meth:`close` returns."""

    def __init__(self, filler: Filler) -> None:
        self.filler = filler
        self.now = time.time_ns() // 1_000_000
        self._users = self._convs = self._bodies = self._cids = self._held = 0
        self._rows: defaultdict[str, list[Sequence[Value]]] = defaultdict(list)

    def users(self, name: str, count: int) -> list[User]:
        """``count`` accounts with a token each. Nobody can sign in to them by password."""
        made = []
        for number in range(count):
            self._users += 1
            user = User(self._users, new_token())
            shown = f"{name.title()} {number}"
            self._add("account", (user.user, f"{name}-{number}", shown, fold(shown), "none", self.now))
            self._add("session", (user.user, digest(user.token), self.now, self.now))
            made.append(user)
        return made

    def pairs(self, users: Sequence[User]) -> list[Room]:
        """Direct conversations of each two neighbours, who are friends."""
        rooms = []
        for one, other in zip(users[::2], users[1::2], strict=True):
            for user, friend in ((one.user, other.user), (other.user, one.user)):
                self._add("contact", (user, friend, "friend"))
            rooms.append(self._conversation((one, other), None, (), 0))
        return rooms

    def group(self, title: str, members: Sequence[User], texts: Iterable[str] = (), *, unread: int = 0) -> Room:
        """A public group of all of them; the first one owns it and has said ``texts``, of which the others have read
        all but the last ``unread``.
        """
        return self._conversation(members, title, texts, unread)

    def groups(self, title: str, count: int, size: int, users: Sequence[User]) -> list[Room]:
        """``count`` groups of ``size``, filled with the users in turn."""
        return [
            self.group(f"{title} {number}", [users[(number * size + place) % len(users)] for place in range(size)])
            for number in range(count)
        ]

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self.filler.close()

    def _conversation(self, members: Sequence[User], title: str | None, texts: Iterable[str], unread: int) -> Room:
        """A direct conversation when it has no ``title``."""
        self._convs += 1
        conv, owner = self._convs, members[0]
        joins = () if title is None else members[1:]
        self._add("entry", (conv, 1, "create", owner.user, self.now, self._cid(), NO_DIGEST, None, None, None, None))
        data = '{"reason": "joined"}'
        for seq, user in enumerate(joins, 2):
            self._add(
                "entry", (conv, seq, "join", user.user, self.now, self._cid(), NO_DIGEST, None, user.user, data, None)
            )
        begin = 1 + len(joins)
        said = self._say(conv, owner.user, begin, texts)
        head = begin + said
        low, high = sorted(user.user for user in members[:2]) if title is None else (None, None)
        self._add(
            "conversation",
            (
                conv, "direct" if title is None else "group", head, self.now, said, len(members), title or "",
                fold(title or ""), "", "private" if title is None else "public", low, high, owner.user, self._cid(),
                NO_DIGEST,
            ),
        )  # fmt: skip
        for place, user in enumerate(members):
            own = said if place == 0 else 0
            skipped = 0 if place == 0 else min(unread, said)
            role = "owner" if title is not None and place == 0 else "member"
            joined = 1 if title is None else place + 1
            self._add("member", (conv, user.user, "member", role, joined, own, head - skipped, said - skipped, own))
        self._add("search_mark", (conv, head))
        return Room(conv, tuple(members), head)

    def _say(self, conv: int, by: int, after: int, texts: Iterable[str]) -> int:
        seq = after
        texts = iter(texts)
        # What millions of messages go through: nothing is called for each that need not be.
        while some := list(islice(texts, AT_ONCE // 2)):
            first = self._bodies + 1
            self._rows["body"].extend(enumerate(some, first))
            self._rows["entry"].extend(
                (
                    conv, seq + number, "message", by, self.now - AGE + seq + number,
                    (self._cids + number).to_bytes(16, "big"), NO_DIGEST, self._bodies + number, None, None,
                    seq + number,
                )
                for number in range(1, len(some) + 1)
            )  # fmt: skip
            seq += len(some)
            self._bodies += len(some)
            self._cids += len(some)
            self._held += 2 * len(some)
            if self._held >= AT_ONCE:
                self._flush()
        return seq - after

    def at(self, seq: int) -> int:
        """When entry ``seq`` of any conversation was said."""
        return self.now - AGE + seq

    def _cid(self) -> bytes:
        self._cids += 1
        return self._cids.to_bytes(16, "big")

    def _add(self, table: str, row: Sequence[Value]) -> None:
        self._rows[table].append(row)
        self._held += 1
        if self._held >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        for table, columns in COLUMNS.items():
            if rows := self._rows.pop(table, []):
                self.filler.insert(table, columns, rows)
        self._held = 0
