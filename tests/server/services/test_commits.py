"""How operations are gathered into commits: what comes meanwhile goes into the next; several run if it is worth it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from mrccsc_server.cluster.memory import MemoryHub
from mrccsc_server.domain.operations import Operation, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.services.log import LEAST_BATCH, LogService
from mrccsc_server.storage import make_store
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from tests.server.services.nodes import Device, Node
from tests.waiting import wait_until


class Gate:
    """A log before a real store: each commit waits until it is let through, and is noted."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.waiting: list[tuple[Sequence[Operation], asyncio.Event]] = []
        self.together: list[set[int]] = []
        """For each commit the conversations that were in others at that moment, and in it."""

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        convs = {op.conv for op in operations}
        for others, _ in self.waiting:
            self.together.append(convs & {op.conv for op in others})
        door = asyncio.Event()
        self.waiting.append((operations, door))
        await door.wait()
        outcomes: list[Outcome] = await self._store.append(operations)
        return outcomes

    def open(self) -> Sequence[Operation]:
        """Let the commit through that waits longest."""
        operations, door = self.waiting.pop(0)
        door.set()
        return operations


class Scene:
    def __init__(self, node: Node, gate: Gate, log: LogService, device: Device) -> None:
        self.gate = gate
        self.log = log
        self._device = device
        self._node = node
        self.refused = 0

    def say(self, conv: int, count: int = 1) -> None:
        for _ in range(count):
            operation = Send(conv=conv, by=self._device.user, cid=str(uuid4()), digest=bytes(16), text="…")
            self.log.submit(operation, self._device.session, self._done, acked=True)

    def _done(self, outcome: Outcome) -> None:
        assert isinstance(outcome, Refusal)
        assert outcome.code is ErrorCode.NOT_FOUND
        self.refused += 1


@asynccontextmanager
async def opened(folder: Path, committers: int) -> AsyncIterator[Scene]:
    """A log service before a gate. Nobody is a member of anything, so that each operation ends as refused."""
    limits = Limits()
    store = make_store(f"sqlite:///{folder / 'chat.db'}", limits)
    await store.open()
    node = Node(store, MemoryHub(), limits)
    account = await store.accounts.create("ann", "Ann", "…")
    gate = Gate(store.log)
    log = LogService(
        gate,  # type: ignore[arg-type]
        node.services.live,
        node.cluster.bus,
        limits,
        committers=committers,
        committed=lambda *_: None,
    )
    running = asyncio.create_task(log.run())
    try:
        yield Scene(node, gate, log, await node.device(account))
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await store.close()


async def test_what_comes_during_a_commit_goes_into_the_next(tmp_path: Path) -> None:
    async with opened(tmp_path, committers=4) as scene:
        scene.say(1)
        await wait_until(lambda: len(scene.gate.waiting) == 1)
        for conv in range(2, 60):
            scene.say(conv)
        await asyncio.sleep(0)
        assert len(scene.gate.open()) == 1
        await wait_until(lambda: len(scene.gate.waiting) == 1)
        assert len(scene.gate.open()) == 58
        await scene.log.drain()
        assert scene.refused == 59


async def test_where_enough_waits_commits_overlap_but_never_on_one_conversation(tmp_path: Path) -> None:
    async with opened(tmp_path, committers=3) as scene:
        scene.say(1)
        scene.say(2)
        await wait_until(lambda: len(scene.gate.waiting) == 1)
        scene.say(1, LEAST_BATCH)
        for conv in range(3, 3 + LEAST_BATCH):
            scene.say(conv)
        while scene.log.waiting or scene.gate.waiting:
            if scene.gate.waiting:
                scene.gate.open()
            await asyncio.sleep(0)
        await scene.log.drain()
        assert scene.refused == 2 + 2 * LEAST_BATCH
        assert not any(scene.gate.together)


async def test_several_commits_are_in_flight_when_there_is_more_than_one_can_take(tmp_path: Path) -> None:
    async with opened(tmp_path, committers=3) as scene:
        scene.say(1)
        await wait_until(lambda: len(scene.gate.waiting) == 1)
        for conv in range(2, 2 + 2 * LEAST_BATCH):
            scene.say(conv)
        await wait_until(lambda: len(scene.gate.waiting) >= 2)
        assert not any(scene.gate.together)
        while scene.gate.waiting:
            scene.gate.open()
            await asyncio.sleep(0)
        await scene.log.drain()
        assert scene.refused == 1 + 2 * LEAST_BATCH
