"""Stores on a database of the test's own. Every implementation of the ports goes through the same contract."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
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
def databases(mariadb: MariaDb) -> Iterator[Callable[[], str]]:
    """Makes empty databases of the test's own; their names."""
    made: list[str] = []

    def database() -> str:
        made.append(f"test_{next(_NUMBERS)}")
        mariadb.create(made[-1])
        return made[-1]

    yield database
    for name in made:
        mariadb.drop(name)


@pytest.fixture(params=["sqlite", "mariadb", "mariadb+asyncmy"])
def openers(request: pytest.FixtureRequest) -> Callable[[], Opener]:
    """Makes empty databases of one kind; each with what opens stores on it, as often as the test likes."""
    if request.param == "sqlite":
        folder = request.getfixturevalue("folder")
        return lambda: opener(f"sqlite://{folder}/chat-{next(_NUMBERS)}.db")
    server, database = request.getfixturevalue("mariadb"), request.getfixturevalue("databases")
    return lambda: opener(server.url(database(), request.param))


def opener(url: str) -> Opener:
    """What opens stores on the database of a URL."""

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
def opened(openers: Callable[[], Opener]) -> Opener:
    """Opens stores of one kind on one database."""
    return openers()


@pytest.fixture
async def store(opened: Opener) -> AsyncIterator[Store]:
    async with opened() as store:
        yield store


@pytest.fixture
async def scene(store: Store) -> Scene:
    return Scene(store)
