"""SQLite files of the client: opened in WAL mode, made anew when they are broken or of another version.

What can still be read in a broken file that is worth it is carried over to the new one.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

MEMORY = Path(":memory:")
"""Stands for a database that is gone with its connection."""

_ENVIRONMENT = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_AUTH,
}
"""What is wrong around a file, not with it."""

_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What a broken file raises: Python cannot read what SQLite says when that quotes a broken schema."""

_COLUMNS = (
    'SELECT t.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c'
    " WHERE t.type = 'table' ORDER BY t.name, c.cid"
)

_TRIES = 5_000
"""How often a row that cannot be read is passed over before the rest counts as unreadable too."""


def open_database(
    path: Path, schema: str, version: int, *, durable: bool, keep: dict[str, str] | None = None
) -> sqlite3.Connection:
    """A connection in autocommit mode that may be used from several threads, one at a time.

    A file that is broken or of another ``version`` is put aside (its name gets an ending) and begun anew. ``keep`` has
    tables and the keys by which they are read: their files are looked through when they are opened, and what can be
    read of a broken one is taken over. With ``durable`` a commit survives a power cut; without, it survives the end
    of the process. Raises ``OSError`` when the file can be neither opened nor made.
    """
    try:
        return _open(path, schema, version, durable=durable, thorough=bool(keep))
    except _UNREADABLE as error:
        if path == MEMORY or not is_damage(error):
            raise OSError(f"{path} cannot be opened: {error}.") from None
        aside = _put_aside(path)
        log.warning("%s is broken or of another version (%s); it is now %s", path, error, aside.name)
    database = _open(path, schema, version, durable=durable, thorough=False)
    if keep:
        _take_over(aside, database, keep, version)
    return database


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file itself is broken, and not that it cannot be used at the moment."""
    code = getattr(error, "sqlite_errorcode", None)
    broken = isinstance(error, sqlite3.DatabaseError | UnicodeDecodeError)
    return broken and (code is None or code & 0xFF not in _ENVIRONMENT)


def remove(path: Path) -> None:
    """Delete a file that nobody has open, with what belongs to it."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _open(path: Path, schema: str, version: int, *, durable: bool, thorough: bool) -> sqlite3.Connection:
    database = _connect(path)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        _prepare(database, schema, version)
        _compare(database, schema)
        if thorough:
            _look_through(database)
    except BaseException:
        database.close()
        raise
    return database


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    database.text_factory = _text
    return database


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _prepare(database: sqlite3.Connection, schema: str, version: int) -> None:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found == 0:
        database.executescript(f"BEGIN; {schema}; PRAGMA user_version={version}; COMMIT;")
    elif found != version:
        raise sqlite3.DatabaseError(f"version {found} instead of {version}")


def _compare(database: sqlite3.Connection, schema: str) -> None:
    """A damaged byte may have made another column of one, which nothing else notices before it is written to."""
    with contextlib.closing(_connect(MEMORY)) as model:
        model.executescript(schema)
        if _columns(database) != _columns(model):
            raise sqlite3.DatabaseError("its tables are not those that were made")


def _columns(database: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return database.execute(_COLUMNS).fetchall()


def _look_through(database: sqlite3.Connection) -> None:
    (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _put_aside(path: Path) -> Path:
    """Give a file and what belongs to it another name; the name."""
    number = int(time.time())
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def _take_over(aside: Path, database: sqlite3.Connection, keep: dict[str, str], version: int) -> None:
    """Put the rows of the old file that can be read into the new one."""
    with contextlib.suppress(*_UNREADABLE), contextlib.closing(_connect(aside)) as old:
        (found,) = old.execute("PRAGMA user_version").fetchone()
        if found not in (0, version):
            return
        for table, key in keep.items():
            rows = _readable(old, table, key)
            for row in rows:
                # What breaks the form of the table is one of those that cannot be read.
                with contextlib.suppress(sqlite3.Error):
                    marks = ", ".join("?" * len(row))
                    database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
            log.warning("%d rows of %s were taken over", len(rows), table)


def _readable(old: sqlite3.Connection, table: str, key: str) -> list[tuple[Any, ...]]:
    """The rows in the order of their key: from the beginning on, from the end back, and beyond what is broken."""
    found: dict[Any, tuple[Any, ...]] = {}
    query = f"SELECT {key}, * FROM {table}"  # noqa: S608
    _read(old, f"{query} ORDER BY {key} DESC", (), found)
    at: Any = None
    for _ in range(_TRIES):
        where, values = ("", ()) if at is None else (f" WHERE {key} >= ?", (at,))
        whole, last = _read(old, f"{query}{where} ORDER BY {key}", values, found)
        if whole or not isinstance(last or at or 0, int):
            break
        at = (at or 0) + 1 if last is None else last + 1
    return [found[number] for number in sorted(found, key=lambda one: (isinstance(one, str), one))]


def _read(
    old: sqlite3.Connection, query: str, values: tuple[Any, ...], found: dict[Any, tuple[Any, ...]]
) -> tuple[bool, Any]:
    """Add what a query gives until it breaks; whether it gave all, and the last key that it gave."""
    last = None
    try:
        for number, *row in old.execute(query, values):
            if isinstance(number, int | str):
                found.setdefault(number, tuple(row))
                last = number
    except _UNREADABLE:
        return False, last
    return True, last


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing of what is executed inside."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
