"""The nodes as an operator sees them, from a process that is none of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mrccsc_server.cluster import ClusterError
from mrccsc_server.cluster.redis.address import AddressError, dialer, parse
from mrccsc_server.cluster.redis.cluster import prefix_of
from mrccsc_server.cluster.redis.link import Call, guarded
from mrccsc_server.cluster.redis.nodes import live_nodes, send_command
from mrccsc_server.cluster.redis.wire import SILENT, UNREACHABLE, WireError
from mrccsc_server.ports import Command, NodeInfo

TIME = 5.0
"""Seconds within which Redis must answer."""


class Operator:
    """Sees all nodes and commands each."""

    def __init__(self, call: Call, prefix: str) -> None:
        self._call = call
        self._prefix = prefix

    async def all(self) -> list[NodeInfo]:
        """All live nodes by name. Raises :class:`ClusterError` when Redis does not answer."""
        nodes = await live_nodes(self._call, self._prefix)
        if nodes is None:
            raise ClusterError(SILENT)
        return nodes

    async def command(self, incarnation: str, command: Command) -> bool:
        """Tell a node what to do; whether it was there to hear it."""
        return await send_command(self._call, self._prefix, incarnation, command)


@asynccontextmanager
async def operator(url: str) -> AsyncIterator[Operator]:
    """An operator of the cluster behind a Redis URL. Raises :class:`ClusterError` when there is none."""
    if url.partition(":")[0] == "memory":
        raise ClusterError("A node on the bus memory: is alone; there are no other nodes to see or command.")
    try:
        address = parse(url)
        dial = dialer(address)
    except AddressError as error:
        raise ClusterError(str(error)) from None
    try:
        async with asyncio.timeout(TIME):
            wire = await dial(None, lambda _: None)
    except WireError as error:
        raise ClusterError(f"{error} ({address})") from None
    except TimeoutError:
        raise ClusterError(f"{SILENT} ({address})") from None
    except OSError:
        raise ClusterError(f"{UNREACHABLE} ({address})") from None
    try:
        yield Operator(guarded(wire, TIME), prefix_of(address))
    finally:
        await wire.close()
