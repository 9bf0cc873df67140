"""All stores on one SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mrccsc_server.storage.database import Transaction
from mrccsc_server.storage.sqlite.database import SqliteDatabase
from mrccsc_server.storage.store import DatabaseStore
from mrccsc_shared.limits import Limits

PROBE = 32_768
"""Bytes that a probe writes: what the largest message takes, so that a disk without room for one shows."""


class SqliteStore(DatabaseStore):
    """:class:`mrccsc_server.ports.Store` on one SQLite file."""

    committers = 2
    """One batch is received and planned while the other is stored."""

    def __init__(self, path: str | Path, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(SqliteDatabase(Path(path), limits), _probe, monotonic=monotonic)


async def _probe(transaction: Transaction) -> None:
    await transaction.put("meta", ("name",), ("value",), [("probe", bytes(PROBE))])
