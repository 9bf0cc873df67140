"""The cluster as its tests handle it: what is done to it, what mends it, what it says."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.waiting import PATIENCE, wait_until
from tools.cluster.cluster import Cluster
from tools.cluster.node import Node
from tools.cluster.process import Program

T = TypeVar("T")


class Site:
    """``port`` is where users connect. What blocks is done by the thread that started the cluster."""

    def __init__(self, cluster: Cluster, hands: ThreadPoolExecutor) -> None:
        self.cluster = cluster
        self.is_running = True
        self.output: list[str] = []
        self._hands = hands
        self._marks: dict[str, int] = {}

    @property
    def port(self) -> int:
        return self.cluster.port

    @property
    def nodes(self) -> list[Node]:
        return self.cluster.nodes

    def node(self, name: str | None) -> Node:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    async def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something to the cluster that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._hands, work, *arguments)

    async def mend(self) -> None:
        """Start whatever does not run, and wait until every node takes clients, has its bus and its database, knows the
        others, and is given clients by the balancer, which keeps away for a while from one that has refused.
        """
        await self.do(self._start_missing)
        await wait_until(self._whole, "the cluster being whole", patience=60)
        async with asyncio.timeout(60):
            while len(set(await self.greeters(len(self.nodes)))) < len(self.nodes):
                await asyncio.sleep(0.1)

    async def greeters(self, count: int) -> list[str]:
        """The nodes that the balancer gives new connections to which are there together."""
        lines = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(count)]
        greetings = [json.loads(await reader.readline()) for reader, _ in lines]
        for reader, writer in lines:
            # The balancer counts a connection until it has closed it itself.
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
        return [greeting["node"] for greeting in greetings]

    def _start_missing(self) -> None:
        for program in self._programs():
            program.signal(signal.SIGCONT)
        if not self.cluster.mariadb.program.running:
            self.cluster.mariadb.start()
        if not self.cluster.redis.running:
            self.cluster.redis.start()
        for node in self.nodes:
            if not node.program.running:
                node.start()
        if not self.cluster.nginx.program.running:
            self.cluster.nginx.start()

    def _programs(self) -> list[Program]:
        cluster = self.cluster
        nodes = [node.program for node in self.nodes]
        return [*nodes, cluster.redis, cluster.mariadb.program, cluster.nginx.program]

    def _whole(self) -> bool:
        return all(health(node) == (200, []) and metric(node, "mrccsc_nodes") == len(self.nodes) for node in self.nodes)

    # -- what the nodes say

    def mark(self) -> None:
        """Look at what is logged from now on."""
        self._marks = {program.name: _size(program) for program in self._programs()}

    def logged(self, node: Node) -> str:
        """What a node has logged since."""
        with node.program.log.open("rb") as log:
            log.seek(self._marks.get(node.name, 0))
            return log.read().decode(errors="replace")

    def check_logs(self) -> None:
        """Nothing that happens to a cluster is an error of the program."""
        for node in self.nodes:
            said = self.logged(node)
            for word in ("Traceback", "ERROR", "CRITICAL", "never retrieved"):
                assert word not in said, f"{node.name}:\n{said[-4_000:]}"
            for secret in ("secret of this machine", "secret%20of"):
                assert secret not in said, f"{node.name} tells a password"


def health(node: Node, path: str = "/readyz") -> tuple[int, list[str]]:
    """What a node says of itself; 0 when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.http_port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)["problems"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["problems"]
    except (OSError, ValueError):
        return 0, []


def metric(node: Node, name: str) -> float:
    """The value of a metric, 0 when it is not there."""
    with urllib.request.urlopen(f"http://127.0.0.1:{node.http_port}/metrics", timeout=PATIENCE) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    return 0.0


def _size(program: Program) -> int:
    return program.log.stat().st_size if program.log.exists() else 0
