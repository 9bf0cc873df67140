"""A real cluster: MariaDB, Redis, three nodes, and nginx with the configuration that operators get.

One for all tests of a test run's worker. Each test leaves it whole, and that it can be made whole by nothing but
starting what was ended is itself a test.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client.party import Party
from tests.cluster.site import Site
from tests.missing import without
from tests.wire.client import Client, Frame, matches
from tests.wire.conftest import Stage as WireStage
from tools.cluster.cluster import Cluster
from tools.cluster.process import ProgramError

LIMITS = """\
heartbeat = 5
presence_grace = 0.3
members = 50
"""


@pytest.fixture(scope="session")
def hands() -> Iterator[ThreadPoolExecutor]:
    """The thread that starts programs: they end with it."""
    with ThreadPoolExecutor(1, "hands") as hands:
        yield hands


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, hands: ThreadPoolExecutor) -> Iterator[Cluster]:
    """The cluster of this test run."""
    folder = tmp_path_factory.mktemp("cluster")

    def start() -> Cluster:
        cluster = Cluster(folder, options=["--unlimited"], limits=LIMITS)
        cluster.start()
        return cluster

    try:
        cluster = hands.submit(start).result()
    except ProgramError as error:
        if "apt-get install" not in str(error):
            raise
        without(error)
        return
    yield cluster
    hands.submit(cluster.stop).result()
    for node in cluster.nodes:
        assert node.program.exit_code == 0, node.program.last_lines()


@pytest.fixture
async def site(running: Cluster, hands: ThreadPoolExecutor) -> AsyncIterator[Site]:
    """The cluster, whole before and after each test."""
    # What is under test runs in other processes; debugging would only slow these clients down.
    asyncio.get_running_loop().set_debug(False)
    site = Site(running, hands)
    await site.mend()
    site.mark()
    yield site
    await site.mend()
    site.check_logs()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of this test's clients are its own."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
async def party(site: Site) -> AsyncIterator[Party]:
    """People with the real client, whom nginx spreads over the nodes."""
    party = Party(site)
    yield party
    await party.close()


class FarClient(Client):
    """A client for whom answers of its own node say nothing about what is on its way from another."""

    QUIET = 0.5

    async def settle(self) -> None:
        """Return when nothing more arrives."""
        seen = -1
        while seen != len(self.lines):
            seen = len(self.lines)
            await super().settle()
            seen = max(seen, len(self.lines))
            await asyncio.sleep(self.QUIET)

    async def sees(self, kind: str, /, **expected: Any) -> Frame:
        """As ever, but for the own joining: who is on another node is told of the conversation as it is after it."""
        if (kind, expected.get("kind"), expected.get("user")) != ("entry", "join", self.id):
            return await super().sees(kind, **expected)

        def told() -> Frame | None:
            for line in self.lines:
                view = line.get("conversation", {})
                if matches(line, {"type": kind, **expected}) or (
                    view.get("conv") == expected["conv"] and matches(view.get("last", {}), {"kind": "join"})
                ):
                    return line
            return None

        await self._until(lambda: told() is not None, "the own joining")
        self.inbox = [line for line in self.inbox if not matches(line, {"type": kind, **expected})]
        found = told()
        assert found is not None
        return found


class FarStage(WireStage):
    client = FarClient

    async def person(self, name: str) -> Client:
        """Somebody new, also beside those of other tests on this cluster."""
        client = await self.stranger(name)
        return await client.registers(f"{name}-{uuid.uuid4().hex[:8]}", display_name=name.capitalize())


@pytest.fixture
async def stage(site: Site) -> AsyncIterator[FarStage]:
    """The stage for clients that know only JSON and the protocol."""
    company: list[Client] = []
    yield FarStage(site, company)
    for client in company:
        await client.close()
