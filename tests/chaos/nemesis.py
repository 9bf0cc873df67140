"""Strikes faults, one after the other, each into a system that is at work, and waits until work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random

from tests.chaos.faults.base import Evidence, Fault, Scene
from tests.chaos.system import System
from tests.chaos.trial import Trial, until

PATIENCE = 40.0
"""Seconds that a fault gets to bite, and the system to be at work before and after it."""

LOOK = 1.0
"""Seconds between two looks at the nodes, and within which one of them must answer."""


class Nemesis:
    """The faults of one run. ``struck`` counts them; ``told`` hears of each."""

    def __init__(
        self,
        system: System,
        trial: Trial,
        seed: int,
        haste: float = 1.0,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.scene = Scene(system, trial, Random(f"nemesis {seed}"), haste)
        self._trial = trial
        self._around = int(trial.bounds["around"])
        self._told = told
        self.struck = 0
        self.doing = "nothing yet"
        """What it does at the moment, in words."""

    async def strike(self, kinds: Iterable[type[Fault]]) -> None:
        """Strike these faults in this order."""
        for kind in kinds:
            await self._at_work()
            await self._strike(kind)
        await self._at_work()

    async def watch(self) -> None:
        """Note how the nodes are, during faults too, until cancelled."""
        while True:
            await asyncio.gather(*(self._look(at) for at in range(len(self.scene.system.nodes))))
            await asyncio.sleep(LOOK)

    async def _look(self, at: int) -> None:
        node = self.scene.system.nodes[at]
        if (state := await node.state(LOOK)) and state["queues"]:
            self._trial.recorder.note(
                "sample", node=node.name, pid=state["pid"], rss=state["rss"], queues=state["queues"]
            )

    async def _at_work(self) -> None:
        """Wait until enough was acked since now and everybody is back, or for too long: the checker says so then.

        Each fault finds all clients at their work, so that its recovery is its own.
        """
        self.doing = "waits until all is well"
        acked = self._trial.acked
        await until(lambda: self._trial.acked >= acked + self._around + 1 and self._everybody(), PATIENCE)

    def _everybody(self) -> bool:
        """Whether every device that runs is signed in."""
        return all(one.client is None or one.client.status.online for one in self._trial.company.devices)

    async def _strike(self, kind: type[Fault]) -> None:
        self.struck += 1
        number, note = self.struck, self._trial.recorder.note
        fault = kind(self.scene)
        self.doing = f"strikes: {kind.name}"
        note("fault", id=number, fault=kind.name, phase="begin")
        began = self._trial.recorder.now
        await fault.begin()
        seen: list[Evidence] = []

        async def bitten() -> bool:
            evidence = await fault.bitten()
            if evidence is not None:
                seen.append(evidence)
            return evidence is not None

        if await until(bitten, PATIENCE):
            note("fault", id=number, fault=kind.name, phase="bite", evidence=seen[0])
            self.doing = f"lets it last: {kind.name}"
            await fault.last()
        self.doing = f"makes it good: {kind.name}"
        more = await fault.end()
        note("fault", id=number, fault=kind.name, phase="end", evidence=more)
        seconds, bite = self._trial.recorder.now - began, "" if seen else ": NOT SEEN TO BITE"
        self._told(f"{began:6.0f} s  fault {number}: {kind.name}, {seconds:.1f} s{bite}")
