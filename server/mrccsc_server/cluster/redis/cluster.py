"""All parts of a node's tie to its cluster, on one link to Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from random import Random, SystemRandom

from mrccsc_server.cluster.local import LocalThrottles
from mrccsc_server.cluster.redis.address import Address, dialer
from mrccsc_server.cluster.redis.bus import RedisBus
from mrccsc_server.cluster.redis.link import Call, Link
from mrccsc_server.cluster.redis.nodes import RedisNodes
from mrccsc_server.cluster.redis.presence import RedisPresence
from mrccsc_server.cluster.redis.throttles import RedisThrottles
from mrccsc_server.cluster.redis.wire import WireError
from mrccsc_server.ports import Bus, Clock, NodeInfo, Nodes, Presence, Throttles
from mrccsc_shared.limits import Limits

RENEWED = 1_200.0
"""Seconds within which everything that this node follows, and who is here, is said again, a part with each beat."""


def prefix_of(address: Address) -> str:
    """What all keys and channels begin with. Channels know no databases, so its number is part of it."""
    return f"mrccsc:{address.db}:"


class RedisCluster:
    """:class:`mrccsc_server.ports.Cluster` on Redis. The bus opens and closes all of it."""

    def __init__(
        self, address: Address, me: NodeInfo, limits: Limits, clock: Clock, *, random: Random | None = None
    ) -> None:
        prefix = prefix_of(address)
        head = (prefix.encode(), me.incarnation.encode())
        self.counters: Counter[str] = Counter()
        self._limits = limits
        self._channel = f"{prefix}node:{me.incarnation}"
        self._link = Link(
            dialer(address),
            str(address),
            time=limits.bus_time,
            random=random or SystemRandom(),
            counters=self.counters,
        )
        self._opened = False
        self._nodes = RedisNodes(
            self._link,
            me,
            prefix,
            limits=limits,
            clock=clock,
            counters=self.counters,
            died=self._miss,
            beaten=self._beaten,
        )
        self._bus = RedisBus(
            self._link,
            self._nodes,
            head,
            limits=limits,
            counters=self.counters,
            begin=self._open,
            end=self._close,
        )
        self._presence = RedisPresence(
            self._link, head, time=limits.bus_time, clock=clock, counters=self.counters, answerable=self._miss
        )
        self.bus: Bus = self._bus
        self.presence: Presence = self._presence
        self.nodes: Nodes = self._nodes
        self.throttles: Throttles = RedisThrottles(self._link, head, LocalThrottles(clock), time=limits.bus_time)

    async def _open(self) -> None:
        await self._link.open(self._channel, self._bus.hear, self._serve)
        if self._link.up and self._nodes.waiting <= 2 * self._limits.beat_time:
            # A cluster that begins: who is offline can be said in a moment, so nobody need be told "unknown".
            await asyncio.sleep(self._nodes.waiting)
        self._opened = True

    async def _close(self) -> None:
        with contextlib.suppress(WireError):
            await self._nodes.leave()
        await self._link.close()

    async def _serve(self, call: Call) -> None:
        """On a new wire: be a node again, say everything that Redis must know, and live."""
        interest, presence = self._bus.interest, self._presence
        interest.forget_confirmations()
        presence.forget_confirmations()
        await self._nodes.register(call)
        beating = asyncio.create_task(self._nodes.beat_on(call))
        try:
            while interest.unsaid or presence.unsaid:
                # Presence first: its others wait for no longer than a lease.
                await presence.restore(call, lost=self._nodes.lost)
                await interest.restore(call)
            if not beating.done():
                self._link.join()
                if self._opened or len(interest):
                    self._bus.gap()
            await beating
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    def _miss(self) -> None:
        self._bus.gap()

    async def _beaten(self, call: Call, settled: bool, dead: Sequence[str]) -> None:
        if self._link.up:
            # What could not be said in time, though the wire is up.
            await self._presence.restore(call)
            fraction = self._limits.beat_time / RENEWED
            await self._bus.interest.renew(call, fraction)
            await self._presence.look(call, settled=settled, dead=dead, fraction=fraction)
