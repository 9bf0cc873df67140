"""Being one of the nodes: the lease, the beats that renew it, and who else lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, NotRequired

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypedDict

from mrccsc_server.cluster.redis.hints import Beat, Bye, Gap, say
from mrccsc_server.cluster.redis.link import Call, Link, encoded
from mrccsc_server.cluster.redis.lua import BEAT, COMMAND, LEAVE, NODES, REGISTER, TELL
from mrccsc_server.cluster.redis.wire import Reply, WireError
from mrccsc_server.ports import Clock, Command, NodeInfo
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)

INTEREST_KEPT = 3_600.0
"""Seconds after which what a node follows is forgotten unless it says so again."""

DEAF = "Redis does not carry hints."
LOST = "Redis has lost what it knew of this node."

_ECHO = 0.01
"""Seconds after which it is said again, and then doubling: the subscription may have been later than the beat."""


class _Registered(TypedDict):
    store: str
    waiting: float


class _Beaten(TypedDict):
    lost: bool
    settled: NotRequired[bool]
    live: NotRequired[list[str] | dict[str, str]]
    dead: NotRequired[list[str] | dict[str, str]]


_registered = TypeAdapter(_Registered)
_beaten = TypeAdapter(_Beaten)
_info = TypeAdapter(NodeInfo)


class RedisNodes:
    """:class:`mrccsc_server.ports.Nodes`, and the life of this node among them.

    ``died`` is called when a node has gone without a word, after it is in nobody's list any more; ``beaten`` with each
    beat: whether all can have spoken, and the nodes whose lease has lapsed and whose users are still counted.
    """

    def __init__(
        self,
        link: Link,
        me: NodeInfo,
        prefix: str,
        *,
        limits: Limits,
        clock: Clock,
        counters: Counter[str],
        died: Callable[[], None],
        beaten: Callable[[Call, bool, list[str]], Awaitable[None]],
    ) -> None:
        self._link = link
        self._me = me
        self._prefix = prefix
        self._limits = limits
        self._clock = clock
        self._counters = counters
        self._store = ""
        self._others: dict[str, NodeInfo] = {}
        self._number = 0
        self._heard_number = 0
        self._heard_at = 0.0
        self._heard = asyncio.Event()
        self._strangers = 0
        """How often another node was heard."""
        self._alone = False
        self._twins: set[str] = set()
        self._obey: Callable[[Command], None] | None = None
        # A silence of all nodes shorter than this lets no lease lapse.
        self._pause = _ms(max(limits.lease_time / 2, limits.lease_time - 2 * limits.beat_time))
        self.lost = False
        """Whether the store had lost everything when this node came back to it."""
        self.waiting = 0.0
        """Seconds from the registration until all nodes can have spoken."""
        self._died = died
        self._beaten = beaten

    # -- the port --------------------------------------------------------------------------------------------------

    def describe(self, *, connections: int, draining: bool, healthy: bool) -> None:
        """See the port."""
        self._me = replace(self._me, connections=connections, draining=draining, healthy=healthy)

    async def all(self) -> list[NodeInfo] | None:
        """See the port."""
        return await live_nodes(self._link.call, self._prefix)

    @property
    def others(self) -> list[NodeInfo]:
        """See the port."""
        return _sorted(self._others.values()) if self._link.up else []

    async def command(self, incarnation: str, command: Command) -> bool:
        """See the port."""
        return await send_command(self._link.call, self._prefix, incarnation, command)

    def listen(self, obey: Callable[[Command], None]) -> None:
        """See the port."""
        self._obey = obey

    # -- life ------------------------------------------------------------------------------------------------------

    @property
    def quiet(self) -> float:
        """Seconds since this node heard itself."""
        return self._clock.monotonic() - self._heard_at

    @property
    def alone(self) -> bool:
        """Whether there was no other node at the last beat, and none was heard since: each speaks as it comes.

        It may be so for as long as a word is under way though another has come.
        """
        return self._alone and self._link.up

    async def register(self, call: Call) -> None:
        """Be one of the nodes, and hear so by the route of hints."""
        self._heard.clear()
        try:
            async with asyncio.timeout(self._limits.bus_time):
                patience = _ECHO
                while not self._heard.is_set():
                    await self._say_here(call)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(patience):
                            await self._heard.wait()
                    patience *= 2
        except TimeoutError:
            raise WireError(DEAF) from None

    async def beat_on(self, call: Call) -> None:
        """Renew the lease until it is lost, by raising :class:`WireError`."""
        while True:
            began = self._clock.monotonic()
            await self._beat(call)
            await asyncio.sleep(max(0.0, began + self._limits.beat_time - self._clock.monotonic()))

    async def tell_gap(self) -> None:
        """Have all others look into the database. Raises :class:`WireError`."""
        await self._link.call(TELL, *self._head(), say(Gap()))

    async def leave(self) -> None:
        """Be none of the nodes any more."""
        grace = max(0.0, self._limits.presence_grace)
        await self._link.call(LEAVE, *self._head(), *encoded(_ms(grace)), say(Bye(self._me.incarnation)))

    def hear(self, word: Beat | Bye | Command) -> None:
        """Take what another node, or this one, said to this one."""
        match word:
            case Beat(node, number) if node == self._me.incarnation:
                if number > self._heard_number:
                    self._heard_number = number
                    self._heard_at = self._clock.monotonic()
                    self._heard.set()
            case Beat():
                self._strangers += 1
                self._alone = False
            case Bye(node):
                self._others.pop(node, None)
            case Command() if self._obey is not None:
                self._obey(word)

    async def _say_here(self, call: Call) -> None:
        limits = self._limits
        self._alone = False
        reply = await call(
            REGISTER,
            *self._head(),
            *encoded(_ms(limits.lease_time)),
            to_json(self._me),
            *encoded(_ms(INTEREST_KEPT), self._pause, secrets.token_hex(8), self._store, _ms(limits.beat_time)),
            self._next_beat(),
        )
        answer: _Registered = _read(_registered, reply)
        self.lost = self._store not in {"", answer["store"]}
        self._store = answer["store"]
        self._others.clear()
        self.waiting = answer["waiting"] / 1000

    async def _beat(self, call: Call) -> None:
        limits = self._limits
        strangers = self._strangers
        reply = await call(
            BEAT,
            *self._head(),
            *encoded(_ms(limits.lease_time)),
            to_json(self._me),
            *encoded(_ms(INTEREST_KEPT), self._pause, self._store),
            self._next_beat(),
        )
        answer: _Beaten = _read(_beaten, reply)
        if answer["lost"]:
            raise WireError(LOST)
        if self.quiet > limits.beat_time + limits.bus_time:
            raise WireError(DEAF)
        # An empty list comes as an empty object: Lua has one word for both.
        live = answer.get("live") or ()
        self._meet(_infos(live, self._counters))
        self._alone = len(live) <= 1 and self._strangers == strangers
        await self._beaten(call, answer.get("settled", False), list(answer.get("dead") or ()))

    def _meet(self, live: Iterable[NodeInfo]) -> None:
        now = {node.incarnation: node for node in live if node.incarnation != self._me.incarnation}
        died = [node for incarnation, node in self._others.items() if incarnation not in now]
        self._others = now
        for node in now.values():
            if node.name == self._me.name and node.incarnation not in self._twins:
                self._twins.add(node.incarnation)
                log.warning("Another node (%s) has the name %s too; give each its own.", node.address, node.name)
        for node in died:
            log.warning("The node %s (%s) has gone without a word.", node.name, node.address)
        if died:
            self._died()

    def _head(self) -> tuple[bytes, bytes]:
        return self._prefix.encode(), self._me.incarnation.encode()

    def _next_beat(self) -> bytes:
        self._number += 1
        return say(Beat(self._me.incarnation, self._number))


async def live_nodes(call: Call, prefix: str) -> list[NodeInfo] | None:
    """All live nodes by name, or ``None`` when Redis is away."""
    try:
        answer: _Beaten = _read(_beaten, await call(NODES, prefix.encode(), b""))
    except WireError:
        return None
    return _sorted(_infos(answer.get("live") or (), Counter()))


async def send_command(call: Call, prefix: str, incarnation: str, command: Command) -> bool:
    """Tell a node what to do; whether it was there to hear it."""
    try:
        heard = await call(COMMAND, prefix.encode(), b"", incarnation.encode(), say(command))
    except WireError:
        return False
    return bool(heard)


def _infos(texts: Iterable[str], counters: Counter[str]) -> list[NodeInfo]:
    infos = []
    for text in texts:
        try:
            node = _info.validate_json(text)
        except ValidationError:
            node = None
        # It is shown and logged, so it must be nothing but text.
        if node is None or not f"{node.incarnation}{node.name}{node.address}{node.version}".isprintable():
            counters["malformed"] += 1
        else:
            infos.append(node)
    return infos


def _sorted(nodes: Iterable[NodeInfo]) -> list[NodeInfo]:
    return sorted(nodes, key=lambda node: (node.name, node.incarnation))


def _read(adapter: TypeAdapter[Any], reply: Reply) -> Any:
    try:
        return adapter.validate_json(reply if isinstance(reply, bytes) else b"")
    except ValidationError:
        raise WireError("Redis answered what no script of this version says.") from None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
