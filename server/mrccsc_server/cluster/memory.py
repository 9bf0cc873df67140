"""A cluster within one process: what a node has that is alone, and many nodes of a test.

Nodes that were given the same :class:`MemoryHub` are one cluster. A hub can be told to carry hints as badly as a real
network does, to cut a node off, and to let one die.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping

from mrccsc_server.cluster.local import LocalThrottles
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import (
    Bus,
    Chosen,
    Clock,
    Command,
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    HintListener,
    NodeInfo,
    Nodes,
    Presence,
    PresenceHint,
    SessionsEnded,
    Throttles,
    UserHint,
    ViewHint,
)
from mrccsc_shared.messages.presence import Presence as Seen

LAST_SEEN_KEPT = 100_000
"""Users whose last moment here is remembered."""

Carry = Callable[[Callable[[Hint], None], Hint], None]
"""Carries a hint to one node by calling the function with it: once in a later turn of the loop, if all is well."""


def carry_soon(deliver: Callable[[Hint], None], hint: Hint) -> None:
    """Carry hints as a good network does: all of them, in order, in a later turn of the event loop."""
    asyncio.get_running_loop().call_soon(deliver, hint)


class MemoryHub:
    """What the nodes of one process meet at. Not a port: what is public here is for tests."""

    def __init__(self, carry: Carry = carry_soon) -> None:
        self.carry = carry
        self.nodes: list[MemoryNode] = []
        self.chosen: dict[int, Chosen] = {}
        self.last_seen: OrderedDict[int, int] = OrderedDict()
        self.throttles: LocalThrottles | None = None

    def cut(self, node: MemoryNode) -> None:
        """Take the node's line to the others away. Its leases stay until :meth:`lapse`."""
        node.bus.connected = False

    def mend(self, node: MemoryNode) -> None:
        """Give it back: the node says anew what it has, and hears of the gap."""
        if node not in self.nodes:
            self.nodes.append(node)
        node.bus.connected = True
        node.presence.say_anew()
        node.bus.hear_gap()

    def lapse(self, node: MemoryNode) -> None:
        """The node's leases end, for it is dead or was cut off for too long; the others hear of both."""
        if node not in self.nodes:
            return
        self.nodes.remove(node)
        users = node.presence.vanish()
        for other in self.nodes:
            other.bus.hear_gap()
        if self.nodes:
            self.nodes[0].presence.hear_lapsed(users)

    def has(self, user: int) -> bool:
        """Whether any node has the user."""
        return any(user in node.presence.here for node in self.nodes)

    def seen(self, user: int) -> Seen:
        """How a user is seen."""
        chosen = self.chosen.get(user)
        if chosen is not None and chosen.status != "invisible":
            seen: Seen = {"user": user, "status": chosen.status}
            if chosen.text:
                seen["text"] = chosen.text
            return seen
        absent: Seen = {"user": user, "status": "offline"}
        if last_seen := self.last_seen.get(user):
            absent["last_seen"] = last_seen
        return absent

    def remember(self, user: int, now: int) -> None:
        """Note that the user was seen just now for the last time."""
        self.last_seen[user] = now
        self.last_seen.move_to_end(user)
        if len(self.last_seen) > LAST_SEEN_KEPT:
            self.last_seen.popitem(last=False)


class MemoryBus:
    """:class:`mrccsc_server.ports.Bus` through the event loop."""

    def __init__(self, node: MemoryNode, hub: MemoryHub) -> None:
        self._node = node
        self._hub = hub
        self._listener: HintListener | None = None
        self._users: set[int] = set()
        self._conversations: set[int] = set()
        self.connected = False

    def publish(self, hints: Iterable[Hint]) -> None:
        """See the port."""
        others = [node.bus for node in self._hub.nodes if node is not self._node and node.bus.connected]
        if others and self.connected:
            for hint in tuple(hints):
                for other in others:
                    if other.wants(hint):
                        self._hub.carry(other.hear, hint)

    async def follow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """See the port. Not at once where there are others, as on a real bus."""
        if len(self._hub.nodes) > 1:
            await asyncio.sleep(0)
        self._users.update(users)
        self._conversations.update(conversations)

    def unfollow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """See the port."""
        self._users.difference_update(users)
        self._conversations.difference_update(conversations)

    def listen(self, listener: HintListener) -> None:
        """See the port."""
        self._listener = listener

    async def open(self) -> None:
        """See the port."""
        self._hub.nodes.append(self._node)
        self.connected = True

    async def close(self) -> None:
        """See the port."""
        self.connected = False
        self._hub.lapse(self._node)

    def wants(self, hint: Hint) -> bool:
        """Whether the node follows what the hint is about."""
        match hint:
            case EntryHint(Stored(entry)):
                if entry["kind"] == "join" and entry["user"] in self._users:
                    return True
                return entry["conv"] in self._conversations
            case HeadHint(conv) | ConversationHint(conv):
                return conv in self._conversations
            case UserHint(users) | ViewHint(users) | ContactHint(users):
                return not self._users.isdisjoint(users)
            case PresenceHint(user, friends):
                return user in self._users or not self._users.isdisjoint(friends)
            case SessionsEnded(user):
                return user in self._users
            case _:
                return False

    def hear(self, hint: Hint) -> None:
        """Take a hint that was carried here."""
        if self._listener is not None and self.connected:
            self._listener.hear(hint)

    def hear_gap(self) -> None:
        """Take it that hints were lost."""
        if self._listener is not None and self.connected:
            self._listener.gap()


class MemoryPresence:
    """:class:`mrccsc_server.ports.Presence` on the hub's own memory."""

    def __init__(self, node: MemoryNode, hub: MemoryHub, clock: Clock) -> None:
        self._node = node
        self._hub = hub
        self._clock = clock
        self._lapsed: Callable[[Collection[int]], None] | None = None
        self.here: dict[int, Chosen] = {}

    async def arrive(self, user: int, chosen: Chosen) -> bool:
        """See the port."""
        self.here[user] = chosen
        if not self._node.bus.connected:
            return False
        before = self._hub.seen(user)
        self._hub.chosen.setdefault(user, chosen)
        return self._hub.seen(user) != before

    async def depart(self, user: int) -> bool:
        """See the port."""
        self.here.pop(user, None)
        if not self._node.bus.connected:
            return False
        return self._forget(user)

    async def update(self, arrived: Mapping[int, Chosen], departed: Collection[int]) -> set[int]:
        """See the port."""
        came = {user for user, chosen in arrived.items() if await self.arrive(user, chosen)}
        return came.union([user for user in departed if await self.depart(user)])

    async def choose(self, user: int, chosen: Chosen) -> None:
        """See the port."""
        self.here[user] = chosen
        if self._node.bus.connected:
            before = self._hub.chosen.get(user)
            if chosen.status == "invisible" and before is not None and before.status != "invisible":
                self._hub.remember(user, self._clock.now())
            self._hub.chosen[user] = chosen

    async def of(self, users: Collection[int]) -> dict[int, Seen]:
        """See the port."""
        return {user: self._hub.seen(user) for user in users} if self._node.bus.connected else {}

    def listen(self, lapsed: Callable[[Collection[int]], None]) -> None:
        """See the port."""
        self._lapsed = lapsed

    def hear_lapsed(self, users: Collection[int]) -> None:
        """Take it that users are gone with their node."""
        if self._lapsed is not None and users:
            self._lapsed(users)

    def say_anew(self) -> None:
        """Say again who is here, after a time in which nobody heard it."""
        gone = [user for user in list(self._hub.chosen) if self._forget(user)]
        back = [user for user in self.here if user not in self._hub.chosen]
        for user in back:
            self._hub.chosen[user] = self.here[user]
        self.hear_lapsed([*gone, *back])

    def vanish(self) -> list[int]:
        """Those who are nowhere any more, now that this node is gone."""
        return [user for user in self.here if self._forget(user)]

    def _forget(self, user: int) -> bool:
        if self._hub.has(user) or (chosen := self._hub.chosen.get(user)) is None:
            return False
        if chosen.status != "invisible":
            self._hub.remember(user, self._clock.now())
        del self._hub.chosen[user]
        return chosen.status != "invisible"


class MemoryNodes:
    """:class:`mrccsc_server.ports.Nodes` on the hub's list."""

    def __init__(self, node: MemoryNode, hub: MemoryHub, me: NodeInfo) -> None:
        self._node = node
        self._hub = hub
        self._obey: Callable[[Command], None] | None = None
        self.me = me

    def describe(self, *, connections: int, draining: bool, healthy: bool) -> None:
        """See the port."""
        self.me = dataclasses.replace(self.me, connections=connections, draining=draining, healthy=healthy)

    async def all(self) -> list[NodeInfo] | None:
        """See the port."""
        if not self._node.bus.connected:
            return None
        return sorted((node.nodes.me for node in self._hub.nodes), key=lambda info: info.name)

    @property
    def others(self) -> list[NodeInfo]:
        """See the port."""
        if not self._node.bus.connected:
            return []
        return [node.nodes.me for node in self._hub.nodes if node is not self._node]

    async def command(self, incarnation: str, command: Command) -> bool:
        """See the port."""
        for node in self._hub.nodes:
            if node.nodes.me.incarnation == incarnation and node.bus.connected:
                node.nodes.hear(command)
                return True
        return False

    def listen(self, obey: Callable[[Command], None]) -> None:
        """See the port."""
        self._obey = obey

    def hear(self, command: Command) -> None:
        """Take a command."""
        if self._obey is not None:
            self._obey(command)


class MemoryNode:
    """The parts of a node as its hub knows them."""

    def __init__(self, me: NodeInfo, clock: Clock, hub: MemoryHub) -> None:
        self.bus = MemoryBus(self, hub)
        self.presence = MemoryPresence(self, hub, clock)
        self.nodes = MemoryNodes(self, hub, me)


class MemoryCluster:
    """:class:`mrccsc_server.ports.Cluster` within one process. Without a hub of others the node is alone."""

    def __init__(self, me: NodeInfo, clock: Clock, hub: MemoryHub | None = None) -> None:
        hub = hub or MemoryHub()
        self.node = MemoryNode(me, clock, hub)
        self.bus: Bus = self.node.bus
        self.presence: Presence = self.node.presence
        self.nodes: Nodes = self.node.nodes
        hub.throttles = hub.throttles or LocalThrottles(clock)
        self.throttles: Throttles = hub.throttles
        self.counters: Counter[str] = Counter()
