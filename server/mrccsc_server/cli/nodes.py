"""nodes, drain, rebalance: the cluster as its operator sees and moves it."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

from mrccsc_server.cluster import ClusterError
from mrccsc_server.cluster.operator import Operator, operator
from mrccsc_server.config import Settings
from mrccsc_server.ports import Command, NodeInfo
from mrccsc_server.start_error import StartError

T = TypeVar("T")

GONE_WITHIN = 30.0
"""Seconds that a draining node gets to be gone: its own bound, and that of its lease."""

LOOK_EVERY = 0.3
"""Seconds between two looks at who is still there."""

_HEAD = ("NODE", "ADDRESS", "VERSION", "SINCE", "CONNECTIONS", "STATE")


def require_none(settings: Settings) -> None:
    """Return when no node is on the bus. Raises :class:`StartError` for those that run.

    One that was killed is there until its lease has lapsed, which is waited for.
    """
    lease = settings.limits.lease_time

    async def work(cluster: Operator) -> None:
        nodes = await cluster.all()
        if nodes:
            print(f"{_names(nodes)} may still run: a node that was killed is gone after {lease:g} s …", flush=True)
        for _ in range(math.ceil(lease / LOOK_EVERY) + 1):
            if not nodes:
                return
            await asyncio.sleep(LOOK_EVERY)
            nodes = await cluster.all()
        if nodes:
            raise StartError(f"Stop all nodes first; these still run: {_names(nodes)}.")

    _run(settings, work)


def show(settings: Settings, *, as_json: bool) -> None:
    """Print all live nodes, as a table or as one JSON array."""
    nodes = _run(settings, Operator.all)
    if as_json:
        print(json.dumps([asdict(node) | {"state": _state(node)} for node in nodes], indent=2))
        return
    rows = [_HEAD, *(_row(node) for node in nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for name in _twice(nodes):
        print(f"Several nodes are called {name}: give each its own --node, so that you can tell them apart.")
    if not nodes:
        print("No node is on this bus.")


def drain(settings: Settings, name: str) -> None:
    """Have a node send its clients to the others and end; returns when it has."""

    async def work(cluster: Operator) -> None:
        node = _find(await cluster.all(), name)
        if not await cluster.command(node.incarnation, Command("drain")):
            raise StartError(f"{node.name} did not hear it; see mrccsc-server nodes.")
        print(f"{node.name} sends {_clients(node.connections)} to the other nodes …", flush=True)
        for _ in range(round(GONE_WITHIN / LOOK_EVERY)):
            if node.incarnation not in [one.incarnation for one in await cluster.all()]:
                print(f"{node.name} has ended.")
                return
            await asyncio.sleep(LOOK_EVERY)
        raise StartError(f"{node.name} is still there after {GONE_WITHIN:g} s; its log says why.")

    _run(settings, work)


def rebalance(settings: Settings) -> None:
    """Have the nodes with more clients than the mean send the excess away; the balancer gives them to the others."""

    async def work(cluster: Operator) -> None:
        nodes = [node for node in await cluster.all() if _state(node) == "serving"]
        moves = excess([node.connections for node in nodes])
        for node, count in zip(nodes, moves, strict=True):
            if count and await cluster.command(node.incarnation, Command("move", count)):
                print(f"{node.name} asks {_clients(count)} of {node.connections} to go elsewhere.")
        if not any(moves):
            print("The nodes are even; nobody has to move.")

    _run(settings, work)


def excess(connections: Sequence[int]) -> list[int]:
    """How many connections each node has above the mean."""
    if not connections:
        return []
    mean = -(-sum(connections) // len(connections))
    return [max(0, count - mean) for count in connections]


def _names(nodes: Sequence[NodeInfo]) -> str:
    return ", ".join(node.name for node in nodes)


def _row(node: NodeInfo) -> tuple[str, ...]:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(node.since / 1000))
    return node.name, node.address, node.version, since, str(node.connections), _state(node)


def _state(node: NodeInfo) -> str:
    if node.draining:
        return "draining"
    return "serving" if node.healthy else "degraded: no database"


def _twice(nodes: Sequence[NodeInfo]) -> list[str]:
    return [name for name, count in Counter(node.name for node in nodes).items() if count > 1]


def _find(nodes: Sequence[NodeInfo], name: str) -> NodeInfo:
    """The node of that name or address."""
    found = [node for node in nodes if name in (node.name, node.address)]
    if not found:
        raise StartError("There is no node of that name or address; see mrccsc-server nodes.")
    if len(found) > 1:
        raise StartError(
            "Several nodes go by that; give the name or address that only one of them has: see mrccsc-server nodes."
        )
    return found[0]


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"


def _run(settings: Settings, work: Callable[[Operator], Awaitable[T]]) -> T:
    async def main() -> T:
        async with operator(settings.bus_url) as cluster:
            return await work(cluster)

    try:
        return asyncio.run(main())
    except ClusterError as error:
        raise StartError(str(error)) from None
