"""Stores on a database of the test's own. Every implementation of the ports goes through the same contract."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mrccsc_server.ports import Store
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Opener, Scene
from tools.cluster.mariadb import MariaDb
from tools.cluster.process import ProgramError

MEMORY = Path("/dev/shm")

_NUMBERS = itertools.count()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: the contract says what is stored; that it is durable, the crash tests."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A server for all tests of this process. Without MariaDB they fail, and say how to install it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        server = MariaDb(Path(folder))
        try:
            server.start()
        except ProgramError as error:
            pytest.fail(str(error), pytrace=False)
        yield server
        server.kill()


@pytest.fixture
def database(mariadb: MariaDb) -> Iterator[str]:
    """The name of an empty database of the test's own."""
    name = f"test_{next(_NUMBERS)}"
    mariadb.create(name)
    yield name
    mariadb.drop(name)


@pytest.fixture(params=["sqlite", "mariadb", "mariadb+asyncmy"])
def opened(request: pytest.FixtureRequest) -> Opener:
    """Opens stores of one kind on one database, as often as the test likes."""
    if request.param == "sqlite":
        url = f"sqlite://{request.getfixturevalue('folder')}/chat.db"
    else:
        url = request.getfixturevalue("mariadb").url(request.getfixturevalue("database"), request.param)

    @asynccontextmanager
    async def opened(limits: Limits | None = None) -> AsyncIterator[Store]:
        store = make_store(url, limits or Limits())
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
