"""Values → the text of a statement.

Every form here means the same under any ``sql_mode``: text with a backslash or NUL is written as hexadecimal digits, so
that nothing depends on whether the server takes backslashes for an escape.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from mrccsc_server.storage.database import Query, Unstorable, Value, Values, is_set

KEYS = 256
"""Keys of one statement."""

ROWS_BYTES = 512 * 1024
"""Bytes of the rows of one statement, unless a single one is larger."""

_EQUATION = re.compile(r"([\w.]+) = \?")


def literal(value: Value) -> str:
    """A value as SQL."""
    match value:
        case None:
            return "NULL"
        case int() | float():
            return str(int(value)) if isinstance(value, int) else repr(value)
        case bytes():
            return f"X'{value.hex()}'"
    if "\\" in value or "\0" in value:
        return f"_utf8mb4 X'{value.encode().hex()}'"
    return "'" + value.replace("'", "''") + "'"


def fill(sql: str, values: Sequence[Value | Collection[int]]) -> str:
    """A statement with its values in place of ``?`` and ``??``."""
    pieces = _split(sql)
    filled = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        filled.append(_set(value) if is_set(value) else literal(value))  # type: ignore[arg-type]
        filled.append(piece)
    return "".join(filled)


def encode(sql: str) -> bytes:
    """A statement as it travels. Raises :class:`Unstorable` for text that is not Unicode."""
    try:
        return sql.encode()
    except UnicodeEncodeError as error:
        raise Unstorable(type(error).__name__) from None


def for_any(sql: str, values: Sequence[Value | Collection[int]], condition: str, keys: Sequence[Values]) -> list[str]:
    """A statement whose ``{}`` is a condition that any of the keys meets, in parts."""
    before, _, after = sql.partition("{}")
    head = fill(before, values)
    return [head + _any(condition, keys[start : start + KEYS]) + after for start in range(0, len(keys), KEYS)]


def selects(query: Query) -> list[str]:
    """The statements of a query; none when it is for no key."""
    if query.keys is None:
        return [fill(query.sql, query.values)]
    return for_any(query.sql, query.values, query.condition, query.keys)


def union(sql: str, keys: Sequence[Values], most: int = 64) -> list[str]:
    """A query for each of some values, many in one statement."""
    each = [f"({fill(sql, key)})" for key in keys]
    return [" UNION ALL ".join(each[start : start + most]) for start in range(0, len(each), most)]


def inserts(table: str, columns: Iterable[str], rows: Sequence[Values], ending: str = "") -> list[str]:
    """Multi-row INSERT statements, each below :data:`ROWS_BYTES`."""
    head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
    statements: list[str] = []
    part: list[str] = []
    size = 0
    for row in rows:
        text = f"({','.join(map(literal, row))})"
        if part and size + len(text) > ROWS_BYTES:
            statements.append(f"{head}{','.join(part)}{ending}")
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        statements.append(f"{head}{','.join(part)}{ending}")
    return statements


def _any(condition: str, keys: Sequence[Values]) -> str:
    if match := _EQUATION.fullmatch(condition):
        return f"{match[1]} IN ({','.join(literal(value) for (value,) in keys)})"
    return "(" + " OR ".join(f"({fill(condition, key)})" for key in keys) + ")"


def _set(values: Collection[int]) -> str:
    return f"({','.join(str(int(value)) for value in values) or 'NULL'})"


@lru_cache(maxsize=1_024)
def _split(sql: str) -> list[str]:
    return re.split(r"\?\??", sql)
