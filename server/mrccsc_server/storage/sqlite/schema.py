"""Making the file, bringing its schema up to date, and saying clearly why a file cannot be used. Blocking."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from mrccsc_server.ports import StoreError
from mrccsc_server.storage import migrations
from mrccsc_server.storage.database import Identity
from mrccsc_server.storage.sqlite.connection import BUSY_TIME, connect, one

APPLICATION_ID = 0x4D524353
"""What marks the file as ours in its header."""

OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""

_DAMAGED = "The database {} is damaged; restore it from a backup."


def prepare(path: Path) -> Identity:
    """Make or check the file and migrate it, under SQLite's own lock, so that several processes may start at once.

    The file is readable by its owner only. Raises :class:`StoreError`.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed.")
    try:
        _make(path)
        with closing(connect(path)) as connection:
            _check(connection, path)
            _use_wal(connection)
            # Closing the only connection empties the write-ahead log, and with it what a crash has left in there of
            # texts that were deleted.
            return _migrate(connection, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_explain(path, error)) from None
    except UnicodeDecodeError:
        # Python's, of what SQLite says: it quotes the damaged schema.
        raise StoreError(_DAMAGED.format(path)) from None


def _make(path: Path) -> None:
    if not path.parent.is_dir():
        raise StoreError(f"The database cannot be made: there is no folder {path.parent}.")
    if path.is_dir():
        raise StoreError(f"The database {path} is a folder; name a file.")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # An existing file is not opened here: closing it again would drop SQLite's locks in this process.
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(0o600)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    tables = one(connection, "SELECT COUNT(*) FROM sqlite_master")
    mark = one(connection, "PRAGMA application_id")
    assert tables
    assert mark
    if mark[0] != APPLICATION_ID and tables[0]:
        raise StoreError(f"The database {path} belongs to another program; name another file.")


def _use_wal(connection: sqlite3.Connection) -> None:
    # The switch does not wait for a lock by itself.
    deadline = time.monotonic() + BUSY_TIME
    while True:
        try:
            mode = one(connection, "PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if mode is None or mode[0] != "wal":
            raise StoreError("The database's file system cannot share memory (no WAL mode); use a local one.")
        return


def _migrate(connection: sqlite3.Connection, path: Path) -> Identity:
    connection.execute("BEGIN IMMEDIATE")
    try:
        _advance(connection, path)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        new = Identity.new()
        for name, value in (("epoch", new.epoch.encode()), ("secret", new.secret)):
            connection.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
        stored: dict[str, bytes] = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return Identity(stored["epoch"].decode(), stored["secret"])


def _advance(connection: sqlite3.Connection, path: Path) -> None:
    for step in migrations.pending("sqlite", _version(connection), str(path)):
        for statement in step.statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step.number}")


def _version(connection: sqlite3.Connection) -> int:
    row = one(connection, "PRAGMA user_version")
    assert row
    return int(row[0])


def _explain(path: Path, error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return f"The database {path} cannot be used: {error.strerror or error}."
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_NOTADB:
            return f"The file {path} is not an SQLite database; name another file."
        case sqlite3.SQLITE_CORRUPT:
            return _DAMAGED.format(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return f"The database {path} cannot be read and written; check the permissions of it and its folder."
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"The database {path} is locked by another process; end that one first."
        case sqlite3.SQLITE_FULL:
            return f"There is no room for the database {path}; free some space."
    return f"The database {path} cannot be used: {error}."
