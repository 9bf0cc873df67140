"""Signing out leaves no word on disk, whatever the cache's thread is doing."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from mrccsc_tui import paths
from mrccsc_tui.client.core import FLUSH_EVERY
from tests.client.fakes import entry, message
from tests.client.world import World
from tests.waiting import wait_until


def cache() -> sqlite3.Connection:
    return sqlite3.connect(paths.cache_folder("ann") / "cache.db", isolation_level=None, check_same_thread=False)


def words_on_disk() -> int:
    with closing(cache()) as database:
        (count,) = database.execute("SELECT count(*) FROM entries").fetchone()
    return int(count)


async def hears_much(world: World) -> None:
    """Much was said that is not on disk yet, and the line is away."""
    line = await world.login()
    line.deliver(*(entry(message(seq, f"private {seq}")) for seq in range(2, 102)))
    await wait_until(lambda: len(world.texts()) == 100, "the entries")
    line.drop()
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")


async def begins_to_write(world: World) -> None:
    """The cache's thread is told to write it down."""
    world.clock.advance(FLUSH_EVERY)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_being_written_is_forgotten(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await hears_much(world)
    with closing(cache()) as database:
        # The thread that writes has begun, and cannot end before it is to be forgotten.
        database.execute("BEGIN IMMEDIATE")
        await begins_to_write(world)
        threading.Timer(0.2, database.execute, ["ROLLBACK"]).start()
        await world.client.logout()
    assert words_on_disk() == 0
    assert not [record for record in caplog.records if record.name.startswith("mrccsc")]


async def test_what_the_thread_has_not_come_to_is_not_written(world: World) -> None:
    await hears_much(world)
    busy, free = ThreadPoolExecutor(1), threading.Event()
    asyncio.get_running_loop().set_default_executor(busy)
    busy.submit(free.wait, 20)
    await begins_to_write(world)
    await world.client.logout()
    free.set()
    await asyncio.to_thread(int)
    assert words_on_disk() == 0
