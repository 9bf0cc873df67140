"""What is measured: relays, nodes on SQLite, nodes on MariaDB and Redis. Each starts and ends its own servers."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.request import urlopen

from tools.bench.filler import MariaDbFiller, SqliteFiller
from tools.bench.world import World
from tools.cluster.mariadb import MariaDb
from tools.cluster.node import Node
from tools.cluster.process import Program, accepts, free_port
from tools.cluster.redis import RedisServer

HERE = Path(__file__).parent

SYSTEMS = {
    "relay": "do-nothing relay in C",
    "relay-py": "do-nothing relay in Python",
    "relay-sqlite": "relay in Python that stores on SQLite",
    "relay-mariadb": "relay in Python that stores on MariaDB",
    "sqlite": "SQLite, one node",
    "mariadb": "MariaDB + Redis, one node",
    "mariadb-2": "MariaDB + Redis, two nodes",
    "mariadb-3": "MariaDB + Redis, three nodes",
}
"""By name, what people call them."""

RELAYS = ("relay", "relay-py")
"""Those that do nothing but pass on."""

STORING_RELAYS = ("relay-sqlite", "relay-mariadb")
"""Those that store, and check and count nothing."""

WITHOUT_SERVICES = (*RELAYS, "relay-sqlite", "sqlite")
"""What runs where neither MariaDB nor Redis is installed."""

MARIADB_OPTIONS = ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M")
"""Beside those that every MariaDB of ours has: room for what is measured, no less durable."""

NODE_OPTIONS = ("--unlimited", "--log-level", "warning")

CALM = 0.25
"""Seconds without work after which the machine is taken for calm."""

QUIET = 0.1
"""The share of a core that all servers together take when they do nothing, and some more."""

T = TypeVar("T")


class System(Protocol):
    """Something that takes connections on ``ports``, one a node."""

    name: str
    ports: list[int]
    programs: list[Program]
    """The nodes first, then what they stand on."""
    mariadb: MariaDb | None
    """Where it stores, unless that is a file, or nowhere."""

    def fill(self, work: Callable[[World], T]) -> T:
        """Write people into the empty database. Once, while no node runs."""
        ...

    def start(self) -> None:
        """Take connections; nothing happens where it does already."""
        ...

    def restart(self) -> None:
        """Begin anew, with the database as it is."""
        ...

    def counters(self) -> dict[str, int]:
        """What the servers beneath have counted so far, by name."""
        ...

    def behind(self) -> bool:
        """Whether something is left for quieter times."""
        ...


class Relay:
    """A ceiling: one of :data:`RELAYS` or :data:`STORING_RELAYS`."""

    def __init__(self, name: str, folder: Path, database: str | None = None, mariadb: MariaDb | None = None) -> None:
        self.name = name
        self.mariadb = mariadb
        self.ports = [free_port()]
        start = [compiled("relay", folder)] if name == "relay" else [sys.executable, HERE / "relay.py"]
        end = [] if database is None else [database]
        self.programs = [Program(name, [*start, str(self.ports[0]), *end], folder)]
        if mariadb is not None:
            self.programs.append(mariadb.program)

    def fill(self, work: Callable[[World], T]) -> T:
        """The relay has no people."""
        raise NotImplementedError

    def start(self) -> None:
        """See :class:`System`."""
        if not self.programs[0].running:
            self.programs[0].start(lambda: accepts(self.ports[0]))

    def restart(self) -> None:
        """See :class:`System`."""
        self.programs[0].stop()
        self.start()

    def counters(self) -> dict[str, int]:
        """See :class:`System`."""
        return {}

    def behind(self) -> bool:
        """See :class:`System`."""
        return False


class Nodes:
    """One or more nodes on a database and a bus."""

    def __init__(
        self, name: str, folder: Path, nodes: int, *, mariadb: MariaDb | None = None, redis: RedisServer | None = None
    ) -> None:
        self.name = name
        self.folder = folder
        self.mariadb = mariadb
        self.redis = redis
        self._database = name.replace("-", "_")
        if mariadb is not None:
            mariadb.create(self._database)
            self.url = mariadb.url(self._database)
        else:
            self.url = f"sqlite://{folder / 'bench.db'}"
        self.nodes = [
            Node(
                f"node{number}",
                folder,
                database=self.url,
                bus="memory:" if redis is None else redis.url(),
                options=["--data-dir", str(folder / f"data{number}"), *NODE_OPTIONS],
                # As an operator's: else each start would compile all that it imports.
                environ={"PYTHONDONTWRITEBYTECODE": ""},
            )
            for number in range(1, nodes + 1)
        ]
        self.ports = [node.port for node in self.nodes]
        below = [] if mariadb is None or redis is None else [mariadb.program, redis]
        self.programs = [*(node.program for node in self.nodes), *below]

    def fill(self, work: Callable[[World], T]) -> T:
        """See :class:`System`."""
        if self.mariadb is None:
            world = World(SqliteFiller(self.url))
        else:
            world = World(MariaDbFiller(self.mariadb, self._database, self.folder))
        made = work(world)
        world.close()
        return made

    def start(self) -> None:
        """See :class:`System`."""
        for node in self.nodes:
            if not node.program.running:
                node.start()

    def restart(self) -> None:
        """See :class:`System`."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the nodes, not what they stand on."""
        for node in self.nodes:
            node.stop()

    def behind(self) -> bool:
        """See :class:`System`: what was said and is not in the index for search."""
        for node in self.nodes:
            if node.program.running:
                with suppress(OSError), urlopen(f"http://127.0.0.1:{node.http_port}/metrics", timeout=5) as answer:
                    if b"\nmrccsc_search_behind 0.0\n" not in answer.read():
                        return True
        return False

    def counters(self) -> dict[str, int]:
        """See :class:`System`: commands of Redis and bytes to it, commits, rows and log bytes of MariaDB."""
        if self.mariadb is None or self.redis is None:
            return {}
        stats = dict(line.split(":", 1) for line in self.redis.ask("INFO", "stats").splitlines() if ":" in line)
        counted = {
            "redis_commands": int(stats["total_commands_processed"]),
            "redis_bytes": int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"]),
        }
        names = {
            "Com_commit": "commits",
            "Handler_write": "rows_inserted",
            "Handler_update": "rows_updated",
            "Innodb_os_log_written": "log_bytes",
            "Questions": "statements",
        }
        for name, value in self.mariadb.execute("SHOW GLOBAL STATUS"):
            if name in names:
                counted[names[str(name)]] = int(str(value))
        return counted


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
def opened(names: Sequence[str], folder: Path) -> Iterator[dict[str, System]]:
    """Systems of :data:`SYSTEMS` by name, their servers running but for the nodes; everything is gone afterwards.

    They share one MariaDB, each with a database of its own; each cluster has its own Redis.
    """
    with ExitStack() as stack:
        systems: dict[str, System] = {}
        mariadb: MariaDb | None = None
        for name in names:
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            if name not in WITHOUT_SERVICES and mariadb is None:
                mariadb = MariaDb(folder / "database", options=MARIADB_OPTIONS)
                mariadb.start()
                stack.callback(mariadb.stop)
            if name in RELAYS:
                systems[name] = Relay(name, place)
            elif name == "relay-sqlite":
                systems[name] = Relay(name, place, f"sqlite://{place / 'said.db'}")
            elif name == "relay-mariadb":
                assert mariadb is not None
                mariadb.create("relay")
                systems[name] = Relay(name, place, mariadb.url("relay"), mariadb)
            elif name == "sqlite":
                systems[name] = Nodes(name, place, 1)
            else:
                redis = RedisServer(place)
                redis.start()
                stack.callback(redis.stop)
                systems[name] = Nodes(name, place, int(name.partition("-")[2] or 1), mariadb=mariadb, redis=redis)
            for program in systems[name].programs:
                # Programs that are shared end last, by their own callback; a program may be stopped twice.
                if mariadb is None or program is not mariadb.program:
                    stack.callback(program.stop)
        yield systems


def cpu_seconds(program: Program) -> float:
    """User and system time that a program has used so far; 0 when it does not run."""
    if not program.running:
        return 0
    # The clock of another process's CPU time, as the kernel numbers them: finer than the ticks in /proc.
    try:
        return time.clock_gettime(~program.pid << 3 | 2)
    except OSError:  # It has ended just now.
        return 0


def memory(program: Program) -> int:
    """Bytes of private memory that a program holds now."""
    for line in Path(f"/proc/{program.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) * 1024
    return 0


def calm(systems: Iterable[System], *, patience: float = 60.0) -> None:
    """Wait until nothing runs any more, or the patience is at its end.

    What a node leaves for quieter times (the index for search) would be measured with whatever comes next. It rests for
    seconds now and then, so that what it is behind with is asked for, too.
    """
    systems = list(systems)
    programs = {id(program): program for system in systems for program in system.programs}.values()
    give_up = time.monotonic() + patience
    used = sum(map(cpu_seconds, programs))
    while time.monotonic() < give_up:
        time.sleep(CALM)
        before, used = used, sum(map(cpu_seconds, programs))
        if used - before < QUIET * CALM and not any(system.behind() for system in systems):
            return


def settled(read: Callable[[], T], *, still: float = 1.0, patience: float = 20.0) -> T:
    """What ``read`` gives once it has not changed for ``still`` seconds, or at the end of ``patience``."""
    value, since = read(), time.monotonic()
    give_up = since + patience
    while time.monotonic() < min(since + still, give_up):
        time.sleep(0.05)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
    return value
