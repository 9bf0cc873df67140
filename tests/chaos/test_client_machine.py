"""The client's link, outbox, store and disk against a model of a server, through whatever the network does.

Frames are held up, doubled and put in another order; lines break at any moment; the client restarts; the store behind
the server becomes another one. In the end the client shows the server's log, and what was said is there once, in order.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.state.models import Message
from mrccsc_tui.state.wire import dump_entry
from tests.chaos.modelserver import ANN, CONV, PEER, Frame, ModelServer
from tests.client.fakes import WELCOME, FakeClock, FakeNetwork, FakeTransport

TURNS = 40
"""Turns of the loop in which what was begun comes to its next wait."""

_numbers = itertools.count(1)


class AtOnce(ThreadPoolExecutor):
    """Does what is to be done in a thread here and now, so that a play is the same each time."""

    def submit(self, fn: Any, /, *args: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **named))
        return done


class Machine(RuleBasedStateMachine):
    """Ann's client, Bob's words, and the network between them and the server."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(AtOnce())
        self.server = ModelServer()
        self.network = FakeNetwork()
        self.clock = FakeClock()
        self.profile = Profile(f"ann{next(_numbers)}", "chat.example", 443, tls=True)
        self.client = self.make()
        self.line: FakeTransport | None = None
        self.live = False
        self.served = 0
        self.queue: list[Frame] = []
        self.delivered: list[Frame] = []
        self.said: list[str] = []
        self.words = itertools.count(1)

    def make(self) -> ChatClient:
        return ChatClient(self.profile, connect=self.network.dial, clock=self.clock, chance=lambda: 0.5)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def turn(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    # -- the line ---------------------------------------------------------------------------------------------------

    @initialize()
    def sign_in(self) -> None:
        async def begin() -> None:
            await self.client.start()
            signing_in = asyncio.create_task(self.client.login("ann", "secret password"))
            await self.turn()
            self.take_line()
            await self.settle()
            await signing_in

        self.run(begin())

    def take_line(self) -> None:
        if not self.network.lines or self.network.lines[-1].ended:
            return
        if self.line is not self.network.lines[-1]:
            self.line, self.live, self.served = self.network.lines[-1], False, 0
            self.queue, self.delivered = [WELCOME], []

    def serve(self, count: int) -> None:
        """Let the server answer some requests."""
        assert self.line is not None
        for request in self.line.sent[self.served :][:count]:
            self.served += 1
            if not self.live and request["type"] not in {"session.login", "session.resume", "ping"}:
                continue
            if (answer := self.server.answer(request)) is not None:
                self.live = self.live or answer["type"] == "session.ready"
                self.queue.append(answer)

    def flow(self, count: int) -> None:
        """Let some frames arrive."""
        assert self.line is not None
        arriving, self.queue = self.queue[:count], self.queue[count:]
        self.line.deliver(*arriving)
        self.delivered += [frame for frame in arriving if frame["type"] == "entry"]

    def tell(self, entry: Frame) -> None:
        if self.live and self.line is not None and not self.line.ended:
            self.queue.append({"type": "entry", **entry})

    @property
    def up(self) -> bool:
        return self.line is not None and not self.line.ended

    @precondition(lambda self: self.up)
    @rule(requests=st.integers(0, 4), frames=st.integers(0, 6))
    def work(self, requests: int, frames: int) -> None:
        self.serve(requests)
        self.flow(frames)
        self.run(self.turn())

    @precondition(lambda self: self.up)
    @rule()
    def break_line(self) -> None:
        """What was on its way, either way, is lost."""
        assert self.line is not None
        self.line.drop()
        self.run(self.turn())

    @precondition(lambda self: not self.up)
    @rule()
    def come_back(self) -> None:
        self.client.reconnect_now()
        self.run(self.turn())
        self.take_line()

    @precondition(lambda self: self.up and self.live and len(self.delivered) > 0)
    @rule(data=st.data())
    def say_twice(self, data: st.DataObject) -> None:
        assert self.line is not None
        self.line.deliver(data.draw(st.sampled_from(self.delivered)))
        self.run(self.turn())

    @precondition(lambda self: sum(frame["type"] == "entry" for frame in self.queue[:2]) == 2)
    @rule()
    def put_in_another_order(self) -> None:
        self.queue[0], self.queue[1] = self.queue[1], self.queue[0]

    @rule(seconds=st.sampled_from([0.3, 1.0, 6.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.run(self.turn())

    @rule()
    def restart(self) -> None:
        async def again() -> None:
            if self.up and self.line is not None:
                self.line.drop()
            await self.client.stop()
            self.client = self.make()
            await self.client.start()
            await self.turn()

        self.run(again())
        self.take_line()

    @precondition(lambda self: not self.up)
    @rule()
    def become_another_store(self) -> None:
        self.server.epoch += 1

    # -- what people do -----------------------------------------------------------------------------------------------

    @rule()
    def peer_says(self) -> None:
        self.tell(self.server.append(PEER, {"kind": "message", "text": f"bob {next(self.words)}"}, None))

    @rule(data=st.data(), kind=st.sampled_from(["edit", "delete", "reaction"]))
    def peer_changes(self, data: st.DataObject, kind: str) -> None:
        targets = self.server.alive(None if kind == "reaction" else PEER)
        if not targets:
            return
        facts: Frame = {"kind": kind, "target": data.draw(st.sampled_from(targets))}
        if kind == "edit":
            facts["text"] = f"bob {next(self.words)}"
        elif kind == "reaction":
            facts |= {"emoji": "👍", "on": data.draw(st.booleans())}
        self.tell(self.server.append(PEER, facts, None))

    @precondition(lambda self: CONV in self.client.store.conversations)
    @rule(data=st.data(), kind=st.sampled_from(["send", "send", "send", "edit", "delete", "react"]))
    def ann_does(self, data: st.DataObject, kind: str) -> None:
        rows = [row for row in self.client.store.timeline(CONV) if isinstance(row, Message) and not row.deleted]
        mine = [row.seq for row in rows if row.by == ANN]

        async def do() -> None:
            if kind == "send":
                self.said.append(self.client.send(CONV, f"ann {next(self.words)}").cid)
            elif kind == "react" and rows:
                self.client.react(CONV, data.draw(st.sampled_from([row.seq for row in rows])), "❤️", True)
            elif kind == "edit" and mine:
                self.client.edit(CONV, data.draw(st.sampled_from(mine)), f"ann {next(self.words)}")
            elif kind == "delete" and mine:
                self.client.delete(CONV, data.draw(st.sampled_from(mine)))
            await self.turn()

        self.run(do())

    @precondition(lambda self: CONV in self.client.store.conversations)
    @rule()
    def ann_reads(self) -> None:
        async def read() -> None:
            self.client.mark_read(CONV, self.client.store.conversations[CONV].head)
            await self.turn()

        self.run(read())

    # -- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_tail_is_one_and_each_seq_in_it_once(self) -> None:
        held = self.client.store.conversations.get(CONV)
        if held is None:
            return
        rows = self.client.store.timeline(CONV)
        seqs = [row.seq for row in rows]
        assert seqs == sorted(set(seqs))
        assert all(held.tail_start <= seq <= held.cursor for seq in seqs)
        for row in rows:
            stored = self.server.entries[row.seq - 1]
            assert (stored["kind"], stored["by"], stored.get("cid")) == (_kind(row), row.by, row.cid)

    async def settle(self) -> None:
        """Let the network be good until nothing happens any more."""
        for _ in range(60):
            if not self.up:
                self.client.reconnect_now()
                await self.turn()
                self.take_line()
            if self.up:
                self.serve(1_000)
                self.flow(1_000)
            await self.turn()
            if self.up and self.line is not None and not self.queue and self.served == len(self.line.sent):
                waits = [wait for wait in self.clock.waits if wait <= 6.0]
                if not waits and not self.waiting:
                    return
            self.clock.advance(6.0)
            await self.turn()

    @property
    def waiting(self) -> bool:
        items = self.client.store.pendings.get(CONV, {}).values()
        return any(item.state != "failed" for item in items)

    def teardown(self) -> None:
        try:
            self.run(self.settle())
            self.run(self._compare())
        finally:
            self.run(self.client.stop())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    async def _compare(self) -> None:
        held = self.client.store.conversations[CONV]
        assert held.cursor == held.head == self.server.head
        rows = [dump_entry(row) for row in self.client.store.timeline(CONV)]
        expected = [
            entry
            for entry in self.server.entries[held.tail_start - 1 :]
            if entry["kind"] not in {"edit", "delete", "reaction"}
        ]
        assert rows == expected
        assert not self.waiting
        places = [self.server.cids[cid] for cid in self.said]
        assert places == sorted(set(places)), "what was said is there once, in the order in which it was said"
        unread = sum(e["kind"] == "message" and e["by"] == PEER and e["seq"] > held.read for e in self.server.entries)
        assert (held.read, held.unread) == (self.server.read, unread)


def _kind(row: Any) -> str:
    return "message" if isinstance(row, Message) else str(row.kind)


TestClient = Machine.TestCase
TestClient.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
