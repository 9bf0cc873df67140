"""The stage on which the plays are given: a real server, and people who have registered on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.wire.client import Client
from tests.wire.server import Server

_numbers = itertools.count(1)


class Stage:
    """Gives tests their people."""

    client: type[Client] = Client

    def __init__(self, server: Server, company: list[Client]) -> None:
        self.server = server
        self.port = server.port
        self._company = company

    async def stranger(self, name: str = "a stranger") -> Client:
        """A connection that has not signed in."""
        return await self.client(name, self.port, self._company).connect()

    async def person(self, name: str) -> Client:
        """Somebody new, with a user name that begins with ``name``."""
        client = await self.stranger(name)
        return await client.registers(f"{name}-{next(_numbers)}", display_name=name.capitalize())

    async def people(self, *names: str) -> list[Client]:
        """Several new people who do not know each other."""
        return [await self.person(name) for name in names]

    async def friends(self, *names: str) -> list[Client]:
        """New people of whom the first is everyone's friend, and nothing is left to see."""
        people = await self.people(*names)
        for other in people[1:]:
            await people[0].befriends(other)
        for one in people:
            await one.settle()
            one.forget()
        return people


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    """Options of the module's server; a module may have its own."""
    return ["--unlimited"]


@pytest.fixture(scope="module")
def server_limits() -> str:
    """Lines of the module's [limits] table."""
    return ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, server_options: list[str], server_limits: str) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), *server_options, limits=server_limits).start()
    yield server
    if server.is_running:
        assert server.stop() == 0, "".join(server.output[-20:])
    assert "Traceback" not in "".join(server.output), "".join(server.output[-40:])


@pytest.fixture
async def company() -> AsyncIterator[list[Client]]:
    """The connections of a test that has a server of its own; closed at the end, however that comes."""
    # What is under test runs in another process; debugging would only slow these clients down, thirtyfold.
    asyncio.get_running_loop().set_debug(False)
    company: list[Client] = []
    yield company
    for client in company:
        await client.close()


@pytest.fixture
def stage(server: Server, company: list[Client]) -> Iterator[Stage]:
    """The stage of one test. Whatever was played on it, the server must live afterwards."""
    yield Stage(server, company)
    assert server.is_running, "the server died:\n" + "".join(server.output[-20:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a server of one test's own."""
    return tmp_path
