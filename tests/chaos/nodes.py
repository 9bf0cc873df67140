"""Whole nodes within this process, on one database and one hub: what the real server is, with its seams at hand.

Production code has no switch for tests. The seams are the two names under which :mod:`mrccsc_server.app` knows its
database and its cluster; whoever wants other ones puts wrappers around the ports there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mrccsc_server import app as composition
from mrccsc_server.app import App
from mrccsc_server.cluster.memory import MemoryCluster, MemoryHub
from mrccsc_server.config import Settings
from mrccsc_server.ports import Clock, Cluster, NodeInfo, Store
from mrccsc_shared.limits import Limits

Spoil = Callable[[Store, Cluster], None]
"""Puts wrappers around the ports of a node that is being made."""

Patch = Callable[[object, str, Any], None]
"""Puts a value under a name of an object, as ``monkeypatch.setattr`` does."""

LIMITS = Limits(heartbeat=1.0, presence_grace=1.0)


def put_in_seams(patch: Patch, hub: MemoryHub, spoil: Spoil | None = None) -> None:
    """Let every node that is made from now on meet the others at ``hub``, with ports that ``spoil`` has seen."""
    make_store = composition.make_store
    stores: list[Store] = []
    clusters: list[Cluster] = []

    def pair() -> None:
        # A node has both before it has its use cases; which comes first is its own affair.
        if stores and clusters:
            store, cluster = stores.pop(), clusters.pop()
            if spoil is not None:
                spoil(store, cluster)

    def make(url: str, limits: Limits) -> Store:
        store = make_store(url, limits)
        open_it = store.open

        async def opened() -> None:
            await open_it()
            stores.append(store)
            pair()

        store.open = opened  # type: ignore[method-assign]
        return store

    def join(_url: str, me: NodeInfo, _limits: Limits, clock: Clock) -> Cluster:
        cluster = MemoryCluster(me, clock, hub)
        clusters.append(cluster)
        pair()
        return cluster

    patch(composition, "make_store", make)
    patch(composition, "make_cluster", join)


class Nodes:
    """Nodes that run in this process. ``ports`` is where they listen."""

    def __init__(self, folder: Path, count: int = 2, limits: Limits = LIMITS) -> None:
        self.url = f"sqlite://{folder / 'chat.db'}"
        self._folder = folder
        self._count = count
        self._limits = limits
        self._stack = AsyncExitStack()
        self.ports: list[int] = []
        self.apps: list[App] = []

    async def start(self) -> None:
        """Start all of them."""
        for number in range(1, self._count + 1):
            settings = Settings(
                port=0, node=f"n{number}", data_dir=self._folder, database=self.url, unlimited=True, limits=self._limits
            )
            node = App(settings)
            self.apps.append(node)
            _, port = await self._stack.enter_async_context(node.started())
            self.ports.append(port)

    async def stop(self) -> None:
        """Drain and end all of them."""
        await self._stack.aclose()
