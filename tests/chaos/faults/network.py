"""Faults of the links between clients and nodes, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from tests.chaos.device import PASSWORD
from tests.chaos.faults.base import Evidence, Fault
from tests.chaos.trial import until

FLOOD = "x" * 4_000


class CutDoors(Fault):
    """Nobody gets through to the nodes: every line breaks, none is taken."""

    name: ClassVar[str] = "client links cut"
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        for link in self.system.doors:
            link.cut()

    async def bitten(self) -> Evidence | None:
        lost = self.count("lost")
        return {"lines lost": lost} if lost >= len(self.trial.company.devices) / 2 else None

    async def end(self) -> Evidence | None:
        for link in self.system.doors:
            link.heal()
        return {"lines lost": self.count("lost"), "refused": sum(link.severed for link in self.system.doors)}


class HoldDoors(Fault):
    """The links are half-open: nothing comes through, and no end is told."""

    name: ClassVar[str] = "client links half-open"

    async def begin(self) -> None:
        self.before = [link.held for link in self.system.doors]
        for link in self.system.doors:
            link.hold()

    async def bitten(self) -> Evidence | None:
        held = sum(link.held - before for link, before in zip(self.system.doors, self.before, strict=True))
        return {"bytes held": held} if held else None

    async def last(self) -> None:
        # Until clients notice by themselves: 2.5 heartbeats of silence.
        await until(lambda: self.count("lost") >= 1, 60)

    async def end(self) -> Evidence | None:
        for link in self.system.doors:
            link.heal()
        return {"lines lost": self.count("lost")}


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
        port = self.scene.chance.choice(self.system.ports)
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=4_096)
        self._ask("session.login", username=device.username, password=PASSWORD)
        while b'"session.ready"' not in await _line(reader):
            pass
        # From here on nothing is read; the transport's buffer fills, then the kernel's, then the server's.
        reader._transport.pause_reading()  # type: ignore[attr-defined]
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
            await asyncio.sleep(0)

    async def bitten(self) -> Evidence | None:
        # Either it is read no further (its requests pile up on its own side), or it is cut.
        stuck = self.writer.transport.get_write_buffer_size() > 0
        cut = self.writer.transport.is_closing() or self.flood.done()
        return {"requests": self.requests, "outcome": "cut" if cut else "read no further"} if stuck or cut else None

    async def end(self) -> Evidence | None:
        self.flood.cancel()
        await asyncio.gather(self.flood, return_exceptions=True)
        self.writer.transport.abort()
        return None


async def _line(reader: asyncio.StreamReader) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        chunk = await asyncio.wait_for(reader.read(65_536), 20)
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
        refused = self.errors("not_found", "forbidden")
        forgotten = sum(one["what"] == "unknown" for one in self.scene.since(self.mark))
        stored = sum(
            one["what"] == "ok" and one.get("seq") is not None and one["op"] in self._raced()
            for one in self.scene.since(self.mark)
        )
        return {"stored": stored, "refused": refused, "unknown": forgotten} if stored and refused + forgotten else None

    def _raced(self) -> set[str]:
        raced = (one for one in self.scene.since(self.mark) if one["what"] == "invoke" and one["act"] == "send")
        return {one["op"] for one in raced if one["text"].startswith("race ")}

    async def end(self) -> Evidence | None:
        return None
