"""Values → the text of a statement.

Every form here means the same under any ``sql_mode``: text with a backslash or NUL is written as hexadecimal digits, so
that nothing depends on whether the server takes backslashes for an escape.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, cast

from mrccsc_server.storage.database import Query, Unstorable, Value, Values, is_set

KEYS = 512
"""Keys of one statement."""

FEW = 4
"""Keys up to which a plain condition is cheaper than a table of them."""

SPANS = 128
"""Ranges of one statement."""

ROWS_BYTES = 512 * 1024
"""Bytes of the rows of one statement, unless a single one is larger."""

_MANY_ROWS = 8
"""Rows from which on it is cheaper to write them column by column."""

_NUMBERS = {int}

_MAIN_TABLE = re.compile(r" FROM (\w+ \w+)")


class Expression(str):
    """A value that is SQL already."""

    __slots__ = ()


def literal(value: Value) -> str:
    """A value as SQL. May raise :class:`Unstorable`."""
    kind = type(value)  # The hot path: asking for exact types is twice as fast.
    if kind is int:
        return str(value)
    if value is None:
        return "NULL"
    if kind is str:
        text = cast(str, value)
        if "\\" in text or "\0" in text:
            return f"_utf8mb4 X'{encode(text).hex()}'"
        return "'" + text.replace("'", "''") + "'"
    if kind is bytes:
        return f"X'{cast(bytes, value).hex()}'"
    if kind is Expression:
        return cast(str, value)
    return repr(value + 0)  # type: ignore[operator]  # A bool or a float.


_Writer = Callable[[Any], str]

_PLAIN = {int, Expression, type(None)}
"""Kinds of values that are written as they are."""

_AROUND = {bytes: "X'%s'", type(None): "NULL%.0s"}
"""What is around the values of a kind, if anything."""

_WRITERS: dict[type, _Writer] = {bytes: bytes.hex}

_NUMBER = "BIGINT", "%s", None

_KEYS: dict[type, tuple[str, str, _Writer | None]] = {
    bytes: ("CHAR(64)", "UNHEX(%s)", bytes.hex),
    str: ("CHAR(64)", "CONVERT(UNHEX(%s) USING utf8mb4) COLLATE utf8mb4_bin", lambda text: encode(text).hex()),
}
"""Of keys in a table of them: the kind of its column, what makes the value of that again, and how it is written there:
in hexadecimal digits where it may need escapes."""


def fill(sql: str, values: Sequence[Value | Collection[int]]) -> str:
    """A statement with its values in place of ``?`` and ``??``."""
    pieces = _split(sql)
    filled = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        filled.append(_set(value) if is_set(value) else literal(value))  # type: ignore[arg-type]
        filled.append(piece)
    return "".join(filled)


def encode(sql: str) -> bytes:
    """Text as it travels. Raises :class:`Unstorable` for what is not Unicode."""
    try:
        return sql.encode()
    except UnicodeEncodeError as error:
        raise Unstorable(type(error).__name__) from None


def selects(query: Query) -> list[str]:
    """The statements of a query; none when it is for no key.

    Each goes by an index, however small the tables are: a scan that compares each row with each key takes longest
    where there is least to find.
    """
    if query.keys is None:
        return [fill(query.sql, query.values)]
    if query.within is not None:
        return [_ranges(query, query.within, part) for part in _parts(query.keys, SPANS)]
    if query.lock:
        # All in one statement, in ascending order: so no two that lock the same rows wait for each other.
        return [_locking(query)] if query.keys else []
    if len(query.by) == 1:
        return [_single(query, part) for part in _parts(query.keys, KEYS)]
    if len(query.keys) <= FEW:
        return [_few(query, query.keys)] if query.keys else []
    return [_join(query, part) for part in _parts(query.keys, KEYS)]


def deletes(table: str, key: Sequence[str], keys: Sequence[Values]) -> list[str]:
    """Statements that delete the rows of some keys, by the primary key."""
    head = f"DELETE d FROM {table} d FORCE INDEX (PRIMARY) WHERE ({', '.join(f'd.{column}' for column in key)}) IN "
    return [f"{head}({','.join(map(_row, part))})" for part in _parts(keys, KEYS)]


def additions(table: str, key: Sequence[str], column: str, number: int, keys: Sequence[Values]) -> list[str]:
    """Statements that add a number to a column of the rows of some keys, by the primary key, in its order.

    Keys are of several integers. MariaDB finds the rows of many keys in a list by the index, but scans all of it for a
    list of one key.
    """
    head = f"UPDATE {table} FORCE INDEX (PRIMARY) SET {column} = {column} + {number} WHERE "
    one = f"({' AND '.join([f'{part} = %d' for part in key])})"
    many = f"({', '.join(key)}) IN "
    ordered = sorted(cast(Sequence[tuple[int, ...]], keys))
    return [
        # As it happens, Python writes tuples of integers as SQL does.
        head + (" OR ".join([one % tuple(key) for key in part]) if len(part) <= FEW else f"{many}({str(part)[1:-1]})")
        for part in _parts(ordered, KEYS)
    ]


def texts(values: Sequence[str]) -> str:
    """Texts as rows of one column. What must be escaped is looked for in all of them at once: nearly none has it."""
    together = "".join(values)
    if "\\" in together or "\0" in together:
        return f"({'),('.join(map(literal, values))})"
    if "'" in together:
        values = [text.replace("'", "''") for text in values]
    return "('" + "'),('".join(values) + "')"


def union(sql: str, keys: Sequence[Values], most: int = 64) -> list[str]:
    """A query for each of some values, many in one statement."""
    each = [f"({fill(sql, key)})" for key in keys]
    return [" UNION ALL ".join(each[start : start + most]) for start in range(0, len(each), most)]


def inserts(table: str, columns: Iterable[str], rows: Sequence[Values], ending: str = "") -> list[str]:
    """Multi-row INSERT statements, each below :data:`ROWS_BYTES`."""
    return [statement for statement, _ in counted_inserts(table, columns, rows, ending)]


def counted_inserts(
    table: str, columns: Iterable[str], rows: Sequence[Values], ending: str = ""
) -> list[tuple[str, int]]:
    """The same with the number of rows of each."""
    head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
    statements: list[tuple[str, int]] = []
    texts = _rows(rows)
    while texts:
        count = len(texts)
        part = ",".join(texts)
        if len(part) > ROWS_BYTES:
            sizes = accumulate(len(text) + 1 for text in texts)
            count = max(1, bisect_left(list(sizes), ROWS_BYTES))
            part = ",".join(texts[:count])
        statements.append((f"{head}{part}{ending}", count))
        texts = texts[count:]
    return statements


def _rows(rows: Sequence[Values]) -> list[str]:
    """Each of the rows as SQL."""
    if rows and len(rows[0]) == 1:
        return [f"({literal(value)})" for (value,) in rows]
    if rows and _NUMBERS.issuperset(map(type, rows[0])) and _NUMBERS.issuperset(map(type, chain.from_iterable(rows))):
        return list(map(repr, map(tuple, rows)))  # As it happens, that is the same.
    return _by_columns(rows) if len(rows) >= _MANY_ROWS else list(map(_row, rows))


def _by_columns(rows: Sequence[Values]) -> list[str]:
    """The rows in parentheses. What is done is done to a whole column, whose values are nearly always of one kind."""
    texts: list[Iterable[object]] = []
    forms: list[str] = []
    for column in zip(*rows, strict=True):
        kinds = set(map(type, column))
        kind = kinds.pop() if len(kinds) == 1 else str
        write = None if kind in _PLAIN else _WRITERS.get(kind, literal)
        texts.append(column if write is None else map(write, column))
        forms.append(_AROUND.get(kind, "%s"))
    return list(map(f"({','.join(forms)})".__mod__, zip(*texts, strict=True)))


def _parts(keys: Sequence[Values], most: int) -> Iterator[Sequence[Values]]:
    return (keys[start : start + most] for start in range(0, len(keys), most))


def _row(values: Values) -> str:
    """The values in parentheses. What their kinds have in common with those of other rows is made once."""
    form, written = _form(tuple(map(type, values)))
    if written:
        texts: list[object] = list(values)
        for place, write in written:
            texts[place] = write(texts[place])
        return form % tuple(texts)
    return form % tuple(values)


@lru_cache(maxsize=1_024)
def _form(kinds: tuple[type, ...]) -> tuple[str, list[tuple[int, _Writer]]]:
    """The text around the values of a row of these kinds, and how those are written that are not their own text."""
    texts = [_AROUND.get(kind, "%s") for kind in kinds]
    written = [(place, _WRITERS.get(kind, literal)) for place, kind in enumerate(kinds) if kind not in _PLAIN]
    return f"({','.join(texts)})", written


def _single(query: Query, keys: Sequence[Values]) -> str:
    values = ",".join(literal(value) for (value,) in keys)
    return query.sql.replace("{}", f"{query.by[0]} IN ({values})")


def _locking(query: Query) -> str:
    head, main, rest = _around_main_table(query.sql)
    keys = ",".join(literal(value) for (value,) in sorted(cast(Sequence[tuple[int]], query.keys)))
    return f"{head} FROM {main} FORCE INDEX (PRIMARY){rest.replace('{}', f'{query.by[0]} IN ({keys})')} FOR UPDATE"


def _any(columns: Sequence[str], keys: Sequence[Values], ending: str = "") -> str:
    condition = " AND ".join(f"{column} = ?" for column in columns) + ending
    return "(" + " OR ".join(f"({fill(condition, key)})" for key in keys) + ")"


def _ranges(query: Query, within: str, keys: Sequence[Values]) -> str:
    ranges = _any(query.by, keys, f" AND {within} BETWEEN ? AND ?")
    head, main, rest = _around_main_table(query.sql)
    return f"{head} FROM {main} FORCE INDEX ({query.index or 'PRIMARY'}){rest.replace('{}', ranges)}"


def _few(query: Query, keys: Sequence[Values]) -> str:
    head, main, rest = _around_main_table(query.sql)
    return f"{head} FROM {main}{_index(query)}{rest.replace('{}', _any(query.by, keys))}"


def _index(query: Query) -> str:
    return f" FORCE INDEX ({query.index})" if query.index else ""


def _join(query: Query, keys: Sequence[Values]) -> str:
    """Joined to a table of the keys, which comes first. They are integers, bytes, and texts of at most 32 bytes."""
    columns: list[str] = []
    conditions: list[str] = []
    written: list[Iterable[Any]] = []
    for number, (column, values) in enumerate(zip(query.by, zip(*keys, strict=True), strict=True)):
        kind, form, write = _KEYS.get(type(values[0]), _NUMBER)
        columns.append(f"k{number} {kind} PATH '$[{number}]'")
        conditions.append(f"{column} = {form % f'asked.k{number}'}")
        written.append(values if write is None else map(write, values))
    text = json.dumps(list(zip(*written, strict=True)))
    table = f"JSON_TABLE('{text}', '$[*]' COLUMNS ({', '.join(columns)})) asked"
    head, main, rest = _around_main_table(query.sql)
    condition = " AND ".join(conditions)
    return f"{head} FROM {table} STRAIGHT_JOIN {main}{_index(query)} ON {condition}{rest.replace('{}', 'TRUE')}"


@lru_cache(maxsize=1_024)
def _around_main_table(sql: str) -> tuple[str, str, str]:
    """A query before its first FROM, the table there with its alias, and what follows."""
    found = _MAIN_TABLE.search(sql)
    assert found
    return sql[: found.start()], found[1], sql[found.end() :]


def _set(values: Collection[int]) -> str:
    return f"({','.join(str(int(value)) for value in values) or 'NULL'})"


@lru_cache(maxsize=1_024)
def _split(sql: str) -> list[str]:
    return re.split(r"\?\??", sql)
