"""Faults of the bus that are made in the publishing node: hints dropped, doubled, reordered. No visible effect."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.faults.base import Evidence, Fault


class DropHints(Fault):
    """What a node says does not arrive."""

    name: ClassVar[str] = "hints lost"
    how: ClassVar[str] = "dropped"
    hold: ClassVar[float] = 3.0

    async def begin(self) -> None:
        for node in self.system.nodes:
            await node.tell("hints", how=self.how)

    async def bitten(self) -> Evidence | None:
        states = [await node.state() for node in self.system.nodes]
        done = sum(state["done"].get(self.how, 0) for state in states if state)
        return {self.how: done} if done >= 10 else None

    async def end(self) -> Evidence | None:
        for node in self.system.nodes:
            await node.tell("hints", how=None)
        return None


class DoubleHints(DropHints):
    """Everything arrives twice."""

    name = "hints doubled"
    how = "doubled"


class ReorderHints(DropHints):
    """What was said first arrives last."""

    name = "hints reordered"
    how = "reordered"
