"""What a message costs within a node, part by part, without sockets: microseconds, the best of many rounds, and
thousands of instructions, the median of them, which hardly depend on how busy the machine is.

    python -m tools.bench.path [mysql://… | sqlite:///…]

A hundred direct conversations; in each round one of the two says something in all of them. It is what the node does
between ``recv`` and ``send``, done by the same objects, on a store of its own (SQLite in a temporary folder, unless an
empty database is given). The best round is nearest to what the code takes; on a busy node, where caches are cold, it
takes up to twice as much.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import uvloop

from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster.memory import MemoryCluster, MemoryHub
from mrccsc_server.cluster.redis.hints import pack
from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Operation, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.handlers import MessageDispatcher
from mrccsc_server.handlers.message import OPERATIONS
from mrccsc_server.net.admission import Admission
from mrccsc_server.net.connection import Connection
from mrccsc_server.net.registry import Registry
from mrccsc_server.ports import Account, EntryHint, NodeInfo
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.throttle import Throttle
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_server.storage import make_store
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.codec import decode_request, encode_entry
from mrccsc_shared.limits import Limits
from tools.bench.instructions import Instructions

PAIRS = 100
ROUNDS = 60
INDEXED_AFTER = 2
"""Rounds whose messages are indexed together."""
TEXT = b"the quick brown fox jumps over the lazy dog and comes back again"
LIMITS = Limits(sends_rate=1e6, sends_burst=1_000_000)


class Wire:
    """A transport that takes everything and sends nothing."""

    def write(self, data: bytes) -> None:
        """Forget it."""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def __getattr__(self, name: str) -> Callable[..., bool]:
        return lambda *_, **__: True


class Meter:
    """What the parts have cost so far."""

    def __init__(self) -> None:
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        """Microseconds a message."""
        self.work: defaultdict[str, list[float]] = defaultdict(list)
        """Thousands of instructions a message; empty where the system does not count them."""
        try:
            self._count: Callable[[], int] | None = Instructions().count
        except OSError:
            self._count = None

    def begin(self) -> tuple[float, int]:
        """Before a part."""
        return time.perf_counter(), self._count() if self._count else 0

    def end(self, part: str, began: tuple[float, int], messages: int = PAIRS) -> None:
        """After it."""
        if self._count:
            self.work[part].append((self._count() - began[1]) / messages / 1e3)
        self.times[part].append((time.perf_counter() - began[0]) / messages * 1e6)

    def lines(self) -> list[str]:
        """The table."""
        made = []
        for part, times in self.times.items():
            work = f"{statistics.median(self.work[part]):9.1f} k instructions" if part in self.work else ""
            made.append(f"{part:44} {min(times):7.2f} µs a message{work}")
        return made


class Rig:
    """A node without a network, and a pair of connections in each conversation."""

    def __init__(self, services: Services, registry: Registry, meter: Meter) -> None:
        self.services = services
        self._registry = registry
        self.senders: list[tuple[Connection, int]] = []
        self.meter = meter
        self._request = 0

    async def seat(self) -> None:
        """Make the people and let them in."""
        store = self.services.store
        for number in range(PAIRS):
            one, two = [await store.accounts.create(f"user{number}.{which}", "User", "x") for which in (1, 2)]
            await store.contacts.act(ContactAct.REQUEST, one.user, two.user)
            await store.contacts.act(ContactAct.ACCEPT, two.user, one.user)
            view, _ = await store.conversations.open_direct(one.user, two.user)
            connections = [self._connect(account, view["conv"], view["head"]) for account in (one, two)]
            self.senders.append((connections[0], view["conv"]))

    def _connect(self, account: Account, conv: int, head: int) -> Connection:
        connection = Connection(self._registry, "127.0.0.1")
        connection.connection_made(cast(asyncio.BaseTransport, Wire()))
        connection.session = session = Session(connection, account.user, account)
        connection.mark_signed_in()
        self.services.live.enter(session)
        self.services.live.watch(session, [conv])
        self.services.live.release(session, b"{}\n", {conv: head})
        return connection

    def lines(self) -> list[bytes]:
        """One line for each pair."""
        made = []
        for _, conv in self.senders:
            self._request += 1
            cid = str(uuid4()).encode()
            made.append(
                b'{"type":"message.send","id":%d,"conv":%d,"cid":"%s","text":"%s"}' % (self._request, conv, cid, TEXT)
            )
        return made


class Caught(list[tuple[Operation, Any]]):
    """Stands before the log for one part of the measurement."""

    def submit(self, operation: Operation, _session: Session, done: Any, *, acked: bool) -> None:  # noqa: ARG002
        """Keep it."""
        self.append((operation, done))


async def measure(url: str) -> Meter:
    """The parts in the order of a message's way."""
    meter = Meter()  # Before the store has its threads.
    store = make_store(url, LIMITS)
    await store.open()
    clock = SystemClock()
    services = Services(
        store=store,
        cluster=MemoryCluster(NodeInfo(uuid4().hex, "bench", "", "0", 0), clock, MemoryHub()),
        clock=clock,
        limits=LIMITS,
        passwords=Passwords(workers=1, queue=1),
        registration="open",
        metrics=Metrics("bench", "0"),
    )
    registry = Registry(
        limits=LIMITS,
        metrics=services.metrics,
        admission=Admission(LIMITS, Throttle(clock, rate=1e6, burst=1_000_000)),
        dispatcher=MessageDispatcher(services),
        welcome=b"{}\n",
    )
    rig = Rig(services, registry, meter)
    await rig.seat()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    for _ in range(ROUNDS):
        await _round(rig)
    await store.close()
    return meter


async def _round(rig: Rig) -> None:
    services, log, meter = rig.services, rig.services.log, rig.meter
    lines = rig.lines()
    began = meter.begin()
    requests = [decode_request(line) for line in lines]
    meter.end("decode", began)

    caught = Caught()
    services.log = cast(Any, caught)
    began = meter.begin()
    for (connection, _), request in zip(rig.senders, requests, strict=True):
        OPERATIONS["message.send"](services, connection, connection.session, request)
    meter.end("check, digest, rate", began)
    services.log = log

    began = meter.begin()
    for (connection, _), line in zip(rig.senders, lines, strict=True):
        connection.data_received(line + b"\n")
    meter.end("all of receiving, until it is queued", began)
    batch = log._take()  # noqa: SLF001 - the seam between receiving and committing
    operations = [submission.operation for submission in batch]
    assert len(operations) == PAIRS
    assert all(type(operation) is Send for operation in operations)

    began = meter.begin()
    outcomes: list[Outcome] = await services.store.log.append(operations)
    meter.end("store: facts, plan, rows, durable commit", began)
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    assert len(stored) == PAIRS

    began = meter.begin()
    for outcome in stored:
        encode_entry(outcome.entry)
    meter.end("encode the entry", began)
    began = meter.begin()
    for outcome in stored:
        pack(EntryHint(outcome))
    meter.end("pack the hint", began)
    began = meter.begin()
    log._settle(batch, outcomes, 0.0)  # noqa: SLF001 - the other one
    meter.end("all of settling: deliver, acknowledge", began)
    began = meter.begin()
    for _ in range(2 * PAIRS // 100 + 2):
        await asyncio.sleep(0)
    meter.end("hand it to the transports", began)
    if len(meter.times["hand it to the transports"]) % INDEXED_AFTER == 0:
        began = meter.begin()
        indexed = await services.store.search.index(INDEXED_AFTER * PAIRS)
        meter.end("index it for search, beside", began, max(1, indexed))


def main() -> None:
    """Print the parts."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'chat.db'}"
        uvloop.install()
        print(*asyncio.run(measure(url)).lines(), sep="\n")


if __name__ == "__main__":
    main()
