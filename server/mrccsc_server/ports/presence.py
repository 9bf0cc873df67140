"""Who is connected to the cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.messages.presence import Presence as Seen


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a user wants to be seen, on all devices."""

    status: ChosenStatus
    text: str | None = None


class Presence(Protocol):
    """Which users are connected to the cluster, by leases of their nodes, timed by the lease store's clock.

    A node that dies loses its leases within ``limits.lease_time`` seconds. No method raises; each returns within
    ``limits.bus_time`` seconds. What a node said while the store was away, or before the store was flushed, is said
    again when it is back.
    """

    async def arrive(self, user: int, chosen: Chosen) -> bool:
        """This node has the user now. Whether others may see the user differently than before."""
        ...

    async def depart(self, user: int) -> bool:
        """This node has the user no more. Whether others may see the user differently than before.

        False while the store is away: unknown is never shown as offline.
        """
        ...

    async def update(self, arrived: Mapping[int, Chosen], departed: Collection[int]) -> set[int]:
        """:meth:`arrive` and :meth:`depart` for many users, each once, in one call: those of whom it is true."""
        ...

    async def choose(self, user: int, chosen: Chosen) -> None:
        """A user who is here wants to be seen differently, on all nodes."""
        ...

    async def of(self, users: Collection[int]) -> dict[int, Seen]:
        """How users are seen now. Who is not in the answer is unknown: the store is away, or was flushed a moment ago
        and not all nodes can have spoken yet.
        """
        ...

    def listen(self, lapsed: Callable[[Collection[int]], None]) -> None:
        """Say who hears of users who are seen differently now though no node said so; before any use.

        Those whose node died, once they are nowhere else; those whose node was believed dead and has come back; those
        who departed while not all nodes could have spoken, once all have. Told on one node or a few, so that their
        friends are told. When what was unknown can be asked again, :meth:`HintListener.gap` says so.
        """
        ...
