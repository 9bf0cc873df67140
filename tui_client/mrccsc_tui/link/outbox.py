"""What the user did and the server has not acknowledged, on disk: nothing typed is lost with the client.

An item keeps its cid until it is acknowledged, across crashes and servers. Only what was refused for good may be
retried (as a new item with a new cid) or discarded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from mrccsc_tui.sanitize import line
from mrccsc_tui.sanitize import text as safe_text
from mrccsc_tui.state.database import open_database, transaction
from mrccsc_tui.state.models import Pending, PendingKind, PendingState

_SCHEMA = """
CREATE TABLE items (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    cid TEXT NOT NULL UNIQUE,
    conv INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    raw TEXT NOT NULL,
    reply_to INTEGER,
    target INTEGER,
    "on" INTEGER NOT NULL,
    code TEXT,
    why TEXT
);
CREATE TABLE owner (name TEXT NOT NULL)
"""
_COLUMNS = 'cid, conv, kind, created, raw, reply_to, target, "on", code, why'
_INSERT = f"INSERT INTO items ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class Outbox:
    """The items of one account. Every method has committed, durably, when it returns."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _SCHEMA, 1, durable=True, keep={"items": "place", "owner": "rowid"})

    def claim(self, owner: str) -> None:
        """From now on the items are this account's; those of another one are forgotten."""
        row = self._database.execute("SELECT name FROM owner").fetchone()
        if row == (owner,):
            return
        with transaction(self._database):
            if row is not None:
                self._database.execute("DELETE FROM items")
            self._database.execute("DELETE FROM owner")
            self._database.execute("INSERT INTO owner VALUES (?)", (owner,))

    def items(self) -> list[Pending]:
        """All items in the order they were made. What a damaged file has made of one is forgotten."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM items ORDER BY place").fetchall()  # noqa: S608
        broken = [row for row in rows if not _is_whole(row)]
        for row in broken:
            self._database.execute("DELETE FROM items WHERE cid IS ?", (row[0],))
        return [_read(row) for row in rows if row not in broken]

    def add(self, item: Pending) -> None:
        """Keep a new item, after all others."""
        self._database.execute(_INSERT, _row(item))

    def fail(self, item: Pending) -> None:
        """Keep why an item was refused for good."""
        self._database.execute("UPDATE items SET code = ?, why = ? WHERE cid = ?", (item.code, item.why, item.cid))

    def renew(self, cid: str, item: Pending) -> None:
        """Put a new item in the place of a failed one, after all others."""
        with transaction(self._database):
            self._database.execute("DELETE FROM items WHERE cid = ?", (cid,))
            self._database.execute(_INSERT, _row(item))

    def remove(self, cids: Iterable[str]) -> None:
        """Forget items that are stored or not wanted any more."""
        with transaction(self._database):
            self._database.executemany("DELETE FROM items WHERE cid = ?", [(cid,) for cid in cids])

    def clear(self) -> None:
        """Forget everything."""
        with transaction(self._database):
            self._database.execute("DELETE FROM items")
            self._database.execute("DELETE FROM owner")

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


def make_pending(
    cid: str,
    conv: int,
    kind: PendingKind,
    created: int,
    raw: str,
    *,
    reply_to: int | None = None,
    target: int | None = None,
    on: bool = False,
    code: str | None = None,
    why: str | None = None,
) -> Pending:
    """An item that waits, or with a ``code`` one that failed; what is shown of it is safe to print."""
    shown = line(raw, 32) if kind == "react" else safe_text(raw)
    state: PendingState = "waiting" if code is None else "failed"
    return Pending(cid, conv, kind, created, shown, raw, reply_to, target, on, state, code, why)


def _row(item: Pending) -> tuple[object, ...]:
    return (
        item.cid,
        item.conv,
        item.kind,
        item.created,
        item.raw,
        item.reply_to,
        item.target,
        item.on,
        item.code,
        item.why,
    )


def _is_whole(row: tuple[Any, ...]) -> bool:
    """Whether a row has the form in which it was written."""
    cid, conv, kind, created, raw, reply_to, target, on, code, why = row
    texts, numbers = (cid, kind, raw), (conv, created, on)
    return (
        all(isinstance(one, str) for one in texts)
        and all(isinstance(one, int) for one in numbers)
        and all(one is None or isinstance(one, int) for one in (reply_to, target))
        and all(one is None or isinstance(one, str) for one in (code, why))
        and kind in get_args(PendingKind)
    )


def _read(row: tuple[Any, ...]) -> Pending:
    cid, conv, kind, created, raw, reply_to, target, on, code, why = row
    return make_pending(
        cid, conv, kind, created, raw, reply_to=reply_to, target=target, on=bool(on), code=code, why=why
    )
