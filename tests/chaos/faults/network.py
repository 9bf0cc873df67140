"""Faults of the links between clients and nodes, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any, ClassVar

from tests.chaos.device import PASSWORD
from tests.chaos.faults.base import Evidence, Fault
from tests.chaos.trial import until


class CutDoors(Fault):
    """Nobody gets through to the nodes: every line breaks, none is taken."""

    name: ClassVar[str] = "client links cut"
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        self.before = self._severed()
        for link in self.system.doors:
            link.cut()

    def _severed(self) -> int:
        return sum(link.severed for link in self.system.doors)

    async def bitten(self) -> Evidence | None:
        lost, severed = self.count("lost"), self._severed() - self.before
        need = len(self.trial.company.devices) / 2
        return {"lines lost": lost, "severed or refused": severed} if min(lost, severed) >= need else None

    async def end(self) -> Evidence | None:
        for link in self.system.doors:
            link.heal()
        return {"lines lost": self.count("lost"), "severed or refused": self._severed() - self.before}


class HoldDoors(Fault):
    """The links are half-open: nothing comes through, and no end is told."""

    name: ClassVar[str] = "client links half-open"

    async def begin(self) -> None:
        self.before = [link.held for link in self.system.doors]
        self.since = asyncio.get_running_loop().time()
        self.lines = set(self.scene.lines())
        self.noticed: dict[str, float] = {}
        self.idle = await self._idle()
        for link in self.system.doors:
            link.hold()

    async def bitten(self) -> Evidence | None:
        held = sum(link.held - before for link, before in zip(self.system.doors, self.before, strict=True))
        return {"bytes held": held} if held else None

    async def _idle(self) -> int:
        """Connections that the nodes have cut for being silent."""
        return sum(state["closes"].get("idle", 0) for state in await self.states())

    async def last(self) -> None:
        # Until both ends notice by themselves: 2.5 heartbeats of silence.
        def clients() -> bool:
            return not self.lines & self.scene.lines().keys()

        async def nodes() -> bool:
            return await self._idle() > self.idle

        clock = asyncio.get_running_loop().time
        for who, done in (("all clients", clients), ("a node", nodes)):
            if await until(done, 30):
                self.noticed[who] = round(clock() - self.since, 1)

    async def end(self) -> Evidence | None:
        for link in self.system.doors:
            link.heal()
        cut = await self._idle() - self.idle
        return {"noticed within s": self.noticed, "cut by nodes": cut, "lines lost": self.count("lost")}


class SlowDoors(Fault):
    """The links are slow."""

    name: ClassVar[str] = "client links slow"
    hold: ClassVar[float] = 2.0

    async def begin(self) -> None:
        self.before = [link.slowed for link in self.system.doors]
        for link in self.system.doors:
            link.slow(0.4)

    async def bitten(self) -> Evidence | None:
        slowed = sum(link.slowed - before for link, before in zip(self.system.doors, self.before, strict=True))
        return {"bytes late by 0.4 s": slowed} if slowed > 10_000 else None

    async def end(self) -> Evidence | None:
        for link in self.system.doors:
            link.heal()
        return None


class ReconnectAll(Fault):
    """Every line breaks at once and all come back at once."""

    name: ClassVar[str] = "all clients reconnect at once"

    async def begin(self) -> None:
        self.broken = sum(link.sever() for link in self.system.doors)

    async def bitten(self) -> Evidence | None:
        back = self.count("heard", "session.ready")
        return {"broken": self.broken, "back": back} if self.broken and back >= self.broken / 2 else None

    async def end(self) -> Evidence | None:
        return None


class NeverRead(Fault):
    """A client asks for more and more and never reads: it is cut at its cap, and nobody else is slowed."""

    name: ClassVar[str] = "a client never reads"

    async def begin(self) -> None:
        device = self.trial.company.devices[0]
        self.before = sum(state["closes"].get("slow_reader", 0) for state in await self.states())
        port = self.scene.chance.choice(self.system.ports)
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=4_096)
        self._ask("session.login", username=device.username, password=PASSWORD)
        while b'"session.ready"' not in await read_line(reader):
            pass
        self.reader, self.requests = reader, 0
        self.conv = self.trial.company.groups[0]
        self.flood = asyncio.create_task(self._flood())

    def _ask(self, kind: str, **fields: Any) -> None:
        self.writer.write(json.dumps({"type": kind, "id": 1, **fields}).encode() + b"\n")

    async def _flood(self) -> None:
        while not self.writer.transport.is_closing():
            self._ask("history.get", conv=self.conv, limit=200)
            self.requests += 1
            await self.writer.drain()
            await self._heed()

    async def _heed(self) -> None:
        """What it does about the answer: nothing. The reader's buffer fills, then the kernel's, then the server's."""
        await asyncio.sleep(0)

    async def bitten(self) -> Evidence | None:
        cut = self.writer.transport.is_closing() or self.flood.done()
        slow = sum(state["closes"].get("slow_reader", 0) for state in await self.states()) - self.before
        return {"requests": self.requests, "cut as a slow reader": slow} if cut and slow >= 1 else None

    async def end(self) -> Evidence | None:
        self.flood.cancel()
        await asyncio.gather(self.flood, return_exceptions=True)
        self.writer.transport.abort()
        return None


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """What came, up to the end of a line. Raises :class:`ConnectionError`."""
    line = b""
    while not line.endswith(b"\n"):
        # Not by wait_for(): before Python 3.12 it may swallow that its task is cancelled.
        async with asyncio.timeout(20):
            chunk = await reader.read(65_536)
        if not chunk:
            raise ConnectionError("the server closed")
        line += chunk
    return line


class RemovalRace(Fault):
    """A member is removed while it sends: each send has a seq below the removal, or is refused."""

    name: ClassVar[str] = "removal races with sends"

    async def begin(self) -> None:
        for _ in range(5):
            await self.trial.company.race_a_removal()
            if await self.bitten() is not None:
                return

    async def bitten(self) -> Evidence | None:
        ends = Counter(one["what"] for one in self.scene.since(self.mark) if one.get("op") in self._raced())
        stored, refused, forgotten = (ends[what] for what in ("ok", "fail", "unknown"))
        return {"stored": stored, "refused": refused, "unknown": forgotten} if stored and refused + forgotten else None

    def _raced(self) -> set[str]:
        raced = (one for one in self.scene.since(self.mark) if one["what"] == "invoke" and one["act"] == "send")
        return {one["op"] for one in raced if one["text"].startswith("race ")}

    async def end(self) -> Evidence | None:
        return None
