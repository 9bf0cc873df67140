"""Opening a connection to the file the one right way, and what every statement may use."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

BUSY_TIME = 5.0
"""Seconds to wait for another process (an operator's command) to end its transaction."""

LOG_PAGES_MAX = 65_536
"""Pages of the write-ahead log, of 4 KiB, at which a commit works them into the file: 256 MiB, which only the heaviest
load comes to (see :data:`.writer.CHECKPOINT_EVERY`). That takes some 15 ms. Every 8,192 pages, one message in fifty had
to wait for it, and a page that changes often was written the more often."""

NOW = "SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"  # 3.40 has no unixepoch('subsec')


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode. The file must exist."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIME,
        isolation_level=None,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        # Copies of pages for a rollback stay in memory: they hold texts, and a file of them would outlive those.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
        connection.execute(f"PRAGMA cache_size = -{16_384 if read_only else 65_536}")
        if read_only:
            # Not mode=ro: that cannot recover a log that a crash left behind.
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def now(connection: sqlite3.Connection) -> int:
    """Milliseconds since 1970 by the database's clock."""
    return cast(int, connection.execute(NOW).fetchone()[0])


def one(connection: sqlite3.Connection, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
    """The first row, if there is one."""
    return cast("tuple[Any, ...] | None", connection.execute(sql, parameters).fetchone())


def is_environment(error: BaseException) -> bool:
    """Whether the database as a whole failed (away, full, read-only, locked, broken), not one statement's values.

    Of a schema that is damaged what SQLite has to say may be no text.
    """
    return isinstance(error, sqlite3.OperationalError | UnicodeDecodeError) or type(error) is sqlite3.DatabaseError
