"""Delivery on a node, whatever comes between: random histories, in which reads and hints take as long as the dice say.

A seed plays the same history again, to the very turn of the loop. No database would keep to that, so what the node asks
is answered from the truth itself; :mod:`.test_cluster_log` plays on a real one.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Collection
from random import Random
from typing import Any, TypeVar

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from mrccsc_server.clock import SystemClock
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Account
from mrccsc_server.services.background import Background
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival
from mrccsc_server.services.session import Session
from mrccsc_server.services.sweep import Sweep
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.limits import Limits

T = TypeVar("T")

CONVS, USERS, FOUNDER = (7, 8), (1, 2), 99
DEVICES = 4
SNAPSHOTS = 10
EVER = 2**63


class Truth:
    """What is committed. It answers as the store and the bus do, each time a while before and after it looked."""

    connected = True

    def __init__(self, dice: Random) -> None:
        self.log = self.conversations = self
        self.stays: dict[tuple[int, int], list[range]] = defaultdict(list)
        self._dice = dice
        self._logs: dict[int, list[Any]] = {conv: [] for conv in CONVS}
        for conv in CONVS:
            self.commit(conv, "join", FOUNDER)

    def is_member(self, conv: int, user: int) -> bool:
        return any(stay.stop == EVER for stay in self.stays[conv, user])

    def head(self, conv: int) -> int:
        return len(self._logs[conv])

    def heads_of(self, user: int) -> dict[int, int]:
        return {conv: self.head(conv) for conv in CONVS if self.is_member(conv, user)}

    def view(self, conv: int) -> Any:
        return {"conv": conv, "kind": "group", "title": "t", "head": self.head(conv)}

    def commit(self, conv: int, kind: str, by: int) -> Stored:
        view, seq = self.view(conv), self.head(conv) + 1
        entry: Any = {"conv": conv, "seq": seq, "kind": kind, "by": by, "at": 0, "cid": ""}
        self._logs[conv].append(entry)
        if kind == "message":
            return Stored(entry | {"text": "…", "rev": seq})
        stays = self.stays[conv, by]
        if kind == "join":
            entry |= {"user": by, "reason": "joined"}
            stays.append(range(seq, EVER))
            return Stored(entry, view=view)
        entry |= {"user": by, "reason": "left"}
        stays[-1] = range(stays[-1].start, seq + 1)
        return Stored(entry, gone="left")

    async def now(self) -> int:
        return 0

    async def range(self, conv: int, after: int, upto: int) -> list[Any]:
        return await self._read(lambda: self._logs[conv][after:upto])

    async def heads(self, convs: Collection[int], _since: int | None = None) -> dict[int, int]:
        return await self._read(lambda: {conv: self.head(conv) for conv in convs})

    async def views(self, conv: int, users: Collection[int]) -> dict[int, Any]:
        return await self._read(lambda: {user: self.view(conv) for user in users if self.is_member(conv, user)})

    async def memberships(self, users: Collection[int], _since: int | None = None) -> dict[int, set[int]]:
        return await self._read(lambda: {user: set(self.heads_of(user)) for user in users})

    async def snapshot(self, user: int) -> dict[int, int]:
        return await self._read(lambda: self.heads_of(user))

    async def follow(self, *_: object) -> None:
        await self.pause()

    async def pause(self) -> None:
        for _ in range(self._dice.choice((0, 0, 1, 2, 5, 12))):
            await asyncio.sleep(0)

    async def _read(self, look: Callable[[], T]) -> T:
        await self.pause()
        seen = look()
        await self.pause()
        return seen


class Device:
    """A connection that holds what it is told against the truth."""

    address = ""

    def __init__(self, truth: Truth, user: int) -> None:
        self.session = Session(self, 1, Account(user, f"user{user}", f"User {user}", "hash"))
        self.lines: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.cursors: dict[int, int] = {}
        self._truth = truth

    def send(self, line: bytes) -> None:
        frame = json.loads(line)
        self.lines.append(frame)
        match frame:
            case {"type": "ready", "heads": heads}:
                self.cursors = dict(heads)
            case {"type": "conversation", "conversation": {"conv": conv, "head": head}}:
                self.cursors.setdefault(conv, head)
            case {"type": "conversation.gone", "conv": conv}:
                if self.cursors.pop(conv, None) is None:
                    self.faults.append(f"{frame} without having been in")
            case {"type": "ack", "conv": conv, "seq": seq}:
                if seq > self.cursors.get(conv, seq):
                    self._hear(conv, seq)
            case {"conv": conv, "seq": seq}:
                self._hear(conv, seq)

    def close(self, code: CloseCode) -> None:
        self.faults.append(f"closed: {code}")

    def is_in(self, conv: int) -> bool:
        return conv in self.cursors and self._truth.is_member(conv, self.session.user)

    def _hear(self, conv: int, seq: int) -> None:
        if seq - 1 != self.cursors.get(conv):
            self.faults.append(f"{conv}:{seq} at {self.cursors.get(conv)}")
        if not any(seq in stay for stay in self._truth.stays[conv, self.session.user]):
            self.faults.append(f"{conv}:{seq} is not theirs to know")
        self.cursors[conv] = seq


class Node:
    """Delivery as a node does it, with devices that come and go."""

    def __init__(self, dice: Random) -> None:
        truth: Any = Truth(dice)
        self.truth: Truth = truth
        self.background = Background()
        self.gaps = Gaps(truth, truth, self.background.spawn, patience=0)
        self.live = Live(self.gaps)
        self.gaps.attach(self.live)
        self.sweep = Sweep(truth, self.live, self.gaps, truth, SystemClock(), Limits())
        self.devices: list[Device] = []
        """Those that are here."""
        self.all: list[Device] = []
        self._dice = dice

    async def play(self) -> None:
        """Let people come and go, talk, enter and leave; then let the node find what it was not told."""
        lost = self._dice.choice((0, 0.3, 0.7))
        for _ in range(self._dice.choice((20, 60, 150))):
            act = self._dice.random()
            if act < 0.15 and len(self.devices) < DEVICES:
                device = Device(self.truth, self._dice.choice(USERS))
                self.devices.append(device)
                self.all.append(device)
                self.live.enter(device.session)
                self.background.spawn(self._open(device))
            elif act < 0.2 and self.devices:
                device = self.devices.pop(self._dice.randrange(len(self.devices)))
                self.live.leave(device.session)
            else:
                await self._commit(lost)
            await self.truth.pause()
        await self.background.finish()
        await self.sweep.look()
        await self.background.finish()

    async def _open(self, device: Device) -> None:
        session = device.session
        convs = (await self.truth.memberships([session.user]))[session.user]
        self.live.watch(session, convs)
        await self.gaps.follow({session.user}, convs)
        for _ in range(SNAPSHOTS):
            heads = await self.truth.snapshot(session.user)
            ready = encode({"type": "ready", "heads": list(heads.items())})
            if not self.live.here(session) or self.live.release(session, ready, heads):
                return
        self.live.leave(session)
        self.devices.remove(device)

    async def _commit(self, lost: float) -> None:
        """Somebody says something, comes or goes: asked for here, or elsewhere, and then the hint may be lost."""
        conv, user = self._dice.choice(CONVS), self._dice.choice(USERS)
        said = self._dice.random() < 0.6
        kind = "message" if said else "leave" if self.truth.is_member(conv, user) else "join"
        asking = [device for device in self.devices if not device.session.is_held and device.is_in(conv)]
        stored = self.truth.commit(conv, kind, FOUNDER if said else user)
        if asking and self._dice.random() < 0.4:
            device = self._dice.choice(asking)
            if self._dice.random() < 0.3:
                await self.truth.pause()
            self.live.deliver(Arrival(stored, device.session, said, lambda _: self._answer(device, stored, said)))
        elif self._dice.random() >= lost:
            self.background.spawn(self._hint(stored))

    def _answer(self, device: Device, stored: Stored, said: bool) -> None:
        if said and device in self.devices:
            device.send(encode({"type": "ack", "conv": stored.entry["conv"], "seq": stored.entry["seq"]}))

    async def _hint(self, stored: Stored) -> None:
        await self.truth.pause()
        await self.truth.pause()
        if self._dice.random() < 0.5:
            stored = Stored(stored.entry)
        for _ in range(self._dice.choice((1, 1, 1, 2))):
            self.live.deliver(Arrival(stored))


@settings(phases=[Phase.explicit, Phase.generate])
@example(281)  # What was held began above the snapshot, in a conversation that nobody was in meanwhile.
@example(4711)
@example(2472)  # A later stay's view was held when the leave of the one before came.
@example(6517)
@given(st.integers(0, 2**32))
def test_every_device_hears_every_entry_of_its_user_once_and_in_order(seed: int) -> None:
    """Devices of two people come and go while they enter and leave groups, here and elsewhere, and hints are lost."""
    node = Node(Random(seed))
    asyncio.run(node.play())
    for device in node.all:
        assert not device.faults, device.lines
    for device in node.devices:
        assert device.cursors == node.truth.heads_of(device.session.user), device.lines
