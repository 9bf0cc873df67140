"""Search: messages with all of some tokens, newest first, each verified against its present text."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from mrccsc_server.domain import tokens
from mrccsc_server.domain.fitting import size
from mrccsc_server.storage import views
from mrccsc_server.storage.database import Database, Reader, Row
from mrccsc_server.storage.entries import read_spans
from mrccsc_server.storage.indexing import Indexer, author, number
from mrccsc_server.storage.views import Readable
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.text import fold

MAX_EXAMINED = 20_000
"""Candidates that one call looks at; it then returns the place to go on from, with whatever it has found."""

COUNTED = 1_000
"""Postings up to which a token's rarity is told exactly."""

_MAX_KEYS = 16
"""Tokens of a query that are looked up; more of them are left to the verification."""

_SMALLEST_CHUNK, _LARGEST_CHUNK = 2, 512
"""Postings of one conversation that are fetched together, at first twice as many as are asked for from as many
conversations as are looked into: that is mostly enough. Where more are needed, they become four times as many each
time."""

_FIRST_CONVERSATIONS = 32
"""Conversations that are looked into at first, the most recent ones: of five hundred, they mostly have what is newest.
Where more are needed, they become four times as many each time."""

_ID_BITS = 53
_LATEST = 1 << _ID_BITS

Candidate = tuple[int, int, int]
"""at, conv, seq: newer ones compare greater."""


class StoredSearch:
    """:class:`mrccsc_server.ports.SearchIndex` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexer = Indexer(database)

    @property
    def behind(self) -> int:
        """See the port."""
        return len(self._database.index_backlog)

    async def index(self, max_entries: int) -> int:
        """See the port."""
        return await self._indexer.index(max_entries)

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
        wanted = {number(word) for word in words}
        if by is not None:
            wanted.add(author(by))

        async def work(reader: Reader) -> tuple[list[Entry], int | None]:
            readable = await views.readable(reader, user)
            if conv is not None:
                if conv not in readable:
                    raise Refusal(ErrorCode.NOT_FOUND)
                readable = {conv: readable[conv]}
            hits: list[Entry] = []
            room = max_bytes
            last: Candidate | None = None
            candidates = await _Candidates.begin(reader, wanted, readable, before, limit + 1)
            while True:
                # One more than is asked for tells whether there are more.
                some = await candidates.take(limit - len(hits) + 1)
                found = await read_spans(reader, [(place[1], place[2], place[2]) for place in some])
                for candidate in some:
                    entry = found.get(candidate[1:])
                    if entry is not None and _matches(entry, words, runs, by):
                        room -= size(entry)
                        if len(hits) == limit or (room < 0 and hits):
                            return hits, _pack(last)
                        hits.append(entry)
                    last = candidate
                if candidates.exhausted:
                    return hits, None
                if candidates.examined >= MAX_EXAMINED:
                    return hits, _pack(candidates.last)

        return await self._database.read(work, consistent=True)


class _Candidates:
    """The readable messages with the rarest token, newest first: a merge of each conversation's own list of them,
    which are fetched as they are asked for. A conversation is looked into when its newest entry is newer than what has
    its turn.
    """

    def __init__(self, reader: Reader, token: int, others: Sequence[int], readable: Mapping[int, Readable]) -> None:
        self._reader = reader
        self._readable = readable
        has_others = " AND ".join(
            "EXISTS (SELECT 1 FROM search_token o"
            " WHERE o.token = ? AND o.conv = t.conv AND o.at = t.at AND o.seq = t.seq)"
            for _ in others
        )
        self._sql = f"SELECT t.at, t.conv, t.seq, {has_others or '1'} FROM search_token t WHERE t.token = ?"
        self._key = (*others, token)
        self._heap: list[tuple[int, int, int, bool]] = []
        self._buffered: dict[int, int] = {}
        """How many of the heap's are a conversation's, where there may be more of it."""
        self._oldest: dict[int, tuple[int, int]] = {}
        self._chunks: dict[int, int] = {}
        self._unopened: list[tuple[int, int]] = []
        """Conversations that are not looked into, each after the time that nothing in it is newer than; ascending."""
        self._likely = 0
        self._width = _FIRST_CONVERSATIONS
        self.examined = 0
        self.last: Candidate | None = None

    @classmethod
    async def begin(
        cls, reader: Reader, wanted: set[int], readable: Mapping[int, Readable], before: int | None, likely: int
    ) -> _Candidates:
        """The candidates for all of ``wanted``, older than the position ``before``, of which ``likely`` are needed."""
        counted = await reader.each(
            "SELECT ?, COUNT(*) FROM (SELECT 1 FROM search_token WHERE token = ? LIMIT ?) n",
            [(token, token, COUNTED) for token in wanted],
        )
        counts: dict[int, int] = dict(counted)
        rarest, *others = sorted(wanted, key=lambda token: (counts[token], token))
        made = cls(reader, rarest, others[: _MAX_KEYS - 1], readable)
        end = None if before is None else _unpack(before)
        if counts[rarest] < min(COUNTED, max(2 * likely, _SMALLEST_CHUNK * len(readable))):
            made._add(row for row in await made._all() if end is None or row[:3] < end)
        else:
            made._begin(end, likely)
        return made

    @property
    def exhausted(self) -> bool:
        """Whether there are no more of them."""
        return not self._heap and not self._unopened

    async def take(self, count: int) -> list[Candidate]:
        """The next ones that have the other tokens too: at most ``count``, fewer where too many have been examined."""
        taken: list[Candidate] = []
        while len(taken) < count and self.examined < MAX_EXAMINED:
            while self._unopened and (not self._heap or self._unopened[-1] >= self._next):
                await self._open()
            if not self._heap:
                break
            at, conv, seq, matches = heapq.heappop(self._heap)
            self.last = candidate = (-at, -conv, -seq)
            self.examined += 1
            if matches:
                taken.append(candidate)
            await self._consumed(-conv)
        return taken

    async def _all(self) -> list[Row]:
        return await self._reader.rows(self._sql, *self._key)

    def _begin(self, end: Candidate | None, likely: int) -> None:
        for conv in self._readable:
            if end is None:
                self._oldest[conv] = _LATEST, _LATEST
            else:
                # Of each conversation what is older than the end in the order of (at, conv, seq).
                self._oldest[conv] = end[0], end[2] if conv == end[1] else 0 if conv > end[1] else _LATEST
        self._unopened = sorted((min(seen.at, self._oldest[conv][0]), conv) for conv, seen in self._readable.items())
        self._likely = likely

    @property
    def _next(self) -> tuple[int, int]:
        """When and where what has its turn was said."""
        at, conv, *_ = self._heap[0]
        return -at, -conv

    async def _open(self) -> None:
        """Look into the most recent conversations that are left."""
        convs = [conv for _, conv in self._unopened[-self._width :]]
        del self._unopened[-self._width :]
        self._width *= 4
        await self._fill(convs, max(_SMALLEST_CHUNK, 2 * self._likely // len(convs)))

    async def _consumed(self, conv: int) -> None:
        if conv not in self._buffered:
            return
        self._buffered[conv] -= 1
        if not self._buffered[conv]:
            await self._fill([conv], min(self._chunks[conv] * 4, _LARGEST_CHUNK))

    async def _fill(self, convs: Sequence[int], chunk: int) -> None:
        found = await self._reader.each(
            f"{self._sql} AND t.conv = ? AND t.at <= ? AND (t.at < ? OR t.seq < ?)"
            " ORDER BY t.at DESC, t.seq DESC LIMIT ?",
            [(*self._key, conv, at, at, seq, chunk) for conv in convs for at, seq in [self._oldest[conv]]],
        )
        left = dict.fromkeys(convs, chunk)
        for at, conv, seq, _ in found:
            self._oldest[conv] = min(self._oldest[conv], (at, seq))
            left[conv] -= seq >= self._readable[conv].first
        self._add(found)
        for conv, missing in left.items():
            self._chunks[conv] = chunk
            if missing:
                self._buffered.pop(conv, None)
            else:
                self._buffered[conv] = chunk

    def _add(self, found: Iterable[Row]) -> None:
        for at, conv, seq, matches in found:
            if conv in self._readable and seq >= self._readable[conv].first:
                heapq.heappush(self._heap, (-at, -conv, -seq, bool(matches)))


def _matches(entry: Entry, words: set[str], runs: Sequence[str], by: int | None) -> bool:
    """Whether a message's present text really matches."""
    if entry["kind"] != "message" or (by is not None and entry["by"] != by):
        return False
    text = entry.get("text", "")
    folded = fold(text)
    return words <= tokens.tokenize(text) and all(run in folded for run in runs)


def _pack(candidate: Candidate | None) -> int | None:
    if candidate is None:
        return None
    at, conv, seq = candidate
    return (at << _ID_BITS | conv) << _ID_BITS | seq


def _unpack(position: int) -> Candidate:
    mask = (1 << _ID_BITS) - 1
    # A position that nobody was given may be any number; the database takes 63 bits.
    return min(position >> 2 * _ID_BITS, mask), position >> _ID_BITS & mask, position & mask
