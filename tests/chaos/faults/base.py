"""What a fault is: something that begins, is seen to bite, and ends."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from mrccsc_tui.client import RequestError
from tests.chaos.device import Device
from tests.chaos.history import Record
from tests.chaos.system import Node, System
from tests.chaos.trial import Trial

Evidence = dict[str, Any]

Line = tuple[str, int]
"""A client and the number of its connection."""


@dataclass
class Scene:
    """Where a fault strikes: the system, the run on it, and chance."""

    system: System
    trial: Trial
    chance: Random
    haste: float = 1.0
    """What part of its time each fault lasts: a short run has less."""

    def since(self, mark: int) -> list[Record]:
        """What was recorded since."""
        return self.trial.records[mark:]

    @property
    def mark(self) -> int:
        """A place in the history, for :meth:`since`."""
        return len(self.trial.records)

    def lines(self) -> dict[Line, str]:
        """The lines that are open now, and the node at the other end of each, as it has said."""
        found: dict[Line, str] = {}
        for record in self.trial.records:
            match record["what"]:
                case "heard" if record["frame"]["type"] == "welcome":
                    found[record["client"], record["line"]] = record["frame"]["node"]
                case "lost":
                    found.pop((record["client"], record["line"]), None)
        return found


class Fault(ABC):
    """One kind of fault. A fault is made anew for each strike."""

    name: ClassVar[str]
    hold: ClassVar[float] = 0.0
    """Seconds that it lasts after it was seen to bite."""
    once: ClassVar[bool] = False
    """Whether it lasts too long to strike more than once in a run."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.trial = scene.trial
        self.system = scene.system
        self.mark = scene.mark

    @property
    def node(self) -> Node:
        """The node that it strikes."""
        if not hasattr(self, "_node"):
            self._node = self.scene.chance.choice(self.system.nodes)
        return self._node

    @abstractmethod
    async def begin(self) -> None:
        """Strike."""

    @abstractmethod
    async def bitten(self) -> Evidence | None:
        """What shows that it bites; ``None`` while nothing does."""

    async def last(self) -> None:
        """Let it last."""
        await asyncio.sleep(self.hold * self.scene.haste)

    @abstractmethod
    async def end(self) -> Evidence | None:
        """Make everything good again; what else was seen of it."""

    def errors(self, *codes: str) -> int:
        """Refusals with these codes that clients have heard since it began."""
        return sum(
            one["what"] == "heard" and one["frame"]["type"] == "error" and one["frame"]["code"] in codes
            for one in self.scene.since(self.mark)
        )

    def count(self, what: str, frame_type: str = "") -> int:
        """Records of a kind since it began."""
        return sum(
            one["what"] == what and (not frame_type or one["frame"]["type"] == frame_type)
            for one in self.scene.since(self.mark)
        )

    async def states(self) -> list[dict[str, Any]]:
        """How the nodes are that say so."""
        return [state for node in self.system.nodes if (state := await node.state(1.0)) is not None]

    async def degraded(self) -> int:
        """How many nodes report that they do without the bus."""
        return sum(any(one.startswith("bus: degraded") for one in state["problems"]) for state in await self.states())

    async def pages(self) -> int:
        """How many devices are given a page of history now."""
        return sum([await self._reads(device) for device in self.trial.company.devices])

    async def _reads(self, device: Device) -> bool:
        if device.client is None or not device.client.status.online:
            return False
        request = {"type": "history.get", "conv": self.trial.company.groups[0], "limit": 5}
        with suppress(RequestError, TimeoutError):
            async with asyncio.timeout(2):
                await device.client._engine.ask(request)
                return True
        return False


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal and not continued."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
