"""Reading entries in their present state, and choosing what fits a line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable

from mrccsc_server.storage import rows
from mrccsc_shared.entry import Entry

_SPANS = (
    "FROM (SELECT json_extract(value, '$[0]') AS conv, json_extract(value, '$[1]') AS low,"
    " json_extract(value, '$[2]') AS high FROM json_each(?)) s CROSS JOIN"
)

Span = tuple[int, int, int]
"""A conversation, the first and the last seq of a range."""


def read_spans(connection: sqlite3.Connection, spans: Collection[Span]) -> list[Entry]:
    """The entries of some ranges, in the order of the ranges, ascending in each: two statements in all."""
    if not spans:
        return []
    wanted = json.dumps(list(spans))
    reactions = rows.group_reactions(
        connection.execute(
            f"SELECT r.conv, r.target, r.emoji, r.user {_SPANS} reaction r"
            " ON r.conv = s.conv AND r.target BETWEEN s.low AND s.high AND r.is_on = 1 ORDER BY r.seq",
            (wanted,),
        )
    )
    found = connection.execute(
        f"SELECT {rows.ENTRY} {_SPANS} entry e ON e.conv = s.conv AND e.seq BETWEEN s.low AND s.high"
        " LEFT JOIN body b ON b.id = e.body",
        (wanted,),
    )
    return [rows.entry(row, reactions.get(row[:2])) for row in found]


def read_span(connection: sqlite3.Connection, conv: int, low: int, high: int) -> list[Entry]:
    """The entries low ≤ seq ≤ high, ascending."""
    return read_spans(connection, [(conv, low, high)]) if low <= high else []


def fitting(entries: Iterable[Entry], max_bytes: int) -> tuple[list[Entry], int]:
    """As many entries as fit, in the given order, and the bytes they take."""
    taken: list[Entry] = []
    total = 0
    for entry in entries:
        size = rows.size(entry)
        if total + size > max_bytes:
            break
        total += size
        taken.append(entry)
    return taken, total
