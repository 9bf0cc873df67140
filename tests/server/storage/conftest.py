"""Stores on a database of the test's own. Every implementation of the ports goes through the same contract."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mrccsc_server.ports import Store
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Opener, Scene

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: the contract says what is stored; that it is durable, the crash tests."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite"])
def opened(request: pytest.FixtureRequest, folder: Path) -> Opener:
    """Opens stores of one kind on one database, as often as the test likes."""

    @asynccontextmanager
    async def opened(limits: Limits | None = None) -> AsyncIterator[Store]:
        store = SqliteStore(folder / "chat.db", limits or Limits())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened


@pytest.fixture
async def store(opened: Opener) -> AsyncIterator[Store]:
    async with opened() as store:
        yield store


@pytest.fixture
async def scene(store: Store) -> Scene:
    return Scene(store)
