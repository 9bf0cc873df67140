"""Nodes of a cluster over every bus, and Redis servers of the tests' own."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from mrccsc_shared.limits import Limits
from tests.server.cluster.actors import LIMITS, Actor, Maker, memory_maker, redis_maker
from tools.cluster.redis import RedisServer, Tls


@pytest.fixture(scope="session")
def shelf() -> Iterator[Path]:
    """A folder for what the servers of this session write."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def certificates(shelf: Path) -> Tls:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    tls = Tls(shelf / "cert.pem", shelf / "key.pem", shelf / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tls.cert)
    issued.private_key_pem.write_to_path(tls.key)
    authority.cert_pem.write_to_path(tls.ca)
    return tls


def start(server: RedisServer) -> Iterator[RedisServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def plain_server(shelf: Path) -> Iterator[RedisServer]:
    yield from start(RedisServer(shelf, password="p ss:w@rd/", name="plain"))


@pytest.fixture(scope="session")
def tls_server(shelf: Path, certificates: Tls) -> Iterator[RedisServer]:
    yield from start(RedisServer(shelf, user="chat", password="s3cr:t@", tls=certificates, name="tls"))


@pytest.fixture(params=["memory", "plain", "tls"])
def maker(request: pytest.FixtureRequest) -> Maker:
    """Makes the nodes of one cluster, over every bus."""
    if request.param == "memory":
        return memory_maker()
    server: RedisServer = request.getfixturevalue(f"{request.param}_server")
    server.flush()
    return redis_maker(server.url(db=3))


@pytest.fixture
async def stage(maker: Maker) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(stack, maker)


@pytest.fixture(params=["plain", "tls"])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that the test may kill, freeze or flush."""
    if request.param == "plain":
        yield from start(RedisServer(tmp_path))
    else:
        certificates: Tls = request.getfixturevalue("certificates")
        yield from start(RedisServer(tmp_path, user="chat", password="secret", tls=certificates))


@pytest.fixture
async def play(own_server: RedisServer) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(stack, redis_maker(own_server.url()))


class Stage:
    """Brings nodes of one cluster up, and all down at the end."""

    def __init__(self, stack: AsyncExitStack, maker: Maker) -> None:
        self._stack = stack
        self._maker = maker

    async def node(self, name: str = "n", limits: Limits = LIMITS, **options: Any) -> Actor:
        actor = self._maker(name, limits, **options)
        await actor.cluster.bus.open()
        self._stack.push_async_callback(actor.close)
        return actor
