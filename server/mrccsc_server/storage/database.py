"""What a store asks of its database: the seam between the stores, which are written once, and the drivers.

Statements are written in the SQL that all databases share. ``?`` stands for a value, ``IN ??`` for a collection of
integers. The methods are coroutines; on SQLite they run in a thread and never suspend (see ``sqlite/statements``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, TypeVar
from uuid import uuid4

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.index_backlog import IndexBacklog
from mrccsc_shared.limits import Limits

T = TypeVar("T")

Value = int | float | str | bytes | None
Row = tuple[Any, ...]
Values = Sequence[Value]

DAY = 86_400_000
"""Milliseconds."""


def is_set(value: Value | Collection[int]) -> TypeGuard[Collection[int]]:
    """Whether it is what ``??`` stands for."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes)


class Unstorable(Exception):
    """The database refused the values of a statement, not its work as a whole."""


@dataclass(slots=True)
class Query:
    """A statement that reads. Nobody changes one once it is made; frozen, it would cost three times as much.

    With ``keys`` it is read for any of them, in no promised order: the condition ``{}`` in ``sql`` says that the
    columns ``by`` are as in a key, and that the column ``within``, if there is one, lies between the key's last two
    values. Those columns are of the first table after FROM, which has an alias there.
    """

    sql: str
    values: tuple[Value | Collection[int], ...] = ()
    by: tuple[str, ...] = ()
    within: str | None = None
    keys: Sequence[Values] | None = None
    index: str | None = None
    """What the keys are of, where that is not the primary key and a database must be told."""
    lock: bool = False
    """Whether the rows, of one table by its primary key of one column, are locked until the end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a store is told apart by, and its key."""

    epoch: str
    secret: bytes

    @classmethod
    def new(cls) -> Identity:
        """That of a new store."""
        return cls(new_epoch(), secrets.token_bytes(32))


def new_epoch() -> str:
    """A new identity for a store."""
    return str(uuid4())


class Reader(Protocol):
    """Reads within one transaction."""

    @property
    def clock(self) -> Query:
        """The query for the database's clock: one row with milliseconds."""
        ...

    async def rows(self, sql: str, *values: Value | Collection[int]) -> list[Row]:
        """The rows of a query."""
        ...

    async def row(self, sql: str, *values: Value | Collection[int]) -> Row | None:
        """The first row, if there is one."""
        ...

    async def now(self) -> int:
        """The database's clock."""
        ...

    async def gather(self, *queries: Query) -> list[list[Row]]:
        """The rows of several queries, in as few round trips as possible."""
        ...

    async def each(self, sql: str, keys: Sequence[Values]) -> list[Row]:
        """The rows of one query for each of some values, in no promised order; a LIMIT holds for each alone."""
        ...


class Transaction(Reader, Protocol):
    """Reads and writes within one transaction.

    The methods without a result may put the work off until the next statement that has one, or the commit.
    """

    appended: list[EntryRow]
    """New entries, for search."""
    erased: bool
    """Whether a text was removed that must not stay anywhere."""
    careful: bool
    """Whether the work runs once more because values were refused: it should take nothing for granted now."""

    async def lock_conversations(self, convs: Collection[int]) -> None:
        """Lock conversations, in ascending order, until the end. First, where others are locked too."""
        ...

    async def lock_users(self, users: Collection[int]) -> None:
        """Lock accounts, in ascending order, until the end."""
        ...

    async def lock_member(self, conv: int, user: int) -> None:
        """Lock a membership until the end."""
        ...

    async def lock_search_marks(self, convs: Collection[int]) -> None:
        """Lock how far conversations are indexed, until the end."""
        ...

    @property
    def time(self) -> int | None:
        """The database's clock in milliseconds, right to a second or so, where it is known without asking."""
        ...

    async def advance(self, heads: Mapping[int, int], messages: int, at: int) -> None:
        """Add messages to the counts of conversations, each of which must have the given head and take messages.

        Where one is not so, the transaction fails and is run again, if not here then by its commit.
        """
        ...

    async def execute(self, sql: str, *values: Value | Collection[int]) -> int:
        """Run a statement; how many rows it found to change."""
        ...

    async def create(self, table: str, columns: Sequence[str], values: Values) -> int:
        """Insert one row; the id that the database gave it."""
        ...

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Insert rows."""
        ...

    async def put(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Insert rows of ``key`` and ``columns``, or set ``columns`` where there is a row of that key."""
        ...

    async def update(self, table: str, key: Sequence[str], columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Set ``columns`` of existing rows; each of ``rows`` has the key first."""
        ...

    async def add(self, table: str, key: Sequence[str], column: str, number: int, keys: Sequence[Values]) -> None:
        """Add a number to a column of existing rows; ``key`` is the table's primary key, of integers."""
        ...

    async def delete(self, table: str, key: Sequence[str], keys: Sequence[Values]) -> None:
        """Delete the rows of these keys; ``key`` is what the table's primary key begins with."""
        ...

    async def add_texts(self, texts: Sequence[str]) -> list[int]:
        """Store texts in ``body``; their ids."""
        ...

    async def defer_texts(self, texts: Sequence[str]) -> Sequence[Value]:
        """Store texts in ``body``; what stands for their ids in rows that this transaction writes after them."""
        ...

    async def blank_texts(self, bodies: Collection[int]) -> None:
        """Overwrite texts in place by as many zero bytes."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """What goes wrong inside by :class:`Unstorable` is undone alone."""
        ...


class Database(Protocol):
    """One database: bounded queues, a deadline on every call."""

    limits: Limits
    index_backlog: IndexBacklog
    identity: Identity
    shared: bool
    """Whether other nodes write to it too."""

    async def open(self) -> None:
        """Connect and migrate. Raises :class:`mrccsc_server.ports.StoreError`."""
        ...

    async def close(self) -> None:
        """Finish what is queued, within ``limits.database_time`` for each kind of work."""
        ...

    async def read(self, work: Callable[[Reader], Coroutine[Any, Any, T]], *, consistent: bool = False) -> T:
        """What ``work`` makes of what it reads. Raises :class:`Refusal`, and what ``work`` raises.

        When it is ``consistent`` all its statements see the same moment. It may run more than once.
        """
        ...

    async def write(
        self, work: Callable[[Transaction], Coroutine[Any, Any, T]], *, weight: int = 1, repeatable: bool = False
    ) -> T:
        """What ``work`` returned, once that is durably committed; what it raised, after it was undone.

        ``weight`` is the number of rows it stands for. It may run more than once; also where the outcome of a commit is
        unknown, when it is ``repeatable``.
        """
        ...

    @property
    def time(self) -> int | None:
        """See :attr:`Transaction.time`."""
        ...

    async def append_plain(
        self, messages: Sequence[EntryRow], otherwise: Callable[[Transaction], Coroutine[Any, Any, T]]
    ) -> T | None:
        """Store messages that answer nothing and mention nobody, faster than :meth:`write` could; nothing, once they
        are durable.

        Each must be the next of its conversation, which must take messages, and its cid new. Where one is not so, or
        cannot be stored, none is, and the result is that of ``otherwise``, which is written as what is repeatable:
        also where nobody knows what became of the messages.
        """
        ...
