"""The nodes of the cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node. ``incarnation`` is random, made anew at each start: names may be given twice by mistake."""

    incarnation: str
    name: str
    address: str
    """Where it listens, as ``host:port``."""
    version: str
    since: int
    """When it came, in milliseconds since 1970."""
    connections: int = 0
    draining: bool = False
    healthy: bool = True
    """Whether its database answers."""


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator wants of a node: ``drain`` and end, or ``move`` so many connections elsewhere."""

    act: Literal["drain", "move"]
    connections: int = 0


class Nodes(Protocol):
    """The nodes that live now, each by a lease. No method raises."""

    def describe(self, *, connections: int, draining: bool, healthy: bool) -> None:
        """What the others are told of this node with its next beat (``limits.beat_time`` seconds at most)."""
        ...

    async def all(self) -> list[NodeInfo] | None:
        """All live nodes, this one too, by name. ``None`` while the bus is away."""
        ...

    @property
    def others(self) -> list[NodeInfo]:
        """The other live nodes as of the last beat; empty while the bus is away."""
        ...

    async def command(self, incarnation: str, command: Command) -> bool:
        """Tell a node what to do; whether it was there to hear it."""
        ...

    def listen(self, obey: Callable[[Command], None]) -> None:
        """Say who carries out commands to this node; once, before the bus is opened."""
        ...
