"""The conversations' logs: append, page, catch up."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from mrccsc_server.domain.operations import Delete, Edit, Operation, React, Send
from mrccsc_server.domain.permissions import first_readable
from mrccsc_server.domain.planning import Outcome, Plan, needs
from mrccsc_server.domain.state import Known
from mrccsc_server.ports import Page, Snapshot
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite import catchup, changes, views
from mrccsc_server.storage.sqlite.connection import is_environment, now
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.entries import read_span
from mrccsc_server.storage.sqlite.facts import known_entry, load_facts
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

_logger = logging.getLogger(__name__)


class SqliteLog:
    """:class:`mrccsc_server.ports.Log` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        limits = self._database.limits
        return await self._database.write(
            lambda transaction: _append(transaction, operations, limits), weight=len(operations)
        )

    async def known(self, conv: int, by: int, cid: str) -> Known | None:
        """See the port."""
        return await self._database.read(lambda connection: known_entry(connection, conv, by, cid))

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

        def work(connection: sqlite3.Connection) -> Page:
            conversation, member = views.membership(connection, conv, asker)
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
            entries = _fit(read_span(connection, conv, low, high), centre, max_bytes)
            if not entries:
                return Page([], head, more=False)
            earlier, later = entries[0]["seq"] > start, entries[-1]["seq"] < head
            more = earlier or later if around is not None else later if after is not None else earlier
            return Page(entries, head, more)

        return await self._database.read(work)

    async def snapshot(
        self, user: int, *, epoch: str | None, cursors: Mapping[int, int] | None, max_bytes: int
    ) -> Snapshot:
        """See the port."""
        own_epoch = self.epoch
        fits = epoch is None or epoch == own_epoch
        return await self._database.read(
            lambda connection: catchup.snapshot(
                connection, user, own_epoch, (cursors or {}) if fits else None, max_bytes
            )
        )

    async def heads(self, convs: Collection[int], since: int | None = None) -> dict[int, int]:
        """See the port."""
        wanted = json.dumps(list(convs))
        return await self._database.read(
            lambda connection: dict(
                connection.execute(
                    "SELECT conv, head FROM conversation WHERE conv IN (SELECT value FROM json_each(?)) AND at >= ?",
                    (wanted, -1 if since is None else since),
                ).fetchall()
            )
        )

    async def now(self) -> int:
        """See the port."""
        return await self._database.read(now)

    async def range(self, conv: int, after: int, upto: int) -> list[Entry]:
        """See the port."""
        return await self._database.read(lambda connection: read_span(connection, conv, after + 1, upto))


def _append(transaction: Transaction, operations: Sequence[Operation], limits: Limits) -> list[Outcome]:
    """Append a batch; where the database refuses it, its halves, down to the one that is at fault."""
    connection = transaction.connection
    connection.execute("SAVEPOINT part")
    try:
        facts = load_facts(connection, needs(operations), transaction.now)
        plan = Plan(facts, limits)
        outcomes = [plan.decide(op) for op in operations]
        reshaped = {op.conv for op in operations if not isinstance(op, Send | Edit | Delete | React)}
        changes.store(transaction, plan.changes, reshaped)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        if is_environment(error):
            raise
        connection.execute("ROLLBACK TO part")
        connection.execute("RELEASE part")
        if len(operations) > 1:
            half = len(operations) // 2
            return [
                *_append(transaction, operations[:half], limits),
                *_append(transaction, operations[half:], limits),
            ]
        _logger.warning("the database refused an entry: %s", type(error).__name__)
        return [Refusal(ErrorCode.INVALID, "The server cannot store that.")]
    connection.execute("RELEASE part")
    return outcomes


def _fit(entries: list[Entry], centre: int, max_bytes: int) -> list[Entry]:
    """The entries around ``centre`` that fit, without holes; at least that one."""
    sizes = [rows.size(entry) for entry in entries]
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
