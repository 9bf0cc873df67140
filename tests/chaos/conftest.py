"""Clients of these tests have homes of their own; what is under test is not slowed down by debugging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.world import World


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of this test's clients are its own."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
async def undebugged() -> None:
    """Let the loop run as in production."""
    asyncio.get_running_loop().set_debug(False)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A client whose network, clock and chance are the test's."""
    world = World()
    yield world
    await world.client.stop()
