"""A whole cluster under the hand of a harness: three nodes behind nginx, on MariaDB and Redis, every link breakable."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.proxy import Link
from tests.chaos.system import Node, begin_epoch
from tools.cluster.cluster import DATABASE
from tools.cluster.mariadb import PASSWORD, USER, MariaDb, find_program
from tools.cluster.nginx import Nginx
from tools.cluster.process import accepts
from tools.cluster.redis import RedisServer


class ClusterNode(Node):
    """A node with links of its own to the database and the bus."""

    def __init__(self, name: str, folder: Path, config: Path, database: Link, bus: Link, urls: tuple[str, str]) -> None:
        self.database = database
        self.bus = bus
        options = ["--config", str(config), "--unlimited", "--data-dir", str(folder / "data")]
        # The URLs hold passwords, which have no place where every user of this machine can read them.
        environ = {
            "MRCCSC_DATABASE": at_port(urls[0], database.port),
            "MRCCSC_BUS": at_port(urls[1], bus.port),
        }
        super().__init__(name, folder, options, environ)


class Cluster:
    """See :class:`tests.chaos.system.System`. Clients come through a link before nginx."""

    name = "cluster"

    def __init__(self, folder: Path, limits: str, count: int = 3) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._config = folder / "server.toml"
        self._config.write_text(f'proxy-from = "127.0.0.0/8"\n\n[limits]\n{limits}\n')
        self.mariadb = MariaDb(folder / "mariadb")
        self.redis = RedisServer(folder / "redis", password="a secret of this machine")
        self._backup = folder / "backup.sql"
        self._count = count
        self._nginx: Nginx | None = None
        self.nodes: list[Node] = []
        self.doors: list[Link] = []
        self.ports: list[int] = []

    @property
    def url(self) -> str:
        """The database itself, past all links."""
        return self.mariadb.url(DATABASE)

    @property
    def nginx(self) -> Nginx:
        """The balancer."""
        assert self._nginx is not None
        return self._nginx

    @property
    def cluster_nodes(self) -> list[ClusterNode]:
        """The nodes, with their links."""
        return [node for node in self.nodes if isinstance(node, ClusterNode)]

    async def start(self) -> None:
        """See the protocol."""
        self.mariadb.start()
        self.mariadb.execute(f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`")
        self.redis.start()
        for number in range(1, self._count + 1):
            database, bus = Link(self.mariadb.port), Link(self.redis.port)
            await database.open()
            await bus.open()
            folder = self._folder / f"node-{number}"
            folder.mkdir(exist_ok=True)
            urls = self.url, self.redis.url()
            self.nodes.append(ClusterNode(f"node-{number}", folder, self._config, database, bus, urls))
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            await node.ready()
        self._nginx = Nginx(self._folder / "nginx", [node.port for node in self.nodes])
        self._nginx.start()
        door = Link(self._nginx.port)
        self.ports.append(await door.open())
        self.doors.append(door)

    async def stop(self) -> None:
        """See the protocol."""
        if self._nginx is not None:
            self._nginx.stop()
        for node in self.nodes:
            await node.stop()
        for link in self.links:
            await link.close()
        self.redis.stop()

    async def close(self) -> None:
        """End the database, after the dump."""
        self.mariadb.stop()

    @property
    def links(self) -> list[Link]:
        """All links that can break."""
        return [*self.doors, *(link for node in self.cluster_nodes for link in (node.database, node.bus))]

    async def stored(self, cids: list[str]) -> int:
        """How many of these cids are in the store."""
        marks = ",".join(f"UNHEX('{cid.replace('-', '')}')" for cid in cids)
        query = f"SELECT COUNT(*) FROM entry WHERE cid IN ({marks})"
        ((count,),) = await asyncio.to_thread(self.mariadb.execute, query, DATABASE)
        return int(str(count))

    async def back_up(self) -> None:
        """See the protocol."""
        with self._backup.open("wb") as file:
            await self._client("mariadb-dump", "--single-transaction", "--hex-blob", stdout=file)

    async def restore(self) -> str:
        """See the protocol."""
        await asyncio.to_thread(self.mariadb.execute, f"DROP DATABASE `{DATABASE}`")
        await asyncio.to_thread(self.mariadb.execute, f"CREATE DATABASE `{DATABASE}`")
        with self._backup.open("rb") as file:
            await self._client("mariadb", stdin=file)
        environ = {"MRCCSC_DATABASE": self.url, "MRCCSC_BUS": self.redis.url()}
        return await begin_epoch("--config", str(self._config), environ=environ)

    async def _client(self, program: str, *options: str, **files: BinaryIO) -> None:
        """Run one of MariaDB's own programs on the database."""
        where = ("--no-defaults", "--host=127.0.0.1", f"--port={self.mariadb.port}", f"--user={USER}")
        process = await asyncio.create_subprocess_exec(
            find_program(program), *where, *options, DATABASE, env={**os.environ, "MYSQL_PWD": PASSWORD}, **files
        )
        assert await process.wait() == 0, program

    async def start_mariadb(self) -> None:
        """Start the database again, while clients go on."""
        self.mariadb.program.start(lambda: True)
        while not await asyncio.to_thread(self.mariadb._answers):
            assert self.mariadb.program.running, self.mariadb.program.last_lines()
            await asyncio.sleep(0.1)

    async def start_redis(self) -> None:
        """Start the bus again, empty."""
        self.redis.start(lambda: True)
        while not accepts(self.redis.port):
            assert self.redis.running, self.redis.last_lines()
            await asyncio.sleep(0.05)


def at_port(url: str, port: int) -> str:
    """The same place behind another port."""
    parts = urlsplit(url)
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{port}"))
