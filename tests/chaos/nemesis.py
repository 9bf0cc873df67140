"""Strikes faults, one after the other, each into a system that is at work, and waits until work goes on."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from tests.chaos.faults.base import Evidence, Fault, Scene
from tests.chaos.system import System
from tests.chaos.trial import Trial, until

PATIENCE = 40.0
"""Seconds that a fault gets to bite, and the system to be at work before and after it."""


class Nemesis:
    """The faults of one run. ``struck`` counts them."""

    def __init__(self, system: System, trial: Trial, seed: int, haste: float = 1.0) -> None:
        self.scene = Scene(system, trial, Random(f"nemesis {seed}"), haste)
        self._trial = trial
        self._around = int(trial.bounds["around"])
        self.struck = 0

    async def strike(self, kinds: Iterable[type[Fault]]) -> None:
        """Strike these faults in this order."""
        for kind in kinds:
            await self._at_work()
            await self._strike(kind)
        await self._at_work()

    async def _at_work(self) -> None:
        """Wait until enough was acked since now, or for too long: the checker says so then."""
        acked = self._trial.acked
        await until(lambda: self._trial.acked >= acked + self._around + 1, PATIENCE)

    async def _strike(self, kind: type[Fault]) -> None:
        self.struck += 1
        number, note = self.struck, self._trial.recorder.note
        fault = kind(self.scene)
        note("fault", id=number, fault=kind.name, phase="begin")
        await fault.begin()
        seen: list[Evidence] = []

        async def bitten() -> bool:
            evidence = await fault.bitten()
            if evidence is not None:
                seen.append(evidence)
            return evidence is not None

        if await until(bitten, PATIENCE):
            note("fault", id=number, fault=kind.name, phase="bite", evidence=seen[0])
            await fault.last()
        more = await fault.end()
        note("fault", id=number, fault=kind.name, phase="end", evidence=more)
        for node in self.scene.system.nodes:
            if state := await node.state():
                note("sample", node=node.name, pid=state["pid"], rss=state["rss"], queues={})
