"""The conversations' logs: append, page, catch up."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple

from mrccsc_server.domain.fitting import size
from mrccsc_server.domain.operations import Delete, Edit, Operation, React, Send
from mrccsc_server.domain.permissions import first_readable
from mrccsc_server.domain.planning import Outcome, Plan, judge_retry, needs
from mrccsc_server.domain.state import Duplicate, Facts, Known, Membership, Needs, Stored
from mrccsc_server.ports import Page, Snapshot, SnapshotRequest
from mrccsc_server.storage import catchup, changes, rows, views
from mrccsc_server.storage.database import Database, Reader, Transaction, Unstorable
from mrccsc_server.storage.entries import read_span
from mrccsc_server.storage.facts import load_facts, query_of_cids
from mrccsc_server.storage.query_batcher import QueryBatcher
from mrccsc_server.storage.recent import Plain, Premises, Recent
from mrccsc_server.storage.shared_views import SharedViews
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal

_CIDS = 256
"""Cids that are looked up together."""

_SHAPELESS = frozenset((Send, Edit, Delete, React))
"""Operations that change no facts and no memberships."""

log = logging.getLogger(__name__)


class _Appended(NamedTuple):
    """A batch that is written: what it was judged by, unless it had to be taken apart, and how it left that."""

    outcomes: list[Outcome]
    facts: Facts | None
    premises: Premises


class _Writing:
    """A batch that is appended, in as many attempts as it takes; only the first goes by premises."""

    def __init__(
        self,
        append: Callable[[Transaction, Sequence[Operation], Premises], Awaitable[_Appended]],
        operations: Sequence[Operation],
        premises: Premises,
        attempts: list[list[Outcome]],
    ) -> None:
        self._append = append
        self._premises = premises
        self.operations = operations
        self.attempts = attempts
        """The outcomes of each of them that came so far that it may have been committed."""

    async def attempt(self, transaction: Transaction) -> _Appended:
        """One more."""
        supposed, self._premises = self._premises, {}
        appended = await self._append(transaction, self.operations, supposed)
        self.attempts.append(appended.outcomes)
        return appended


class StoredLog:
    """:class:`mrccsc_server.ports.Log` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._faces = SharedViews()
        self._cids = QueryBatcher(self._known, most=_CIDS)
        self._recent = Recent()

    @property
    def epoch(self) -> str:
        """See the port."""
        return self._database.identity.epoch

    @property
    def secret(self) -> bytes:
        """See the port."""
        return self._database.identity.secret

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """See the port."""
        if not operations:
            return []
        premises = self._recent.take(operations)
        now = self._database.time
        if not premises or now is None:
            return await self._write(operations, premises)
        plain = self._recent.plain(operations, premises)
        said = [op for op in operations if op.conv in plain.convs]
        if len(said) == len(operations):
            return await self._append_plain(operations, premises, plain, now)
        if not said:
            return await self._write(operations, premises)
        others = [op for op in operations if op.conv not in plain.convs]
        rest = {conv: premises.pop(conv) for conv in premises.keys() - plain.convs}
        both = await asyncio.gather(
            _refused(said, self._append_plain(said, premises, plain, now)), _refused(others, self._write(others, rest))
        )
        answers, more = map(iter, both)
        return [next(answers if op.conv in plain.convs else more) for op in operations]

    async def _append_plain(
        self, operations: Sequence[Operation], premises: Premises, plain: Plain, now: int
    ) -> list[Outcome]:
        """Messages for which nothing must be read are planned here, and stored at once."""
        conversations = {conv: premise.conversation for conv, premise in premises.items()}
        facts = Facts(now, conversations, plain.members, plain.known)
        plan = Plan(facts, self._database.limits)
        outcomes = [plan.decide(op) for op in operations]
        if Refusal in map(type, outcomes):
            return await self._write(operations, {})
        # Where nobody else writes, what is not said at once was not stored either.
        writing = _Writing(self._append, operations, {}, [outcomes] if self._database.shared else [])
        appended = await self._database.append_plain(plan.changes.entries, writing.attempt)
        if appended is None:
            self._recent.remember(operations, outcomes, facts, premises)
            return outcomes
        self._recent.mistrust(_moved(premises, appended))
        return self._written(writing, appended)

    async def _write(self, operations: Sequence[Operation], premises: Premises) -> list[Outcome]:
        writing = _Writing(self._append, operations, premises, [])
        appended = await self._database.write(writing.attempt, weight=len(operations), repeatable=True)
        if appended.premises is not premises:
            self._recent.mistrust(_moved(premises, appended))
        return self._written(writing, appended)

    def _written(self, writing: _Writing, appended: _Appended) -> list[Outcome]:
        """Take note of what was committed; the outcomes."""
        if len(writing.attempts) > 1:
            # What is told may be of another attempt than the facts.
            appended = _Appended(_first_told(appended.outcomes, writing.attempts[:-1]), None, {})
        self._recent.remember(writing.operations, *appended)
        return appended.outcomes

    def heard(self, conv: int) -> None:
        """See the port."""
        self._recent.mistrust((conv,))

    async def known(self, conv: int, by: int, cid: str) -> Known | None:
        """See the port."""
        return await self._cids.ask((conv, by, cid))

    async def page(
        self,
        conv: int,
        asker: int,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """See the port."""

        async def work(reader: Reader) -> Page:
            conversation, member = await views.membership(reader, conv, asker)
            start, head = first_readable(conversation, member), conversation.head
            # A log has no holes, so that a page is a range of seqs.
            if around is not None:
                centre = min(max(around, start), head)
                low = max(start, min(centre - limit // 2, head - limit + 1))
                high = min(head, low + limit - 1)
            elif after is not None:
                centre = low = max(start, after + 1)
                high = min(head, low + limit - 1)
            else:
                centre = high = head if before is None else min(head, before - 1)
                low = max(start, high - limit + 1)
            entries = _fit(await read_span(reader, conv, low, high), centre, max_bytes)
            if not entries:
                return Page([], head, more=False)
            earlier, later = entries[0]["seq"] > start, entries[-1]["seq"] < head
            more = earlier or later if around is not None else later if after is not None else earlier
            return Page(entries, head, more)

        return await self._database.read(work, consistent=True)

    async def snapshots(self, requests: Sequence[SnapshotRequest]) -> list[Snapshot]:
        """See the port."""
        epoch = self.epoch
        drafts = await self._database.read(
            lambda reader: catchup.read_snapshots(reader, epoch, self._faces, requests), consistent=True
        )
        return [draft.finish() for draft in drafts]

    async def heads(self, convs: Collection[int], since: int | None = None) -> dict[int, int]:
        """See the port."""
        least = -1 if since is None else since
        found = await self._database.read(
            lambda reader: reader.rows("SELECT conv, head FROM conversation WHERE conv IN ?? AND at >= ?", convs, least)
        )
        return dict(found)

    async def now(self) -> int:
        """See the port."""
        return await self._database.read(lambda reader: reader.now())

    async def range(self, conv: int, after: int, upto: int) -> list[Entry]:
        """See the port."""
        return await self._database.read(lambda reader: read_span(reader, conv, after + 1, upto), consistent=True)

    async def _append(
        self,
        transaction: Transaction,
        operations: Sequence[Operation],
        premises: Premises,
        *,
        careful: bool = False,
    ) -> _Appended:
        """Append a batch; where the database refuses it, with care, then its halves, down to the one at fault."""
        careful = careful or transaction.careful
        try:
            async with transaction.savepoint():
                need = needs(operations, careful=careful)
                recent = {} if careful else self._recent.take_cids(need.cids, operations)
                supposed = _suppose(premises, operations, need)
                facts, bodies = await load_facts(transaction, need)
                facts.known |= recent
                facts.members |= supposed
                for premise in premises.values():
                    facts.conversations[premise.conversation.conv] = premise.conversation
                plan = Plan(facts, self._database.limits)
                outcomes = [plan.decide(op) for op in operations]
                if not careful:
                    await _look_up_refused(transaction, operations, outcomes)
                reshaped = {op.conv for op in operations if type(op) not in _SHAPELESS}
                heads = {conv: premise.head for conv, premise in premises.items()}
                await changes.store(transaction, plan.changes, bodies, reshaped, heads)
        except Unstorable as error:
            if not careful:
                return await self._append(transaction, operations, {}, careful=True)
            if len(operations) > 1:
                half = len(operations) // 2
                halves = [
                    await self._append(transaction, part, {}, careful=True)
                    for part in (operations[:half], operations[half:])
                ]
                return _Appended([outcome for part in halves for outcome in part.outcomes], None, {})
            log.warning("the database refused an entry: %s", error)
            return _Appended([Refusal(ErrorCode.INVALID, "The server cannot store that.")], None, {})
        transaction.appended += plan.changes.entries
        return _Appended(outcomes, facts, premises)

    async def _known(self, cids: Sequence[tuple[int, int, str]]) -> list[Known | None]:
        (found,) = await self._database.read(lambda reader: reader.gather(query_of_cids(cids)))
        known = {rows.cid_key(row): rows.known(row) for row in found}
        return [known.get(cid) for cid in cids]


def _moved(premises: Premises, appended: _Appended) -> list[int]:
    """The conversations that were not as they were supposed to be, or of which nobody knows whether they were."""
    if appended.facts is None:
        return list(premises)
    stored = Counter(outcome.entry["conv"] for outcome in appended.outcomes if type(outcome) is Stored)
    return [
        conv
        for conv, premise in premises.items()
        if (found := appended.facts.conversations.get(conv)) is None or found.head - stored[conv] != premise.head
    ]


async def _refused(operations: Sequence[Operation], outcomes: Awaitable[list[Outcome]]) -> list[Outcome]:
    """The outcomes; a refusal of all of them is told as one of each."""
    try:
        return await outcomes
    except Refusal as refusal:
        return [refusal] * len(operations)


def _suppose(premises: Premises, operations: Sequence[Operation], need: Needs) -> dict[tuple[int, int], Membership]:
    """The memberships that are known by premises. What they know is taken out of ``need``."""
    if not premises:
        return {}
    need.conversations.difference_update(premises)
    supposed = {}
    for op in operations:
        premise = premises.get(op.conv)
        if premise is not None and (member := premise.members.get(op.by)) is not None:
            supposed[op.conv, op.by] = member
    need.members.difference_update(supposed)
    return supposed


async def _look_up_refused(transaction: Transaction, operations: Sequence[Operation], outcomes: list[Outcome]) -> None:
    """What was taken for new and is refused may be a retry, which is answered as it was before."""
    refused = [
        index
        for index, (op, outcome) in enumerate(zip(operations, outcomes, strict=True))
        if type(op) is Send and isinstance(outcome, Refusal) and outcome.code is not ErrorCode.CID_CONFLICT
    ]
    if not refused:
        return
    cids = {(op.conv, op.by, op.cid) for op in (operations[index] for index in refused)}
    (found,) = await transaction.gather(query_of_cids(cids))
    known = {rows.cid_key(row): rows.known(row) for row in found}
    for index in refused:
        op = operations[index]
        if stored := known.get((op.conv, op.by, op.cid)):
            outcomes[index] = judge_retry(op, stored)


def _first_told(outcomes: list[Outcome], attempts: list[list[Outcome]]) -> list[Outcome]:
    """The outcomes as of the attempt that was committed.

    When the connection was lost in a commit that went through, the next attempt finds all of it there. It is news
    nevertheless: nobody has heard of it.
    """
    told = list(outcomes)
    for index, outcome in enumerate(outcomes):
        for made in (attempt[index] for attempt in attempts):
            if not isinstance(outcome, Duplicate) or not isinstance(made, Stored):
                continue
            if (made.entry["seq"], made.entry["at"]) == (outcome.seq, outcome.at):
                told[index] = made
    return told


def _fit(entries: list[Entry], centre: int, max_bytes: int) -> list[Entry]:
    """The entries around ``centre`` that fit, without holes; at least that one."""
    sizes = [size(entry) for entry in entries]
    if sum(sizes) <= max_bytes or not entries:
        return entries
    low = high = middle = centre - entries[0]["seq"]
    room = max_bytes - sizes[middle]
    while True:
        # Grow on the shorter side first, so that the centre stays in the middle.
        sides = [(high - middle, high + 1)] if high + 1 < len(entries) else []
        if low > 0:
            sides.append((middle - low, low - 1))
        growth = next((index for _, index in sorted(sides) if sizes[index] <= room), None)
        if growth is None:
            return entries[low : high + 1]
        room -= sizes[growth]
        low, high = min(low, growth), max(high, growth)
