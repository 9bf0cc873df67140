"""What a run is played on: real server processes, the links to them, and a hand on each."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.node import SOCKET
from tests.chaos.proxy import Link
from tools.cluster.process import Program, accepts, free_port

ROOT = Path(__file__).parents[2]


class System(Protocol):
    """Somewhere to talk to."""

    name: str
    url: str
    ports: list[int]
    """Where clients go."""
    doors: list[Link]
    """The links behind those ports."""
    nodes: list[Node]

    async def start(self) -> None:
        """Start everything; returns when clients are taken."""
        ...

    async def stop(self) -> None:
        """End everything in good order but what the store is asked from."""
        ...

    async def close(self) -> None:
        """End that as well."""
        ...

    async def stored(self, cids: list[str]) -> int:
        """How many of these cids are in the store."""
        ...


class Node:
    """One server process with a hand on it. It keeps its port over restarts."""

    def __init__(self, name: str, folder: Path, options: list[str], environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.socket = folder / f"{name}.sock"
        command = [sys.executable, "-m", "tests.chaos.node", "--port", str(self.port), "--node", name, *options]
        roots = [ROOT, *(ROOT / part for part in ("shared", "server", "tui_client"))]
        path = os.pathsep.join(map(str, roots))
        inherited = {key: "" for key in os.environ if key.startswith("MRCCSC_") and key != "MRCCSC_CI_RUN"}
        own = {SOCKET: str(self.socket), "PYTHONPATH": path, **(environ or {})}
        self.program = Program(name, command, folder, inherited | own)

    def begin(self) -> None:
        """Start it, or start it again, without waiting for it."""
        for left in (self.socket, self.socket.with_suffix(".crash")):
            left.unlink(missing_ok=True)
        self.program.start(lambda: True)

    async def start(self) -> None:
        """Start it, or start it again."""
        self.begin()
        await self.ready()

    async def ready(self, seconds: float = 30) -> None:
        """Wait until it takes connections."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (self.socket.exists() and accepts(self.port)):
            assert self.program.running, f"{self.name} ended:\n{self.program.last_lines()}"
            assert loop.time() < deadline, f"{self.name} does not accept:\n{self.program.last_lines()}"
            await asyncio.sleep(0.05)

    async def stop(self) -> int | None:
        """End it in good order; its exit code."""
        if self.program.running:
            self.program.signal(signal.SIGCONT)
            self.program.signal(signal.SIGTERM)
        await self.gone()
        return self.program.exit_code

    async def gone(self, seconds: float = 30) -> bool:
        """Wait until the process has ended; whether it did in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.program.running:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    async def tell(self, do: str, **facts: Any) -> dict[str, Any]:
        """Command it; its state."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_unix_connection(self.socket)
            try:
                writer.write(json.dumps({"do": do, **facts}).encode() + b"\n")
                answer: dict[str, Any] = json.loads(await reader.readline())
                return answer
            finally:
                writer.close()

    async def state(self) -> dict[str, Any] | None:
        """How it is; ``None`` when it does not say."""
        with suppress(OSError, ValueError, TimeoutError):
            return await self.tell("state")
        return None

    @property
    def last_words(self) -> dict[str, Any] | None:
        """What it left when it died at a chosen point."""
        file = self.socket.with_suffix(".crash")
        try:
            words: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError):
            return None
        return words


class Embedded:
    """The default: one node on SQLite, no service. Clients come through a link that can be cut."""

    name = "embedded"

    def __init__(self, folder: Path, limits: str) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "server.toml"
        config.write_text(f"[limits]\n{limits}\n")
        self.url = f"sqlite://{folder / 'data' / 'mrccsc.db'}"
        self.data = folder / "data"
        options = ["--data-dir", str(self.data), "--unlimited", "--config", str(config)]
        self.nodes = [Node("n1", folder, options)]
        self.doors: list[Link] = []
        self.ports: list[int] = []

    async def start(self) -> None:
        """See the protocol."""
        for node in self.nodes:
            await node.start()
            link = Link(node.port)
            self.ports.append(await link.open())
            self.doors.append(link)

    async def stop(self) -> None:
        """See the protocol."""
        for node in self.nodes:
            await node.stop()
        for link in self.doors:
            await link.close()

    async def close(self) -> None:
        """See the protocol."""

    async def stored(self, cids: list[str]) -> int:
        """How many of these cids are in the store."""
        return await asyncio.to_thread(_count, self.data / "mrccsc.db", cids)


def _count(path: Path, cids: list[str]) -> int:
    connection = sqlite3.connect(path)
    try:
        marks = ",".join("?" * len(cids))
        packed = [uuid.UUID(cid).bytes for cid in cids]
        (count,) = connection.execute(f"SELECT COUNT(*) FROM entry WHERE cid IN ({marks})", packed).fetchone()
        return int(count)
    finally:
        connection.close()
