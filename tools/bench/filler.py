"""Rows by the million into an empty database of ours: past the server's own statements, into its own tables.

Through the stores, a user costs a commit and a message a plan; ten million words would take hours.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tools.cluster.mariadb import MariaDb

Value = int | str | bytes | None
Rows = Iterable[Sequence[Value]]

LIMITS = Limits()


class Filler(Protocol):
    """One empty database with our schema. What was inserted is committed at the latest by :meth:`close`."""

    def insert(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Insert rows. Texts have no tab, newline or backslash."""
        ...

    def close(self) -> None:
        """Commit and let go."""
        ...


class SqliteFiller:
    """A file, written without waiting for the disk."""

    def __init__(self, url: str) -> None:
        _make_schema(url)
        self._connection = sqlite3.connect(urlsplit(url).path, isolation_level=None)
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
            self._connection.execute(f"PRAGMA {setting}").fetchall()
        self._connection.execute("BEGIN")

    def insert(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """See :class:`Filler`."""
        places = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - names of our schema
        self._connection.executemany(sql, rows)

    def close(self) -> None:
        """See :class:`Filler`."""
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
        self._connection.close()


class MariaDbFiller:
    """A database of a server on this machine, by way of files that it loads."""

    def __init__(self, server: MariaDb, database: str, folder: Path) -> None:
        _make_schema(server.url(database))
        self.folder = folder
        self._file = folder / f"{database}.rows"
        self._connection = server.connect(database, patience=1_800)
        self._database = database
        self._filled: set[str] = set()

    def insert(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """See :class:`Filler`."""
        rows = iter(rows)
        first = next(rows, None)
        if first is None:
            return
        are_bytes = [isinstance(value, bytes) for value in first]
        with self._file.open("w", encoding="utf-8") as file:
            file.write(_line(first))
            file.writelines(map(_line, rows))
        self.load(table, columns, self._file, are_bytes)

    def load(self, table: str, columns: Sequence[str], file: Path, are_bytes: Sequence[bool]) -> None:
        """Insert the rows of a file: values between tabs, bytes as hexadecimal digits."""
        named = [
            f"@v{number}" if raw else name for number, (name, raw) in enumerate(zip(columns, are_bytes, strict=True))
        ]
        unhexed = [f"{name} = UNHEX(@v{number})" for number, name in enumerate(columns) if are_bytes[number]]
        settings = f" SET {', '.join(unhexed)}" if unhexed else ""
        self._run(f"LOAD DATA INFILE '{file}' INTO TABLE {table} CHARACTER SET utf8mb4 ({', '.join(named)}){settings}")
        self._filled.add(table)
        file.unlink()

    def close(self) -> None:
        """See :class:`Filler`."""
        for table in sorted(self._filled):
            self._run(f"ANALYZE TABLE {table}")
        self._connection.close()

    def _run(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.fetchall()


def _make_schema(url: str) -> None:
    async def run() -> None:
        store = make_store(url, LIMITS)
        await store.open()
        await store.close()

    asyncio.run(run())


def _line(values: Sequence[Value]) -> str:
    cells = [
        value if type(value) is str else "\\N" if value is None else value.hex() if type(value) is bytes else str(value)
        for value in values
    ]
    return "\t".join(cells) + "\n"
