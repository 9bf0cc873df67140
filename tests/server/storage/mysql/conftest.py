"""Stores on the tests' MariaDB, and connections beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing

import pymysql
import pytest

from mrccsc_server.ports import Store
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Opener, Scene
from tools.cluster.mariadb import PASSWORD, USER, MariaDb

Raw = pymysql.Connection


@pytest.fixture
def database(databases: Callable[[], str]) -> str:
    """The name of an empty database."""
    return databases()


@pytest.fixture
def url(mariadb: MariaDb, database: str) -> str:
    return mariadb.url(database)


@pytest.fixture
def opened(url: str) -> Opener:
    @asynccontextmanager
    async def opened(limits: Limits | None = None, at: str = url) -> AsyncIterator[Store]:
        store = make_store(at, limits or Limits())
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


@pytest.fixture
def raw(mariadb: MariaDb, database: str) -> Iterator[Raw]:
    """A connection beside the store's, with a transaction open."""
    with closing(
        pymysql.connect(
            host="127.0.0.1",
            port=mariadb.port,
            user=USER,
            password=PASSWORD,
            database=database,
            charset="utf8mb4",
            autocommit=False,
        )
    ) as connection:
        yield connection


def run(connection: Raw, sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
