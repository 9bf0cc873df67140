"""Plain messages by one statement, whatever their number.

Python's lock is given up while SQLite works and taken again after each step of it, and taking it means waiting while
the event loop is busy. Here everything that a message changes is done by a trigger on a view, within the one step of
the one INSERT into it; where that is a transaction of its own, BEGIN, COMMIT and the fsync are in that step too.

View and trigger are temporary: they belong to the connection, not to the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TypedDict

import orjson

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage import rows

_CID = 16

_SETUP = (
    """
    CREATE TEMP VIEW said AS
    SELECT 0 AS conv, 0 AS seq, 0 AS author, 0 AS at, x'' AS cid, x'' AS digest, '' AS text
    """,
    # Each moves its conversation on from the entry before it, where it can be written to, or nothing is stored.
    """
    CREATE TEMP TRIGGER say INSTEAD OF INSERT ON said BEGIN
        UPDATE conversation SET head = NEW.seq, messages = messages + 1, at = MAX(at, NEW.at)
        WHERE conv = NEW.conv AND head = NEW.seq - 1 AND writable;
        SELECT RAISE(ABORT, 'a conversation is not as it was supposed to be') WHERE changes() = 0;
        INSERT INTO body (text) VALUES (NEW.text);
        INSERT INTO entry (conv, seq, kind, author, at, cid, digest, body, rev)
        VALUES (NEW.conv, NEW.seq, 'message', NEW.author, NEW.at, NEW.cid, NEW.digest, last_insert_rowid(), NEW.seq);
        UPDATE member SET sent = sent + 1 WHERE conv = NEW.conv AND user = NEW.author;
    END
    """,
)

# JSON for the numbers, and bytes beside it for all else: SQLite's JSON ends a string at a NUL.
_SAY = f"""
    INSERT INTO said
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, substr(:bytes, value ->> 4, {_CID}),
        substr(:bytes, (value ->> 4) + {_CID}, value ->> 5), CAST(substr(:bytes, value ->> 6, value ->> 7) AS TEXT)
    FROM json_each(:numbers)
"""


class Said(TypedDict):
    """Messages as the values of the statement."""

    numbers: str
    bytes: bytes


def set_up(connection: sqlite3.Connection) -> None:
    """Make a connection ready for :func:`say`."""
    for statement in _SETUP:
        connection.execute(statement)


def pack(entries: Sequence[EntryRow]) -> Said:
    """Messages that answer nothing and mention nobody. Raises :class:`ValueError` for what is no text."""
    numbers: list[tuple[int, ...]] = []
    parts: list[bytes] = []
    at = 1
    for row in entries:
        digest, text = row.digest, (row.text or "").encode()
        start = at + _CID + len(digest)
        numbers.append((row.conv, row.seq, row.by, row.at, at, len(digest), start, len(text)))
        parts += (rows.pack_cid(row.cid), digest, text)
        at = start + len(text)
    return {"numbers": orjson.dumps(numbers).decode(), "bytes": b"".join(parts)}


def append(connection: sqlite3.Connection, said: Said) -> None:
    """Store them, or none of them. Raises :class:`sqlite3.IntegrityError` where one cannot be the next of its log."""
    connection.execute(_SAY, said)
