"""Nodes that write down what they hear."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from typing import Any

from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster import make_cluster
from mrccsc_server.cluster.memory import MemoryCluster, MemoryHub
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Cluster, Command, EntryHint, Hint, NodeInfo
from mrccsc_shared.entry import Entry
from mrccsc_shared.limits import Limits
from tests.waiting import wait_until

LIMITS = Limits(beat_time=0.25, lease_time=4.0, bus_time=1.5, presence_grace=0.5)
"""Quick, so that the tests are; with room for a machine that is busy."""


def info(name: str) -> NodeInfo:
    incarnation = secrets.token_hex(8)
    return NodeInfo(incarnation, name, f"{name}.example:8000", "1", since=1_700_000_000_000)


class Actor:
    """A node without sessions: it keeps what it hears."""

    def __init__(self, cluster: Cluster, me: NodeInfo) -> None:
        self.cluster = cluster
        self.me = me
        self.heard: list[Hint] = []
        self.gaps = 0
        self.lapsed: list[int] = []
        self.commands: list[Command] = []
        self.closed = False
        cluster.bus.listen(self)
        cluster.presence.listen(self._lapse)
        cluster.nodes.listen(self.commands.append)

    def hear(self, hint: Hint) -> None:
        self.heard.append(hint)

    def gap(self) -> None:
        self.gaps += 1

    async def hears(self, *hints: Hint) -> None:
        """Wait until it has heard just these since it was last asked."""
        await wait_until(lambda: len(self.heard) >= len(hints), f"{len(hints)} hints at {self.me.name}")
        assert self.heard == list(hints)
        self.heard.clear()

    async def meets(self, *names: str) -> None:
        await wait_until(
            lambda: [node.name for node in self.cluster.nodes.others] == list(names), f"{names} met by {self.me.name}"
        )

    async def connected(self) -> None:
        await wait_until(lambda: self.cluster.bus.connected, f"{self.me.name} connected")

    async def disconnected(self) -> None:
        await wait_until(lambda: not self.cluster.bus.connected, f"{self.me.name} disconnected")

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.cluster.bus.close()

    def _lapse(self, users: Collection[int]) -> None:
        self.lapsed += users


Maker = Callable[..., Actor]


def memory_maker() -> Maker:
    hub = MemoryHub()

    def make(name: str, limits: Limits, **_: Any) -> Actor:
        me = info(name)
        return Actor(MemoryCluster(me, SystemClock(), hub), me)

    return make


def redis_maker(url: str) -> Maker:
    def make(name: str, limits: Limits, at: str | None = None) -> Actor:
        me = info(name)
        return Actor(make_cluster(at or url, me, limits, SystemClock()), me)

    return make


def message(conv: int, seq: int, text: str = "hi") -> EntryHint:
    entry: Entry = {
        "conv": conv,
        "seq": seq,
        "kind": "message",
        "by": 7,
        "at": 1_700_000_000_000 + seq,
        "cid": "5f1c3e9a-3b1d-4a55-9a39-0a6c2f6f1a11",
        "text": text,
        "rev": seq,
    }
    return EntryHint(Stored(entry))
