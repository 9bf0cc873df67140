"""The bus: hints in one call a batch, to those who follow; and what this node follows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable

from mrccsc_server.cluster.redis.hints import Beat, Bye, Gap, Malformed, pack, unpack
from mrccsc_server.cluster.redis.interest import Interest
from mrccsc_server.cluster.redis.link import Link, encoded
from mrccsc_server.cluster.redis.lua import ROUTE
from mrccsc_server.cluster.redis.nodes import RedisNodes
from mrccsc_server.cluster.redis.outgoing import Outgoing
from mrccsc_server.cluster.redis.wire import WireError
from mrccsc_server.ports import Command, EntryHint, Hint, HintListener
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)

TRIES = 3
"""How often a call with hints is tried; the number that it carries keeps it from being carried out twice."""

QUIET = 1.3
"""Beats without hearing oneself after which hints are not trusted to travel."""


class RedisBus:
    """:class:`mrccsc_server.ports.Bus`. ``begin`` and ``end`` open and close the link that it travels on."""

    def __init__(
        self,
        link: Link,
        nodes: RedisNodes,
        head: tuple[bytes, bytes],
        *,
        limits: Limits,
        counters: Counter[str],
        begin: Callable[[], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self._link = link
        self._nodes = nodes
        self._head = head
        self._limits = limits
        self._counters = counters
        self._listener: HintListener | None = None
        self._outgoing = Outgoing(limits.bus_queue, counters)
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._number = 0
        self._untold = False
        """Whether there was nobody to send hints to."""
        self._pump: asyncio.Task[None] | None = None
        self._interest = Interest(link, head, time=limits.bus_time)
        self._begin = begin
        self._end = end

    # -- the port --------------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """See the port."""
        return self._link.up and self._nodes.quiet < QUIET * self._limits.beat_time

    def publish(self, hints: Iterable[Hint]) -> None:
        """See the port. While no other node is there nothing is sent; who comes then is told of a gap."""
        if self._nodes.alone:
            self._untold = True
            return
        self._tell_newcomers()
        for hint in hints:
            try:
                parcel = pack(hint)
            except (ValueError, TypeError, KeyError):
                log.exception("A hint could not be encoded")
                self._outgoing.drop()
                continue
            if parcel is not None:
                self._outgoing.put(parcel)
        if self._outgoing.owes:
            self._idle.clear()
            self._work.set()

    async def follow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """See the port."""
        await self._interest.add(_keys(users, conversations))

    def unfollow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """See the port."""
        self._interest.remove(_keys(users, conversations))

    def listen(self, listener: HintListener) -> None:
        """See the port."""
        self._listener = listener

    async def open(self) -> None:
        """See the port."""
        self._pump = asyncio.create_task(self._send_on())
        await self._begin()

    async def close(self) -> None:
        """See the port."""
        if self._link.up:
            try:
                async with asyncio.timeout(self._limits.bus_time):
                    await self._idle.wait()
            except TimeoutError:
                log.warning("Not all hints could be sent before the end.")
        await self._end()
        self._listener = None
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def hear(self, bundle: bytes) -> None:
        """Take what came over the node's channel."""
        self._counters["bundles_received"] += 1
        heard = 0
        for line in bundle.split(b"\n"):
            try:
                word = unpack(line)
            except Malformed:
                self._counters["malformed"] += 1
                continue
            match word:
                case EntryHint():  # Nearly all are.
                    heard += 1
                    self._pass_on(word)
                case None:
                    self._counters["unknown"] += 1
                case Beat() | Bye() | Command():
                    self._nodes.hear(word)
                    self._tell_newcomers()
                case Gap():
                    self.gap()
                case _:
                    heard += 1
                    self._pass_on(word)
        self._counters["hints_received"] += heard

    def gap(self) -> None:
        """Say that hints may have been lost."""
        self._counters["gaps"] += 1
        if self._listener is not None:
            self._listener.gap()

    def _tell_newcomers(self) -> None:
        """Have those who have come look into the database, where there was something that nobody was told."""
        if self._untold and not self._nodes.alone:
            self._untold = False
            self._outgoing.dropped = True
            self._idle.clear()
            self._work.set()

    def _pass_on(self, hint: Hint) -> None:
        if self._listener is not None:
            try:
                self._listener.hear(hint)
            except Exception:
                log.exception("A hint was not taken")

    # -- what is followed ------------------------------------------------------------------------------------------

    @property
    def interest(self) -> Interest:
        """What this node follows."""
        return self._interest

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _send_on(self) -> None:
        while True:
            if not self._outgoing.owes:
                self._idle.set()
                self._work.clear()
                await self._work.wait()
            await self._link.wait_up()
            try:
                await self._send_some()
            except Exception:
                log.exception("Hints could not be sent")
                self._outgoing.drop()

    async def _send_some(self) -> None:
        if taken := self._outgoing.take():
            self._number += 1
            if await self._send([part for parcel in taken for part in (parcel.keys, parcel.line)]):
                self._counters["hints_sent"] += len(taken)
            else:
                self._outgoing.drop(len(taken))
        if self._outgoing.dropped:
            with contextlib.suppress(WireError):
                await self._nodes.tell_gap()
                self._outgoing.dropped = False

    async def _send(self, args: list[bytes]) -> bool:
        for _ in range(TRIES):
            await self._link.wait_up()
            try:
                sent = await self._link.call(ROUTE, *self._head, *encoded(self._number), *args)
            except WireError:
                # The link begins anew; give it the turn of the loop that it needs to notice.
                await asyncio.sleep(0)
                continue
            self._counters["bundles_sent"] += sent if isinstance(sent, int) else 0
            return True
        return False


def _keys(users: Collection[int], conversations: Collection[int]) -> list[bytes]:
    return [*(b"u:%d" % user for user in users), *(b"c:%d" % conv for conv in conversations)]
