"""A run from its first line to its last: people live on a system, faults strike, all comes to rest, all is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mrccsc_shared.limits import MAX_SERVER_LINE, Limits
from tests.chaos.device import Device
from tests.chaos.dump import dump
from tests.chaos.history import VERSION, Record, Recorder
from tests.chaos.tap import Network
from tests.chaos.workload import Company

LIMITS = Limits()
PEOPLE = ("ann", "bob", "cat", "dan")
VISITORS = ("eve",)
BOUNDS: dict[str, Any] = {
    # Seconds after the last fault, the last commit or a client's return, until a live member is at the head.
    "reach": 15.0,
    # Seconds until presence is true.
    "presence": 30.0,
    # Acked entries that each fault needs before and after it.
    "around": 10,
    # Bytes that a node may grow by.
    "memory_growth": 256 * 2**20,
    # What may wait in a node: its limits; one line more may be unsent, and the last request may weigh as much as all.
    "queues": {
        "commits": LIMITS.commit_queue,
        "unsent bytes": LIMITS.output + MAX_SERVER_LINE,
        "unanswered": 2 * LIMITS.unanswered,
        "bus bytes": LIMITS.bus_queue,
    },
}
TRY = 0.25
"""Seconds between two looks at whether a device shows what a fresh sign-in does: read marks are gathered first."""


class Trial:
    """One run. Give it ports to talk to, let it ``begin``, do what is to be done, and let it ``end``."""

    def __init__(
        self,
        path: Path | None,
        ports: Sequence[int],
        *,
        seed: int,
        system: str,
        people: Sequence[str] = PEOPLE,
        second_devices: int = 1,
        patience: float = 0.2,
        bounds: dict[str, Any] | None = None,
    ) -> None:
        self.recorder = Recorder(path)
        self.bounds = {**BOUNDS, **(bounds or {})}
        self.recorder.note("run", version=VERSION, system=system, seed=seed, bounds=self.bounds)
        self.seed = seed
        self._patience = patience
        self.network = Network(self.recorder, ports)
        devices = [self._device(name, "desk") for name in people]
        devices += [self._device(name, "phone") for name in people[:second_devices]]
        self.company = Company(devices, seed, [self._device(name, "desk") for name in VISITORS])

    @property
    def records(self) -> list[Record]:
        """The history so far."""
        return self.recorder.records

    def _device(self, username: str, device: str) -> Device:
        return Device(self.network, username, device, self.seed, self._patience)

    @property
    def acked(self) -> int:
        """Acknowledgements so far."""
        return self.network.acked

    async def begin(self) -> None:
        """People settle in and begin to live."""
        await self.company.settle_in()
        self.company.go()

    async def end(self, patience: float = 30.0, hush: Callable[[bool], Awaitable[None]] | None = None) -> None:
        """The faults are over: load ends, all comes to rest, everybody says what they see.

        What does not come to rest within about ``patience`` seconds is left as it is, for the checker to find. The last
        words are said while ``hush`` keeps hints of entries from arriving, for what follows would heal that.
        """
        await self.company.rest()
        if hush is not None:
            await hush(True)
            await self.company.say_last(patience)
            await hush(False)
        self.recorder.note("quiet")
        await self.company.come_to_rest(patience)
        users = {device.username: device for device in self.company.devices}
        fresh = [self._device(name, "fresh") for name in users]
        async with AsyncExitStack() as stack:
            for one in fresh:
                await one.start(probe=True)
                stack.push_async_callback(one.stop)
                await one.login()
            # Who is not seen as there has the time that the checker grants them, so that it can tell.
            await until(lambda: self._same(fresh), max(patience / 2, self.bounds["presence"] + 2))
            for device in self.company.devices:
                self.recorder.note("view", **await device.view(fresh=False))
            for one in fresh:
                self.recorder.note("view", **await one.view(fresh=True))
        for device in self.company.devices:
            await device.stop()

    async def abandon(self) -> None:
        """End what still runs, however the run has come to an end."""
        await self.company.disband()

    async def _same(self, fresh: Sequence[Device]) -> bool:
        """Whether all show what a fresh sign-in does, and that all are there but the visitors.

        Read marks are gathered for a moment before they are told.
        """
        await asyncio.sleep(TRY)
        views = {one.username: await one.view(fresh=True) for one in fresh}
        away = {str(visitor.user) for visitor in self.company.visitors}
        seen = {(user in away, status) for view in views.values() for user, status in view["presence"].items()}
        if seen != {(False, "online"), (True, "offline")}:
            return False
        for device in self.company.devices:
            view, expected = await device.view(fresh=False), views[device.username]
            if any(view[part] != expected[part] for part in ("facts", "logs", "presence")):
                return False
        return True

    async def dump(self, url: str) -> list[Record]:
        """Record what the store has, and end the history."""
        await self.keep(url)
        self.recorder.note("end")
        self.recorder.close()
        return self.records

    async def keep(self, url: str) -> dict[int, int]:
        """Record what the store has now; the heads of its conversations."""
        convs = {one["frame"]["conv"] for one in self.records if one["what"] == "heard" and "conv" in one["frame"]}
        convs |= {*self.company.groups, *self.company.public, *self.company.directs}
        place = len(self.records)
        await dump(self.recorder, url, convs, {device.user for device in self.company.devices})
        return {one["conv"]: one["head"] for one in self.records[place:] if one["what"] == "stored"}


async def until(condition: Callable[[], bool | Awaitable[bool]], patience: float) -> bool:
    """Wait until a condition holds; whether it did in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return True
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.02)
