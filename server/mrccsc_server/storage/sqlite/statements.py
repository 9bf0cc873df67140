"""What the stores write their work in, on one SQLite connection.

The coroutines never suspend, so that a thread without an event loop runs them: see :func:`run`.

Python's lock is given up and taken again around every step of SQLite's machine, and taking it means waiting while the
event loop is busy: what is read for many keys is one statement, and its keys come as one value.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import orjson

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.database import Query, Row, Unstorable, Value, Values, is_set
from mrccsc_server.storage.sqlite.connection import NOW, is_environment

T = TypeVar("T")

_MANY = 4
"""Keys from which on one statement for all is faster than one for each."""

_TOGETHER = 64
"""Rows that are inserted by one statement, where there are so many."""

_ADVANCE = (
    "UPDATE conversation SET head = head + ?, messages = messages + ?, at = MAX(at, ?)"
    " WHERE conv = ? AND head = ? AND writable"
)
_FIRST_TABLE = re.compile(r" FROM (\w+ \w+)")
_SET = "(SELECT value FROM json_each(?))"
_BLANK = "UPDATE body SET text = CAST(zeroblob(length(CAST(text AS BLOB))) AS TEXT) WHERE id = ?"


def run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that never suspends returns or raises."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("the work has waited for something else than the database")


@lru_cache(maxsize=256)
def _for_keys(sql: str, by: tuple[str, ...]) -> str:
    """A query for many keys, which are the elements of a JSON array."""
    if len(by) == 1:
        return sql.replace("{}", f"{by[0]} IN {_SET}")
    found = _FIRST_TABLE.search(sql)
    assert found
    # A cross join keeps its order: for each key its row, by the index.
    joined = f" FROM json_each(?) asked CROSS JOIN {found[1]}"
    conditions = [f"{column} = json_extract(asked.value, '$[{number}]')" for number, column in enumerate(by)]
    return f"{sql[: found.start()]}{joined}{sql[found.end() :]}".replace("{}", " AND ".join(conditions))


class SqliteReader:
    """:class:`mrccsc_server.storage.database.Reader` on a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @property
    def clock(self) -> Query:
        """See the protocol."""
        return Query(NOW)

    async def rows(self, sql: str, *values: Value | Collection[int]) -> list[Row]:
        """See the protocol."""
        return self._execute(sql, values).fetchall()

    async def row(self, sql: str, *values: Value | Collection[int]) -> Row | None:
        """See the protocol."""
        row: Row | None = self._execute(sql, values).fetchone()
        return row

    async def now(self) -> int:
        """See the protocol."""
        return int(self.connection.execute(NOW).fetchone()[0])

    async def gather(self, *queries: Query) -> list[list[Row]]:
        """See the protocol."""
        return [self._read(query) for query in queries]

    async def each(self, sql: str, keys: Sequence[Values]) -> list[Row]:
        """See the protocol."""
        return self._read(Query(sql, keys=keys))

    def _read(self, query: Query) -> list[Row]:
        if query.keys is None:
            return self._execute(query.sql, query.values).fetchall()
        if not query.keys:
            return []
        if query.by and query.within is None and len(query.keys) >= _MANY and _are_numbers(query.keys[0]):
            keys = _json([key[0] for key in query.keys] if len(query.by) == 1 else query.keys)
            return self.connection.execute(_for_keys(query.sql, query.by), (*query.values, keys)).fetchall()
        conditions = [f"{column} = ?" for column in query.by]
        if query.within is not None:
            conditions.append(f"{query.within} BETWEEN ? AND ?")
        sql = query.sql.replace("{}", " AND ".join(conditions))
        found: list[Row] = []
        for key in query.keys:
            found += self._execute(sql, (*query.values, *key)).fetchall()
        return found

    def _execute(self, sql: str, values: Sequence[Value | Collection[int]]) -> sqlite3.Cursor:
        if "??" in sql:
            sql = sql.replace("??", _SET)
            values = [_json(list(value)) if is_set(value) else value for value in values]
        return self.connection.execute(sql, values)


class SqliteTransaction(SqliteReader):
    """:class:`mrccsc_server.storage.database.Transaction` on a connection that holds SQLite's one write lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.appended: list[EntryRow] = []
        self.erased = False
        self.careful = False

    async def lock_conversations(self, convs: Collection[int]) -> None:
        """See the protocol. All is locked."""

    async def lock_users(self, users: Collection[int]) -> None:
        """See the protocol. All is locked."""

    async def lock_member(self, conv: int, user: int) -> None:
        """See the protocol. All is locked."""

    async def lock_search_marks(self, convs: Collection[int]) -> None:
        """See the protocol. All is locked."""

    @property
    def time(self) -> int:
        """See the protocol. It is that of this machine."""
        return time.time_ns() // 1_000_000

    async def advance(self, heads: Mapping[int, int], messages: int, at: int) -> None:
        """See the protocol."""
        steps = [(messages, messages, at, conv, head) for conv, head in heads.items()]
        if self.connection.executemany(_ADVANCE, steps).rowcount != len(steps):
            raise Unstorable("a conversation is not as it was supposed to be")

    async def execute(self, sql: str, *values: Value | Collection[int]) -> int:
        """See the protocol."""
        return self._execute(sql, values).rowcount

    async def create(self, table: str, columns: Sequence[str], values: Values) -> int:
        """See the protocol."""
        ident = self.connection.execute(_insert(table, columns), values).lastrowid
        assert ident is not None
        return ident

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        whole = len(rows) - len(rows) % _TOGETHER
        if whole:
            sql = _insert(table, columns, _TOGETHER)
            for start in range(0, whole, _TOGETHER):
                self.connection.execute(sql, list(chain.from_iterable(rows[start : start + _TOGETHER])))
        if whole < len(rows):
            self.connection.executemany(_insert(table, columns), rows[whole:])

    async def put(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        if rows:
            self.connection.executemany(_upsert(table, tuple(key), tuple(columns)), rows)

    async def update(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """See the protocol."""
        if rows:
            at = len(key)
            sql = _update(table, tuple(key), tuple(columns))
            self.connection.executemany(sql, [(*row[at:], *row[:at]) for row in rows])

    async def add(self, table: str, key: Sequence[str], column: str, number: int, keys: Sequence[Values]) -> None:
        """See the protocol."""
        if keys:
            condition = " AND ".join(f"{part} = ?" for part in key)
            sql = f"UPDATE {table} SET {column} = {column} + {number} WHERE {condition}"
            self.connection.executemany(sql, keys)

    async def delete(self, table: str, key: Sequence[str], keys: Sequence[Values]) -> None:
        """See the protocol."""
        if keys:
            condition = " AND ".join(f"{column} = ?" for column in key)
            self.connection.executemany(f"DELETE FROM {table} WHERE {condition}", keys)

    async def add_texts(self, texts: Sequence[str]) -> list[int]:
        """See the protocol."""
        last = (await self.row("SELECT MAX(id) FROM body") or (None,))[0]
        bodies = list(range((last or 0) + 1, (last or 0) + 1 + len(texts)))
        self.connection.executemany("INSERT INTO body (id, text) VALUES (?, ?)", zip(bodies, texts, strict=True))
        return bodies

    async def defer_texts(self, texts: Sequence[str]) -> Sequence[Value]:
        """See the protocol."""
        return await self.add_texts(texts)

    async def blank_texts(self, bodies: Collection[int]) -> None:
        """See the protocol."""
        self.connection.executemany(_BLANK, [(body,) for body in bodies])

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See the protocol."""
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except (sqlite3.Error, ValueError, OverflowError, Unstorable) as error:
            if is_environment(error):
                raise
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
            raise Unstorable(type(error).__name__) from error
        self.connection.execute("RELEASE part")


def _json(keys: object) -> str:
    return orjson.dumps(keys).decode()


def _are_numbers(key: Values) -> bool:
    return all(type(part) is int for part in key)


def _insert(table: str, columns: Sequence[str], rows: int = 1) -> str:
    places = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([places] * rows)}"


@lru_cache(maxsize=64)
def _upsert(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
    return f"{_insert(table, [*key, *columns])} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


@lru_cache(maxsize=64)
def _update(table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> str:
    changes = ", ".join(f"{column} = ?" for column in columns)
    return f"UPDATE {table} SET {changes} WHERE {' AND '.join(f'{column} = ?' for column in key)}"
