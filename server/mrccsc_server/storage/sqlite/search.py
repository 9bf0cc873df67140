"""Search: an inverted table of own tokens, behind the log by a moment.

``conversation.indexed`` says up to which seq a log is in the table; what lies above is worked off by
:meth:`SqliteSearch.index`, in one transaction with that mark, so that it resumes by itself after a crash.

A message's author is one more token. So a search by author is like one for a rare word, and any combination of
tokens is found from the rarest one on.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mrccsc_server.domain import tokens
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite import views
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.entries import read_span
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.text import fold

MAX_EXAMINED = 20_000
"""Candidates that one call looks at; it then returns the place to go on from, with whatever it has found."""

_COUNTED = 1_000
"""Postings up to which a token's rarity is told exactly."""

_MAX_KEYS = 16
"""Tokens of a query that are looked up; more of them are left to the verification."""

_CONVERSATIONS_A_TIME = 64
_FIRST_CHUNK, _LARGEST_CHUNK = 8, 512

_ID_BITS = 53

_number = lru_cache(maxsize=65_536)(tokens.number)


@dataclass(frozen=True, slots=True)
class _Document:
    """A message as it is to be in the index. ``tokens`` is empty for one that was deleted."""

    seq: int
    at: int
    tokens: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one conversation's log has above ``after``, up to ``upto`` of ``head``."""

    conv: int
    after: int
    upto: int
    head: int
    documents: tuple[_Document, ...]


Candidate = tuple[int, int, int]
"""at, conv, seq: newer ones compare greater."""


class SqliteSearch:
    """:class:`mrccsc_server.ports.SearchIndex` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scanned = False
        self._turn = asyncio.Lock()

    async def index(self, max_entries: int) -> int:
        """See the port."""
        async with self._turn:
            if not self._scanned:
                self._database.grown.add(await self._database.read(_behind))
                self._scanned = True
            convs = self._database.grown.take(_CONVERSATIONS_A_TIME)
            if not convs:
                return 0
            unfinished = set(convs)
            try:
                # Texts are cut into tokens on a reader: the writer has better things to do.
                batches = await self._database.read(lambda connection: _read(connection, convs, max_entries))
                if batches:
                    await self._database.write(lambda transaction: _write(transaction, batches))
                unfinished.difference_update(batch.conv for batch in batches if batch.upto == batch.head)
                return sum(batch.upto - batch.after for batch in batches)
            finally:
                self._database.grown.add(unfinished)

    async def find(
        self,
        user: int,
        query: str,
        *,
        conv: int | None,
        by: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> tuple[list[Entry], int | None]:
        """See the port."""
        words, runs = tokens.tokenize_query(query)
        if not words:
            return [], None
        wanted = {_number(word) for word in words}
        if by is not None:
            wanted.add(_author(by))

        def work(connection: sqlite3.Connection) -> tuple[list[Entry], int | None]:
            readable = views.readable(connection, user)
            if conv is not None:
                if conv not in readable:
                    raise Refusal(ErrorCode.NOT_FOUND)
                readable = {conv: readable[conv]}
            hits: list[Entry] = []
            room = max_bytes
            last: Candidate | None = None
            for examined, (candidate, matches) in enumerate(_candidates(connection, wanted, readable, before)):
                if examined >= MAX_EXAMINED:
                    return hits, _pack(last)
                if matches and (entry := _verified(connection, candidate, words, runs, by)) is not None:
                    room -= rows.size(entry)
                    if len(hits) == limit or (room < 0 and hits):
                        return hits, _pack(last)
                    hits.append(entry)
                last = candidate
            return hits, None

        return await self._database.read(work)


# -- the index -----------------------------------------------------------------------------------------------------


def _behind(connection: sqlite3.Connection) -> list[int]:
    return [conv for (conv,) in connection.execute("SELECT conv FROM conversation WHERE indexed < head")]


def _read(connection: sqlite3.Connection, convs: list[int], max_entries: int) -> list[_Batch]:
    batches: list[_Batch] = []
    for conv in convs:
        row = one(connection, "SELECT indexed, head FROM conversation WHERE conv = ?", conv)
        if row is None or max_entries <= 0:
            continue
        after, head = row
        upto = min(head, after + max_entries)
        max_entries -= upto - after
        batches.append(_Batch(conv, after, upto, head, tuple(_documents(connection, conv, after, upto))))
    return batches


def _documents(connection: sqlite3.Connection, conv: int, after: int, upto: int) -> Iterator[_Document]:
    """All messages that the entries after < seq ≤ upto made or changed, each as it is now."""
    found = connection.execute(
        "SELECT m.seq, m.at, m.author, b.text FROM entry m LEFT JOIN body b ON b.id = m.body"
        " WHERE m.conv = :conv AND m.kind = 'message' AND (m.seq > :after AND m.seq <= :upto OR m.seq IN"
        " (SELECT e.target FROM entry e WHERE e.conv = :conv AND e.seq > :after AND e.seq <= :upto"
        " AND e.kind IN ('edit', 'delete')))",
        {"conv": conv, "after": after, "upto": upto},
    )
    for seq, at, author, text in found:
        numbers = frozenset() if text is None else frozenset((_author(author), *map(_number, tokens.tokenize(text))))
        yield _Document(seq, at, numbers)


def _write(transaction: Transaction, batches: list[_Batch]) -> None:
    connection = transaction.connection
    removed: list[tuple[int, int, int, int]] = []
    added: list[tuple[int, int, int, int]] = []
    for batch in batches:
        conv = batch.conv
        moved = connection.execute(
            "UPDATE conversation SET indexed = ? WHERE conv = ? AND indexed = ?", (batch.upto, conv, batch.after)
        )
        if not moved.rowcount:
            continue  # Another process was faster.
        for document in batch.documents:
            stored = one(connection, "SELECT tokens FROM search_doc WHERE conv = ? AND seq = ?", conv, document.seq)
            before = _unpack_tokens(stored[0]) if stored else frozenset()
            removed.extend((token, conv, document.at, document.seq) for token in before - document.tokens)
            added.extend((token, conv, document.at, document.seq) for token in document.tokens - before)
            if document.tokens:
                connection.execute(
                    "INSERT INTO search_doc (conv, seq, tokens) VALUES (?, ?, ?)"
                    " ON CONFLICT (conv, seq) DO UPDATE SET tokens = excluded.tokens",
                    (conv, document.seq, _pack_tokens(document.tokens)),
                )
            elif stored:
                connection.execute("DELETE FROM search_doc WHERE conv = ? AND seq = ?", (conv, document.seq))
    # In the order of the table: neighbours share pages.
    connection.executemany(
        "DELETE FROM search_token WHERE token = ? AND conv = ? AND at = ? AND seq = ?", sorted(removed)
    )
    connection.executemany("INSERT INTO search_token (token, conv, at, seq) VALUES (?, ?, ?, ?)", sorted(added))
    transaction.erased = transaction.erased or bool(removed)


def _author(user: int) -> int:
    """The token of an author. No text has it: tokens of texts have no control characters."""
    return _number(f"\0by:{user}")


def _pack_tokens(numbers: frozenset[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *sorted(numbers))


def _unpack_tokens(packed: bytes) -> frozenset[int]:
    return frozenset(struct.unpack(f"<{len(packed) // 8}q", packed))


# -- finding -------------------------------------------------------------------------------------------------------


def _candidates(
    connection: sqlite3.Connection, wanted: set[int], readable: dict[int, int], before: int | None
) -> Iterator[tuple[Candidate, bool]]:
    """The readable messages with the rarest token, newest first, and whether each has the other ones too."""
    counts = {
        token: one(
            connection, "SELECT COUNT(*) FROM (SELECT 1 FROM search_token WHERE token = ? LIMIT ?)", token, _COUNTED
        )
        for token in wanted
    }
    rarest, *others = sorted(wanted, key=lambda token: counts[token] or (0,))
    end = None if before is None else _unpack(before)
    streams = [
        _stream(connection, rarest, others[: _MAX_KEYS - 1], conv, start, end) for conv, start in readable.items()
    ]
    return heapq.merge(*streams, reverse=True)


def _stream(
    connection: sqlite3.Connection, token: int, others: list[int], conv: int, start: int, end: Candidate | None
) -> Iterator[tuple[Candidate, bool]]:
    """One conversation's postings of a token from seq ``start`` on, newest first, fetched as they are asked for."""
    has_others = " AND ".join(
        "EXISTS (SELECT 1 FROM search_token o WHERE o.token = ? AND o.conv = t.conv AND o.at = t.at AND o.seq = t.seq)"
        for _ in others
    )
    sql = (
        f"SELECT t.at, t.seq, {has_others or '1'} FROM search_token t"
        " WHERE t.token = ? AND t.conv = ? AND (t.at, t.seq) < (?, ?) ORDER BY t.at DESC, t.seq DESC LIMIT ?"
    )
    if end is None:
        at = seq = 1 << _ID_BITS
    else:
        # Of this conversation: what is older than the end in the order of (at, conv, seq).
        at, seq = end[0], end[2] if conv == end[1] else 0 if conv > end[1] else 1 << _ID_BITS
    chunk = _FIRST_CHUNK
    while True:
        found = connection.execute(sql, (*others, token, conv, at, seq, chunk)).fetchall()
        for at, seq, matches in found:
            if seq < start:
                return
            yield (at, conv, seq), bool(matches)
        if len(found) < chunk:
            return
        chunk = min(chunk * 4, _LARGEST_CHUNK)


def _verified(
    connection: sqlite3.Connection, candidate: Candidate, words: set[str], runs: list[str], by: int | None
) -> Entry | None:
    """The message behind a candidate, if its present text really matches."""
    _, conv, seq = candidate
    for entry in read_span(connection, conv, seq, seq):
        if entry["kind"] != "message" or (by is not None and entry["by"] != by):
            return None
        text = entry.get("text", "")
        folded = fold(text)
        if words <= tokens.tokenize(text) and all(run in folded for run in runs):
            return entry
    return None


def _pack(candidate: Candidate | None) -> int | None:
    if candidate is None:
        return None
    at, conv, seq = candidate
    return (at << _ID_BITS | conv) << _ID_BITS | seq


def _unpack(position: int) -> Candidate:
    mask = (1 << _ID_BITS) - 1
    # A position that nobody was given may be any number; the database takes 63 bits.
    return min(position >> 2 * _ID_BITS, mask), position >> _ID_BITS & mask, position & mask
