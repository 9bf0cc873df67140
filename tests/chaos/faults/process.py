"""Faults of server processes."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar

from tests.chaos.faults.base import Evidence, Fault, is_stopped
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
        self.lines = {line for line, node in self.scene.lines().items() if node == self.node.name}
        self.since = asyncio.get_running_loop().time()
        self.node.program.freeze()

    async def bitten(self) -> Evidence | None:
        stopped = is_stopped(self.node.program.pid) and await self.node.state(1.0) is None
        return {"answers nothing": True, "clients on it": len(self.lines)} if stopped else None

    async def last(self) -> None:
        # Until its clients have noticed: 2.5 heartbeats of silence.
        await until(lambda: not self.lines & self.scene.lines().keys(), 60)
        await asyncio.sleep(self.hold * self.scene.haste - (asyncio.get_running_loop().time() - self.since))

    async def end(self) -> Evidence | None:
        still = is_stopped(self.node.program.pid)
        self.node.program.thaw()
        seconds = asyncio.get_running_loop().time() - self.since
        moved = len(self.lines - self.scene.lines().keys())
        return {"stopped to the end": still, "seconds": round(seconds, 1), "clients that moved": moved}


class FreezeLong(Freeze):
    """The node is stopped for a minute. What it does then turns up as repeated."""

    name = "node stopped for a minute (SIGSTOP)"
    hold = 60.0
    once = True


class Restart(Fault):
    """All nodes are restarted one after the other in good order: clients are told to move."""

    name = "rolling restart"

    async def begin(self) -> None:
        self.codes: list[int | None] = []
        self.pids = [node.program.pid for node in self.system.nodes]
        for node in self.system.nodes:
            self.codes.append(await node.stop())
            await node.start()

    async def bitten(self) -> Evidence | None:
        told = self.count("heard", "closing")
        new = {node.program.pid for node in self.system.nodes}.isdisjoint(self.pids)
        return {"clients told": told, "exits": self.codes} if told and new and set(self.codes) == {0} else None

    async def end(self) -> Evidence | None:
        return None


class FullDisk(Fault):
    """No file grows any more: sends are refused, reading works, and it recovers by itself."""

    name = "disk full"
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        await self.node.tell("quota", bytes=8_192)

    async def bitten(self) -> Evidence | None:
        refused, pages = self.errors("unavailable"), await self.pages()
        return {"refused": refused, "devices that can read": pages} if refused and pages else None

    async def end(self) -> Evidence | None:
        await self.node.tell("quota", bytes=None)
        return {"refused": self.errors("unavailable")}


class ReadOnlyDisk(FullDisk):
    """The database's file takes no writes, as on a file system that went read-only after an error."""

    name = "disk read-only"

    async def begin(self) -> None:
        await self.node.tell("readonly", on=True)

    async def end(self) -> Evidence | None:
        await self.node.tell("readonly", on=False)
        return {"refused": self.errors("unavailable")}


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
