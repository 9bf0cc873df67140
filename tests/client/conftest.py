"""Clients with homes of their own, and a real server for those that want one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.client.commands import end_all
from tests.client.party import Party
from tests.client.world import World
from tests.wire.server import Server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of this test's clients are its own."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture(autouse=True)
def commands() -> Iterator[None]:
    """What this test has started ends with it, however it does."""
    yield
    end_all()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The module's server."""
    limits = "presence_grace = 0.3\nmembers = 50"
    server = Server(tmp_path_factory.mktemp("server"), "--unlimited", limits=limits).start()
    yield server
    server.stop()


@pytest.fixture
async def party(server: Server) -> AsyncIterator[Party]:
    """People with the real client on the module's server."""
    party = Party(server)
    yield party
    await party.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.client.stop()


@pytest.fixture(params=["lazy", "eager"] if hasattr(asyncio, "eager_task_factory") else ["lazy"])
async def task_start(request: pytest.FixtureRequest) -> None:
    """Tasks as asyncio has them, and as Textual does from Python 3.12 on: they begin before they are given out."""
    if request.param == "eager":
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
