"""Keeping the inverted table of own tokens, behind the log by a moment.

``search_mark.indexed`` says up to which seq a log is in the table; what lies above is worked off in one transaction
with that mark, so that it resumes by itself after a crash, and several nodes may do it: the one that finds another mark
than it began with leaves that conversation alone.

A message's author is one more token. So a search by author is like one for a rare word, and any combination of
tokens is found from the rarest one on.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from mrccsc_server.domain import tokens
from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.database import Database, Query, Reader, Row, Transaction, Values

_CONVERSATIONS_A_TIME = 256

SWEEP_EVERY = 2.0
"""Seconds between two looks at a part of all conversations, for what nodes that died have left behind."""

_SWEPT = 2_000
"""Conversations of such a part."""

number = lru_cache(maxsize=65_536)(tokens.number)
"""A token's number, remembered."""

_MESSAGES = (
    "SELECT e.conv, e.seq, e.at, e.author, b.text FROM entry e LEFT JOIN body b ON b.id = e.body"
    " WHERE {} AND e.kind = 'message'"
)
_CHANGES = "SELECT e.conv, e.target FROM entry e WHERE {} AND e.kind IN ('edit', 'delete')"
_CHANGING = ("edit", "delete")
_PLACE = ("conv", "seq")
_POSTING = ("token", "conv", "at", "seq")


_TOKEN = itemgetter(0)
_NOTHING: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Document:
    """A message as it is to be in the index. ``tokens`` is empty for one that was deleted.

    Not frozen, as it is made for every message. It is ``new`` when it was made above the conversation's mark, so that
    nothing of it can be in the index.
    """

    conv: int
    seq: int
    at: int
    tokens: frozenset[int]
    new: bool


@dataclass(slots=True)
class _Batch:
    """What one conversation's log has above ``after``, up to ``upto`` of ``head``."""

    conv: int
    after: int
    upto: int
    head: int
    documents: list[_Document]


class Indexer:
    """See :meth:`mrccsc_server.ports.SearchIndex.index`."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._swept_upto = 0
        self._sweep_at: float | None = monotonic()
        self._turn = asyncio.Lock()

    async def index(self, max_entries: int) -> int:
        """See the port."""
        async with self._turn:
            await self._sweep()
            backlog = self._database.index_backlog.take(_CONVERSATIONS_A_TIME, max_entries)
            if not backlog:
                return 0
            unfinished = list(backlog)
            begun: set[int] = set()
            try:
                # Texts are cut into tokens outside of the transaction that writes.
                batches = [batch for entries in backlog.values() if entries and (batch := _batch_of(entries))]
                known = {batch.conv for batch in batches}
                if others := [conv for conv in backlog if conv not in known]:
                    most = max_entries - sum(batch.upto - batch.after for batch in batches)
                    batches += await self._database.read(lambda reader: _read(reader, others, most), consistent=True)
                begun.update(batch.conv for batch in batches)
                moved: set[int] = set()
                if batches:
                    moved = await self._database.write(
                        lambda transaction: _write(transaction, batches), repeatable=True
                    )
                # What came to hand and found another mark is read the next time.
                finished = {
                    batch.conv
                    for batch in batches
                    if batch.upto == batch.head and (batch.conv in moved or batch.conv not in known)
                }
                unfinished = [conv for conv in backlog if conv not in finished]
                return sum(batch.upto - batch.after for batch in batches)
            finally:
                # Those for which there was no room come before those that have more.
                self._database.index_backlog.add(sorted(unfinished, key=begun.__contains__))

    async def _sweep(self) -> None:
        """Look at all conversations after a start; where there are other nodes, at a part of them again and again."""
        if self._sweep_at is None or self._monotonic() < self._sweep_at:
            return
        start = self._swept_upto
        found = await self._database.read(lambda reader: _behind(reader, start, _SWEPT))
        self._database.index_backlog.add([conv for conv, behind in found if behind])
        if len(found) == _SWEPT:
            self._swept_upto = found[-1][0]
        else:
            self._swept_upto = 0
            self._sweep_at = self._monotonic() + SWEEP_EVERY if self._database.shared else None


def author(user: int) -> int:
    """The token of an author. No text has it: tokens of texts have no control characters."""
    return number(f"\0by:{user}")


async def _behind(reader: Reader, after: int, limit: int) -> list[Row]:
    return await reader.rows(
        "SELECT c.conv, s.indexed < c.head FROM conversation c JOIN search_mark s ON s.conv = c.conv"
        " WHERE c.conv > ? ORDER BY c.conv LIMIT ?",
        after,
        limit,
    )


def _batch_of(entries: Sequence[EntryRow]) -> _Batch | None:
    """New entries that are at hand, unless there is a gap in them or one changes an earlier message."""
    first, last = entries[0], entries[-1]
    if any(entry.seq != seq or entry.kind in _CHANGING for seq, entry in enumerate(entries, first.seq)):
        return None
    documents = [
        _document((entry.conv, entry.seq, entry.at, entry.by, entry.text), new=True)
        for entry in entries
        if entry.kind == "message"
    ]
    return _Batch(first.conv, first.seq - 1, last.seq, last.seq, documents)


async def _read(reader: Reader, convs: Sequence[int], max_entries: int) -> list[_Batch]:
    batches: dict[int, _Batch] = {}
    rows = await reader.rows(
        "SELECT c.conv, s.indexed, c.head FROM conversation c JOIN search_mark s ON s.conv = c.conv WHERE c.conv IN ??",
        convs,
    )
    marks = {conv: (after, head) for conv, after, head in rows}
    for conv in convs:
        if max_entries <= 0:
            break
        after, head = marks.get(conv, (0, 0))
        upto = min(head, after + max_entries)
        max_entries -= upto - after
        batches[conv] = _Batch(conv, after, upto, head, [])
    spans = [(batch.conv, batch.after + 1, batch.upto) for batch in batches.values() if batch.upto > batch.after]
    for document in await _documents(reader, spans):
        batches[document.conv].documents.append(document)
    return list(batches.values())


async def _documents(reader: Reader, spans: Sequence[Values]) -> list[_Document]:
    """All messages that the entries of these spans made or changed, each as it is now."""
    if not spans:
        return []
    made, changes = await reader.gather(
        Query(_MESSAGES, by=("e.conv",), within="e.seq", keys=spans),
        Query(_CHANGES, by=("e.conv",), within="e.seq", keys=spans),
    )
    documents = [_document(row, new=True) for row in made]
    if changes:
        targets = set(changes).difference(row[:2] for row in made)
        (changed,) = await reader.gather(Query(_MESSAGES, by=("e.conv", "e.seq"), keys=list(targets)))
        documents += [_document(row, new=False) for row in changed]
    return documents


def _document(row: Row, *, new: bool) -> _Document:
    conv, seq, at, by, text = row
    found = frozenset() if text is None else frozenset((author(by), *map(number, tokens.tokenize(text))))
    return _Document(conv, seq, at, found, new)


async def _write(transaction: Transaction, batches: Sequence[_Batch]) -> set[int]:
    """Write what the batches have; the conversations where no other node was faster."""
    removed: list[tuple[int, int, int, int]] = []
    added: list[tuple[int, int, int, int]] = []
    new: list[Values] = []
    changed: list[Values] = []
    gone: list[Values] = []
    moved = await _move(transaction, [batch for batch in batches if batch.upto > batch.after])
    documents = [document for batch in moved for document in batch.documents]
    stored = await _stored(transaction, documents)
    for document in documents:
        conv, seq, at = document.conv, document.seq, document.at
        before = stored.get((conv, seq), _NOTHING)
        removed += [(token, conv, at, seq) for token in before - document.tokens]
        added += [(token, conv, at, seq) for token in document.tokens - before]
        if document.tokens:
            (new if document.new else changed).append((conv, seq, _pack(document.tokens)))
        elif before:
            gone.append((conv, seq))
    await transaction.insert("search_doc", (*_PLACE, "tokens"), new)
    await transaction.put("search_doc", _PLACE, ("tokens",), changed)
    await transaction.delete("search_doc", _PLACE, gone)
    # In the order of the table: neighbours share pages.
    await transaction.delete("search_token", _POSTING, sorted(removed, key=_TOKEN))
    await transaction.insert("search_token", _POSTING, sorted(added, key=_TOKEN))
    transaction.erased = transaction.erased or bool(removed)
    return {batch.conv for batch in moved}


async def _move(transaction: Transaction, batches: Sequence[_Batch]) -> list[_Batch]:
    """Move the marks of conversations; those where no other node was faster."""
    if not batches:
        return []
    convs = [batch.conv for batch in batches]
    await transaction.lock_search_marks(convs)
    marks: dict[int, int] = dict(
        await transaction.rows("SELECT s.conv, s.indexed FROM search_mark s WHERE s.conv IN ??", convs)
    )
    moved = [batch for batch in batches if marks.get(batch.conv) == batch.after]
    await transaction.update("search_mark", ("conv",), ("indexed",), [(batch.conv, batch.upto) for batch in moved])
    return moved


async def _stored(reader: Reader, documents: Sequence[_Document]) -> Mapping[tuple[int, int], frozenset[int]]:
    places = [(document.conv, document.seq) for document in documents if not document.new]
    if not places:
        return {}
    (found,) = await reader.gather(
        Query("SELECT d.conv, d.seq, d.tokens FROM search_doc d WHERE {}", by=("d.conv", "d.seq"), keys=places)
    )
    return {(conv, seq): _unpack(packed) for conv, seq, packed in found}


def _pack(numbers: frozenset[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def _unpack(packed: bytes) -> frozenset[int]:
    return frozenset(struct.unpack(f"<{len(packed) // 8}q", packed))
