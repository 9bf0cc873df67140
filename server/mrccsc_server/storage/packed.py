"""Many small rows as one: what is read of many at once travels as JSON within a single row.

A row costs Python far more than its values do: each is cut from a packet, or, on SQLite, is a step in which a thread
gives the interpreter up and must wait for it again. The JSON is made by the database, and read by one call.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from mrccsc_server.storage.database import Row


def packed(columns: str) -> str:
    """The expression for all rows of a group: integers, texts and NULLs only. In no promised order."""
    return f"GROUP_CONCAT(JSON_ARRAY({columns}))"


def unpack(rows: list[Row]) -> list[list[Any]]:
    """The rows in what a query for :func:`packed` alone brought; none where there were none."""
    ((text,),) = rows
    if text is None:
        return []
    found: list[list[Any]] = from_json(b"[%b]" % text if isinstance(text, bytes) else f"[{text}]")
    return found
