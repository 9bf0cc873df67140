"""What the stores write their work in, on one link: set-wise statements, in few round trips.

What has no result is put off and travels with the next statement that has one, or with the COMMIT. Rows that exist are
updated by INSERT … ON DUPLICATE KEY UPDATE, the one set-wise update that MySQL and MariaDB share.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.database import Query, Row, Unstorable, Value, Values
from mrccsc_server.storage.mysql import literals, plain_append
from mrccsc_server.storage.mysql.answers import Result
from mrccsc_server.storage.mysql.database_clock import DatabaseClock
from mrccsc_server.storage.mysql.errors import Lost
from mrccsc_server.storage.mysql.link import Link
from mrccsc_server.storage.mysql.literals import Expression, encode, fill

NOW = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"


class Careless(Exception):
    """Values were refused while nobody looked which: the work is to be run again, carefully."""


class MysqlReader:
    """:class:`mrccsc_server.storage.database.Reader` on a link. With ``begin`` these statements go first."""

    def __init__(self, link: Link, begin: Sequence[bytes] = ()) -> None:
        self._link = link
        self._pending = list(begin)

    @property
    def clock(self) -> Query:
        """See the protocol."""
        return Query(NOW)

    async def rows(self, sql: str, *values: Value | Collection[int]) -> list[Row]:
        """See the protocol."""
        (result,) = await self._send(fill(sql, values))
        return list(result.rows)

    async def row(self, sql: str, *values: Value | Collection[int]) -> Row | None:
        """See the protocol."""
        (result,) = await self._send(fill(sql, values))
        return result.rows[0] if result.rows else None

    async def now(self) -> int:
        """See the protocol."""
        (result,) = await self._send(NOW)
        return int(result.rows[0][0])

    async def gather(self, *queries: Query) -> list[list[Row]]:
        """See the protocol."""
        parts = [literals.selects(query) for query in queries]
        results = iter(await self._send(*(statement for part in parts for statement in part)))
        return [[row for _ in part for row in next(results).rows] for part in parts]

    async def each(self, sql: str, keys: Sequence[Values]) -> list[Row]:
        """See the protocol."""
        return [row for result in await self._send(*literals.union(sql, keys)) for row in result.rows]

    async def finish(self) -> None:
        """Undo what is open, so that the link is as it was. A dead link stays dead."""
        self._pending.clear()
        if self._link.alive and self._link.in_transaction:
            with contextlib.suppress(Lost):
                await self._link.send([b"ROLLBACK"])

    async def _send(self, *statements: str) -> list[Result]:
        """Run what was put off and these; the results of these."""
        pending, self._pending = self._pending, []
        sent = pending + [encode(statement) for statement in statements]
        if not sent:
            return []
        return (await self._link.send(sent))[len(pending) :]


class MysqlTransaction(MysqlReader):
    """:class:`mrccsc_server.storage.database.Transaction` on a link.

    Unless it is ``careful``, savepoints are left out; values that are refused within one raise :class:`Careless`.
    """

    def __init__(self, link: Link, ticks: DatabaseClock, *, careful: bool) -> None:
        super().__init__(link, [b"START TRANSACTION"])
        self._ticks = ticks
        self.careful = careful
        self.appended: list[EntryRow] = []
        self.erased = False
        self._texts = 0
        self.committing = False
        """Whether the COMMIT was sent, so that its outcome may be unknown."""

    async def commit(self) -> None:
        """Make it all durable."""
        self.committing = True
        await self._send("COMMIT")

    async def lock_conversations(self, convs: Collection[int]) -> None:
        """See the protocol. A scan of the primary key is in its order."""
        self._lock("conversation", "conv", convs)

    async def lock_users(self, users: Collection[int]) -> None:
        """See the protocol."""
        self._lock("account", "user", users)

    async def lock_member(self, conv: int, user: int) -> None:
        """See the protocol."""
        self._put_off(fill("SELECT COUNT(*) FROM member WHERE conv = ? AND user = ? FOR UPDATE", (conv, user)))

    async def lock_search_marks(self, convs: Collection[int]) -> None:
        """See the protocol."""
        self._lock("search_mark", "conv", convs)

    @property
    def time(self) -> int | None:
        """See the protocol."""
        return self._ticks.now

    async def gather(self, *queries: Query) -> list[list[Row]]:
        """See the protocol."""
        asked = self._ticks.begin()
        found = await super().gather(*queries)
        for query, rows in zip(queries, found, strict=True):
            if query.sql is NOW:
                self._ticks.set(rows[0][0], asked)
        return found

    async def advance(self, heads: Mapping[int, int], messages: int, at: int) -> None:
        """See the protocol."""
        self._put_off(*plain_append.advance(heads, messages, at))

    async def append_plain(self, messages: Sequence[EntryRow]) -> None:
        """What :meth:`mrccsc_server.storage.database.Database.append_plain` does."""
        self._put_off(*plain_append.append(messages, self._link.id_step))
        self.appended += messages

    async def execute(self, sql: str, *values: Value | Collection[int]) -> int:
        """See the protocol."""
        (result,) = await self._send(fill(sql, values))
        return result.found

    async def create(self, table: str, columns: Sequence[str], values: Values) -> int:
        """See the protocol."""
        (result,) = await self._send(*literals.inserts(table, columns, [values]))
        return result.ident

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        self._put_off(*literals.inserts(table, columns, rows))

    async def put(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        if not rows:
            return
        changes = ", ".join(f"{column} = VALUES({column})" for column in columns)
        self._put_off(*literals.inserts(table, [*key, *columns], rows, f" ON DUPLICATE KEY UPDATE {changes}"))

    async def update(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        await self.put(table, key, columns, rows)

    async def add(self, table: str, key: Sequence[str], column: str, number: int, keys: Sequence[Values]) -> None:
        """See the protocol."""
        self._put_off(*literals.additions(table, key, column, number, keys))

    async def delete(self, table: str, key: Sequence[str], keys: Sequence[Values]) -> None:
        """See the protocol."""
        self._put_off(*literals.deletes(table, key, keys))

    async def add_texts(self, texts: Sequence[str]) -> list[int]:
        """See the protocol. The ids of one INSERT are consecutive."""
        bodies: list[int] = []
        for result in await self._send(*literals.inserts("body", ["text"], [(text,) for text in texts])):
            bodies += range(result.ident, result.ident + result.found * self._link.id_step, self._link.id_step)
        return bodies

    async def defer_texts(self, texts: Sequence[str]) -> Sequence[Value]:
        """See the protocol. The ids are known to the server alone, so that nothing waits for them."""
        bodies: list[Value] = []
        for statement, count in literals.counted_inserts("body", ["text"], [(text,) for text in texts]):
            self._texts += 1
            self._put_off(statement, f"SET @texts{self._texts} = LAST_INSERT_ID()")
            step = self._link.id_step
            bodies += [Expression(f"@texts{self._texts}+{number * step}") for number in range(count)]
        return bodies

    async def blank_texts(self, bodies: Collection[int]) -> None:
        """See the protocol."""
        self._put_off(
            fill("UPDATE body SET text = REPEAT(CHAR(0 USING utf8mb4), LENGTH(text)) WHERE id IN ??", (bodies,))
        )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See the protocol."""
        if not self.careful:
            try:
                yield
            except Unstorable as error:
                raise Careless from error
            return
        await self._send("SAVEPOINT part")
        try:
            yield
            await self._send("RELEASE SAVEPOINT part")
        except Unstorable:
            self._pending.clear()
            await self._send("ROLLBACK TO SAVEPOINT part")
            raise

    def _lock(self, table: str, key: str, keys: Collection[int]) -> None:
        if keys:
            sql = f"SELECT COUNT(*) FROM {table} FORCE INDEX (PRIMARY) WHERE {key} IN ?? FOR UPDATE"
            self._put_off(fill(sql, (sorted(keys),)))

    def _put_off(self, *statements: str) -> None:
        self._pending += map(encode, statements)
