"""Stores on a database of the test's own. Every implementation of the ports goes through the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mrccsc_server.ports import Store
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Opener, Scene


@pytest.fixture(params=["sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens stores of one kind on one database, as often as the test likes."""

    @asynccontextmanager
    async def opened(limits: Limits | None = None) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "chat.db", limits or Limits())
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
