"""What a fault is: something that begins, is seen to bite, and ends."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from tests.chaos.history import Record
from tests.chaos.system import Node, System
from tests.chaos.trial import Trial

Evidence = dict[str, Any]


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


class Fault(ABC):
    """One kind of fault. A fault is made anew for each strike."""

    name: ClassVar[str]
    hold: ClassVar[float] = 0.0
    """Seconds that it lasts after it was seen to bite."""

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
