"""A whole cluster: MariaDB, Redis, nodes, and nginx in front of them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.mariadb import MariaDb
from tools.cluster.nginx import Nginx, find_nginx
from tools.cluster.node import Node
from tools.cluster.process import STEP, Program, ProgramError
from tools.cluster.redis import RedisServer

DATABASE = "mrccsc"


class Cluster:
    """The programs of one cluster, everything in ``folder``, each on a port of 127.0.0.1 that it keeps. Blocking.

    Start it from a thread that lives as long as it should: the programs end with that thread. ``limits`` are lines of
    the nodes' [limits] table, ``options`` and ``environ`` go to every node. With ``tls``, a certificate and its key,
    nginx also serves TLS on ``nginx.tls_port``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        port: int | None = None,
        options: Sequence[str] = (),
        limits: str = "",
        environ: Mapping[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        find_nginx()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.mariadb = MariaDb(folder / "mariadb")
        self.redis = RedisServer(folder / "redis", password="a secret of this machine")  # noqa: S106 - on loopback only
        self.nodes: list[Node] = []
        self._count = nodes
        self._config = folder / "server.toml"
        self._config.write_text(f'proxy-from = "127.0.0.0/8"\n\n[limits]\n{limits}\n')
        self._options = ["--config", str(self._config), *options]
        self._environ = environ or {}
        self._nginx: Nginx | None = None
        self._port = port
        self._tls = tls

    @property
    def port(self) -> int:
        """Where users connect: nginx."""
        return self.nginx.port

    @property
    def nginx(self) -> Nginx:
        """The balancer. Raises :class:`ProgramError` before :meth:`start`."""
        if self._nginx is None:
            raise ProgramError("The cluster was not started.")
        return self._nginx

    def start(self) -> None:
        """Start everything, on the data that is in the folder already; returns when users can connect.

        Raises :class:`ProgramError`; what was started is ended again then.
        """
        try:
            self.mariadb.start()
            self.mariadb.execute(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`")
            self.redis.start()
            self.nodes = [self.make_node(f"node-{number}") for number in range(1, self._count + 1)]
            start_all(self.nodes)
            self._nginx = Nginx(self.folder / "nginx", [node.port for node in self.nodes], self._port, self._tls)
            self._nginx.start()
        except BaseException:
            self.stop()
            raise

    @property
    def database_url(self) -> str:
        """What a node is given to use the database."""
        return self.mariadb.url(DATABASE)

    def make_node(self, name: str, *options: str, database: str | None = None, bus: str | None = None) -> Node:
        """One more node, not started, that nginx does not know of; with other URLs if so wished."""
        return Node(
            name,
            self.folder / "nodes",
            database=database or self.database_url,
            bus=bus or self.redis.url(),
            options=[*self._options, *options],
            environ=self._environ,
        )

    def stop(self) -> None:
        """End everything in an orderly way: users first, the database last."""
        programs = [node.program for node in self.nodes]
        if self._nginx is not None:
            programs.insert(0, self._nginx.program)
        end_all(programs)
        for end in (self.redis.stop, self.mariadb.stop):
            with contextlib.suppress(ProgramError):
                end()

    def kill(self) -> None:
        """Kill everything at once."""
        for program in self._programs():
            program.kill()

    def _programs(self) -> list[Program]:
        found = [node.program for node in self.nodes]
        if self._nginx is not None:
            found.append(self._nginx.program)
        with contextlib.suppress(ProgramError):
            found.append(self.mariadb.program)
        return [*found, self.redis]


def start_all(nodes: Sequence[Node], seconds: float = 60) -> None:
    """Start nodes at the same moment, as a machine that boots does; returns when all accept."""
    for node in nodes:
        node.start(wait=False)
    deadline = time.monotonic() + seconds
    for node in nodes:
        while not node.accepting:
            if not node.program.running or time.monotonic() > deadline:
                raise ProgramError(f"{node.name} did not start:\n{node.program.last_lines()}")
            time.sleep(STEP)


def end_all(programs: Sequence[Program]) -> None:
    """End programs at the same time."""
    for program in programs:
        program.signal(signal.SIGCONT)
        program.signal(signal.SIGTERM)
    for program in programs:
        program.wait()


def default_folder() -> Path:
    """Where a cluster for trying out has its files."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "state") / "mrccsc" / "cluster"
