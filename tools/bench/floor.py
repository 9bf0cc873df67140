"""What no durable server can be below on this machine: one write that reaches the disk, one database round trip."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tools.cluster.mariadb import MariaDb

TIMES = 300
BLOCK = 4_096


def fsync(folder: Path) -> float:
    """Microseconds of writing one block over and waiting until the disk has it, the median."""
    file = os.open(folder / "floor", os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, bytes(BLOCK * TIMES), 0)
        os.fsync(file)
        places = iter(range(0, BLOCK * TIMES * 2, BLOCK))

        def write() -> None:
            os.pwrite(file, b"x" * BLOCK, next(places) % (BLOCK * TIMES))
            os.fdatasync(file)

        return _median(write)
    finally:
        os.close(file)


def sqlite_trip(folder: Path) -> float:
    """Microseconds of the smallest question to an SQLite file, the median."""
    with closing(sqlite3.connect(folder / "floor.db")) as connection:
        return _median(lambda: connection.execute("SELECT 1").fetchall())


def mariadb_trip(server: MariaDb) -> float:
    """Microseconds of the smallest question to the database server, the median."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:

        def ask() -> None:
            cursor.execute("SELECT 1")
            cursor.fetchall()

        return _median(ask)


def _median(act: Callable[[], object]) -> float:
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6
