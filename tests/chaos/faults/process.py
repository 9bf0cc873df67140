"""Faults of server processes."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar

from tests.chaos.faults.base import Evidence, Fault
from tests.chaos.trial import until


class Kill(Fault):
    """The node is killed by -9 whenever that may be, and started again."""

    name: ClassVar[str] = "node killed"
    hold: ClassVar[float] = 0.5

    async def begin(self) -> None:
        self.node.program.signal(signal.SIGKILL)

    async def bitten(self) -> Evidence | None:
        await self.node.gone()
        return {"exit": self.node.program.exit_code} if self.node.program.exit_code == -signal.SIGKILL else None

    async def end(self) -> Evidence | None:
        await self.node.start()
        return None


class KillAt(Kill):
    """The node is killed at a chosen point of a commit. What was on its way is looked up in the very database."""

    point: ClassVar[str]
    stored: ClassVar[bool | None]
    """Whether the batch must be there after the crash; ``None``: as a whole or not at all."""

    async def begin(self) -> None:
        await self.node.tell("crash", at=self.point)

    async def bitten(self) -> Evidence | None:
        if not await self.node.gone() or (words := self.node.last_words) is None:
            return None
        cids = [cid for cid in words["cids"] if cid]
        there = await self.system.stored(cids)
        # Where there are other nodes, a retry may have stored meanwhile what this one had not.
        alone = len(self.system.nodes) == 1
        if self.stored is not None and there != len(cids) * self.stored and (alone or self.stored):
            return None
        return {"at": words["at"], "batch": len(cids), "stored": there, "exit": self.node.program.exit_code}


class KillBeforeCommit(KillAt):
    """No ack; the retry stores it once."""

    name = "node killed before commit"
    point = "before-commit"
    stored = False


class KillDuringCommit(KillAt):
    """Whatever the outcome, the cids make the retry safe."""

    name = "node killed during commit"
    point = "during-commit"
    stored = None


class KillAfterCommit(KillAt):
    """The retry gets the same seq."""

    name = "node killed after commit, before ack"
    point = "after-commit"
    stored = True


class KillBeforeHint(KillAt):
    """Acked and unknown to the other nodes: they have it in time all the same."""

    name = "node killed after commit, before hint"
    point = "before-hint"
    stored = True


class Freeze(Fault):
    """The node is stopped for longer than a link may be silent, and goes on: its late work is only duplicates."""

    name = "node stopped (SIGSTOP)"

    async def begin(self) -> None:
        self.node.program.freeze()

    async def bitten(self) -> Evidence | None:
        quiet = self.trial.acked
        await asyncio.sleep(0.5)
        late = self.trial.acked - quiet
        alone = len(self.system.nodes) == 1
        return {"acked meanwhile": late} if not late or not alone else None

    async def last(self) -> None:
        # Until clients have noticed: 2.5 heartbeats of silence.
        await until(lambda: self.count("lost") >= 1, 60)

    async def end(self) -> Evidence | None:
        self.node.program.thaw()
        return {"lines lost": self.count("lost")}


class Restart(Fault):
    """All nodes are restarted one after the other in good order: clients are told to move."""

    name = "rolling restart"

    async def begin(self) -> None:
        self.codes: list[int | None] = []
        for node in self.system.nodes:
            self.codes.append(await node.stop())
            await node.start()

    async def bitten(self) -> Evidence | None:
        told = self.count("heard", "closing")
        return {"clients told": told, "exits": self.codes} if told and set(self.codes) == {0} else None

    async def end(self) -> Evidence | None:
        return None


class FullDisk(Fault):
    """No file grows any more: sends are refused, reading works, and it recovers by itself."""

    name = "disk full"
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        await self.node.tell("quota", bytes=8_192)

    async def bitten(self) -> Evidence | None:
        refused = self.errors("unavailable", "overloaded")
        return {"refused": refused} if refused else None

    async def end(self) -> Evidence | None:
        await self.node.tell("quota", bytes=None)
        return {"refused": self.errors("unavailable", "overloaded")}


class WrongClock(Fault):
    """A node's clock goes wrong by an hour: the order stays, nothing expires."""

    name = "node clock + 1 h"
    seconds: ClassVar[float] = 3_600.0
    hold: ClassVar[float] = 1.5

    async def begin(self) -> None:
        before = await self.node.tell("state")
        after = await self.node.tell("clock", seconds=self.seconds)
        self.shift = (after["now"] - before["now"]) / 1_000

    async def bitten(self) -> Evidence | None:
        return {"shifted by s": round(self.shift)} if abs(self.shift - self.seconds) < 60 else None

    async def end(self) -> Evidence | None:
        await self.node.tell("clock", seconds=0)
        return None


class WrongClockBack(WrongClock):
    """The same the other way."""

    name = "node clock - 1 h"
    seconds = -3_600.0
