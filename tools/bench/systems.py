"""What is measured: a relay, nodes on SQLite, nodes on MariaDB and Redis. Each starts and ends its own servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

from mrccsc_server.ports import Store
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tools.cluster.mariadb import MariaDb
from tools.cluster.node import Node
from tools.cluster.process import Program, accepts, free_port
from tools.cluster.redis import RedisServer

HERE = Path(__file__).parent
LIMITS = Limits()

T = TypeVar("T")


class System(Protocol):
    """Something that takes connections on ``ports``, one a node."""

    name: str
    durable: bool
    ports: list[int]
    programs: list[Program]
    """The nodes first, then what they stand on."""

    def prepare(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Write people into the database, while no node runs."""
        ...

    def start(self) -> None:
        """Take connections."""
        ...


class Relay:
    """The ceiling: it stores, checks and orders nothing."""

    name = "relay"
    durable = False

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port()]
        self.programs = [Program("relay", [compiled("relay", folder), str(self.ports[0])], folder)]

    def prepare(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """The relay has no people."""
        raise NotImplementedError

    def start(self) -> None:
        """See :class:`System`."""
        self.programs[0].start(lambda: accepts(self.ports[0]))


class Nodes:
    """One or more nodes on a database and a bus."""

    durable = True

    def __init__(self, name: str, folder: Path, database: str, bus: str, nodes: int, below: list[Program]) -> None:
        self.name = name
        self._database = database
        self._nodes = [
            Node(
                f"node{number}",
                folder,
                database=database,
                bus=bus,
                options=["--data-dir", str(folder / f"data{number}"), "--unlimited", "--log-level", "warning"],
            )
            for number in range(1, nodes + 1)
        ]
        self.ports = [node.port for node in self._nodes]
        self.programs = [*(node.program for node in self._nodes), *below]

    def prepare(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """See :class:`System`."""

        async def run() -> T:
            store = make_store(self._database, LIMITS)
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def start(self) -> None:
        """See :class:`System`."""
        for node in self._nodes:
            node.start()


def compiled(name: str, folder: Path) -> Path:
    """A helper in C, compiled into ``folder``. Ends the program with a sentence when there is no compiler."""
    target = folder / name
    if not target.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("The load is written in C: install a compiler (apt-get install gcc libc6-dev).")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", target, HERE / f"{name}.c"], check=True)
    return target


@contextlib.contextmanager
def opened(name: str, folder: Path) -> Iterator[System]:
    """The system of that name, its servers running but for the nodes; everything is gone afterwards.

    ``relay``, ``sqlite``, ``mariadb`` or ``mariadb-2`` (two nodes).
    """
    with ExitStack() as stack:
        system: System
        if name == "relay":
            system = Relay(folder)
        elif name == "sqlite":
            data = folder / "sqlite"
            data.mkdir(parents=True, exist_ok=True)
            system = Nodes(name, folder, f"sqlite://{data / 'bench.db'}", "memory:", 1, [])
        else:
            mariadb = MariaDb(folder / "mariadb")
            mariadb.start()
            stack.callback(mariadb.stop)
            redis = RedisServer(folder / "redis")
            redis.start()
            stack.callback(redis.stop)
            mariadb.create("bench")
            nodes = int(name.partition("-")[2] or 1)
            system = Nodes(name, folder, mariadb.url("bench"), redis.url(), nodes, [mariadb.program, redis])
        for program in system.programs:
            stack.callback(program.stop)
        yield system


def cpu_seconds(program: Program) -> float:
    """User and system time that a program has used so far."""
    fields = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(program: Program) -> int:
    """Bytes of private memory that a program holds now."""
    for line in Path(f"/proc/{program.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) * 1024
    return 0
