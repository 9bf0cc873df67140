"""SQLite files of the client: opened in WAL mode, made anew when they are broken or of another version."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

MEMORY = Path(":memory:")
"""Stands for a database that is gone with its connection."""


def open_database(path: Path, schema: str, version: int, *, durable: bool) -> sqlite3.Connection:
    """A connection in autocommit mode that may be used from several threads, one at a time.

    A file that is broken or of another ``version`` is put aside (its name gets an ending) and begun anew. With
    ``durable`` a commit survives a power cut; without, it survives the end of the process. Raises ``OSError`` when
    the file can be neither opened nor made.
    """
    if path == MEMORY:
        return _open(path, schema, version, durable=durable)
    try:
        return _open(path, schema, version, durable=durable)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(f"{path} cannot be opened: {error}.") from None
        aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
        log.warning("%s is broken or of another version (%s); it is now %s", path, error, aside.name)
        path.rename(aside)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return _open(path, schema, version, durable=durable)


def _open(path: Path, schema: str, version: int, *, durable: bool) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        _prepare(database, schema, version)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, schema: str, version: int) -> None:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found == 0:
        database.executescript(f"BEGIN; {schema}; PRAGMA user_version={version}; COMMIT;")
    elif found != version:
        raise sqlite3.DatabaseError(f"version {found} instead of {version}")


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is executed inside."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
