"""What a run is played on: real server processes, the links to them, and a hand on each."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
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

    async def back_up(self) -> None:
        """Make a backup of the store, as docs/operations.md says, while the nodes run."""
        ...

    async def restore(self) -> str:
        """Put the backup in place of the store, with all nodes stopped, and begin a new epoch: which."""
        ...


class Node:
    """One server process with a hand on it. It keeps its port over restarts."""

    def __init__(self, name: str, folder: Path, options: list[str], environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.socket = folder / f"{name}.sock"
        command = [sys.executable, "-m", "tests.chaos.node", "--port", str(self.port), "--node", name, *options]
        own = {SOCKET: str(self.socket), **(environ or {})}
        self.program = Program(name, command, folder, server_environ() | own)

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

    async def state(self, seconds: float = 5) -> dict[str, Any] | None:
        """How it is; ``None`` when it does not say so in time."""
        with suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(seconds):
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
        self._backup = folder / "backup.db"
        self.url = f"sqlite://{folder / 'data' / 'mrccsc.db'}"
        self.data = folder / "data"
        self._options = ["--data-dir", str(self.data), "--config", str(config)]
        self.nodes = [Node("n1", folder, ["--unlimited", *self._options])]
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

    async def back_up(self) -> None:
        """See the protocol."""
        self._backup.unlink(missing_ok=True)
        await asyncio.to_thread(_copy, self.data / "mrccsc.db", self._backup)

    async def restore(self) -> str:
        """See the protocol."""
        for end in ("", "-wal", "-shm"):
            (self.data / f"mrccsc.db{end}").unlink(missing_ok=True)
        shutil.copyfile(self._backup, self.data / "mrccsc.db")
        return await begin_epoch(*self._options)


async def begin_epoch(*options: str, environ: Mapping[str, str] | None = None) -> str:
    """``mrccsc-server new-epoch``: the epoch that it prints."""
    command = (sys.executable, "-m", "mrccsc_server", "new-epoch", *options)
    process = await asyncio.create_subprocess_exec(
        *command, env={**server_environ(), **(environ or {})}, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    # Before that it may say that it waits for a node that was killed.
    return said.decode().rpartition("The new epoch is ")[2].partition(";")[0]


def server_environ() -> dict[str, str]:
    """The environment of a server process: none of the settings of whoever runs this."""
    roots = [ROOT, *(ROOT / part for part in ("shared", "server", "tui_client"))]
    mine = {key: "" for key in os.environ if key.startswith("MRCCSC_") and key != "MRCCSC_CI_RUN"}
    return {**os.environ, **mine, "PYTHONPATH": os.pathsep.join(map(str, roots))}


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _count(path: Path, cids: list[str]) -> int:
    connection = sqlite3.connect(path)
    try:
        marks = ",".join("?" * len(cids))
        packed = [uuid.UUID(cid).bytes for cid in cids]
        (count,) = connection.execute(f"SELECT COUNT(*) FROM entry WHERE cid IN ({marks})", packed).fetchone()
        return int(count)
    finally:
        connection.close()
