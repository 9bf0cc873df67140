"""Reading entries in their present state."""

from __future__ import annotations

from collections.abc import Collection

from mrccsc_server.storage import rows
from mrccsc_server.storage.database import Query, Reader, Row
from mrccsc_shared.entry import Entry

_ENTRIES = f"SELECT {rows.ENTRY} FROM entry e LEFT JOIN body b ON b.id = e.body WHERE {{}}"
_REACTIONS = "SELECT r.conv, r.target, r.emoji, r.user, r.seq FROM reaction r WHERE {}"

Span = tuple[int, int, int]
"""A conversation, the first and the last seq of a range."""


async def read_spans(reader: Reader, spans: Collection[Span]) -> dict[tuple[int, int], Entry]:
    """The entries of some ranges by conversation and seq, in that order."""
    wanted = [span for span in spans if span[1] <= span[2]]
    if not wanted:
        return {}
    entries, reactions = await reader.gather(
        Query(_ENTRIES, by=("e.conv",), within="e.seq", keys=wanted),
        Query(
            _REACTIONS,
            by=("r.conv", "r.is_on"),
            within="r.target",
            keys=[(conv, 1, low, high) for conv, low, high in wanted],
            index="reaction_on",
        ),
    )
    grouped = rows.group_reactions(reactions)
    return {row[:2]: rows.entry(row, grouped.get(row[:2])) for row in sorted(entries, key=_place)}


async def read_span(reader: Reader, conv: int, low: int, high: int) -> list[Entry]:
    """The entries low ≤ seq ≤ high, ascending."""
    return list((await read_spans(reader, [(conv, low, high)])).values())


def _place(row: Row) -> tuple[int, int]:
    return row[0], row[1]
