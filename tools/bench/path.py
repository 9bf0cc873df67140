"""What a message costs within a node, part by part, without sockets: microseconds, the best of many rounds.

    python -m tools.bench.path [mysql://… | sqlite:///…]

A hundred direct conversations; in each round one of the two says something in all of them. It is what the node does
between ``recv`` and ``send``, done by the same objects, on a store of its own (SQLite in a temporary folder, unless an
empty database is given). The best round is nearest to what the code takes; on a busy node, where caches are cold, it
takes up to twice as much.
"""

from __future__ import annotations

import asyncio
import gc
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

PAIRS = 100
ROUNDS = 60
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


class Rig:
    """A node without a network, and a pair of connections in each conversation."""

    def __init__(self, services: Services, registry: Registry) -> None:
        self.services = services
        self._registry = registry
        self.senders: list[tuple[Connection, int]] = []
        self.best: defaultdict[str, float] = defaultdict(lambda: float("inf"))
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

    def note(self, part: str, began: float) -> None:
        """A part of a round has ended."""
        self.best[part] = min(self.best[part], (time.perf_counter() - began) / PAIRS * 1e6)


class Caught(list[tuple[Operation, Any]]):
    """Stands before the log for one part of the measurement."""

    def submit(self, operation: Operation, _session: Session, done: Any, *, acked: bool) -> None:  # noqa: ARG002
        """Keep it."""
        self.append((operation, done))


async def measure(url: str) -> dict[str, float]:
    """The parts in the order of a message's way."""
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
    rig = Rig(services, registry)
    await rig.seat()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    for _ in range(ROUNDS):
        await _round(rig)
    await store.close()
    return dict(rig.best)


async def _round(rig: Rig) -> None:
    services, log = rig.services, rig.services.log
    lines = rig.lines()
    began = time.perf_counter()
    requests = [decode_request(line) for line in lines]
    rig.note("decode", began)

    caught = Caught()
    services.log = cast(Any, caught)
    began = time.perf_counter()
    for (connection, _), request in zip(rig.senders, requests, strict=True):
        OPERATIONS["message.send"](services, connection, connection.session, request)
    rig.note("check, digest, rate", began)
    services.log = log

    began = time.perf_counter()
    for (connection, _), line in zip(rig.senders, lines, strict=True):
        connection.data_received(line + b"\n")
    rig.note("all of receiving, until it is queued", began)
    batch = log._take()  # noqa: SLF001 - the seam between receiving and committing
    operations = [submission.operation for submission in batch]
    assert len(operations) == PAIRS
    assert all(type(operation) is Send for operation in operations)

    began = time.perf_counter()
    outcomes: list[Outcome] = await services.store.log.append(operations)
    rig.note("store: facts, plan, rows, durable commit", began)
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    assert len(stored) == PAIRS

    began = time.perf_counter()
    for outcome in stored:
        encode_entry(outcome.entry)
    rig.note("encode the entry", began)
    began = time.perf_counter()
    for outcome in stored:
        pack(EntryHint(outcome))
    rig.note("pack the hint", began)
    began = time.perf_counter()
    log._settle(batch, outcomes, 0.0)  # noqa: SLF001 - the other one
    rig.note("all of settling: deliver, acknowledge", began)
    began = time.perf_counter()
    for _ in range(2 * PAIRS // 100 + 2):
        await asyncio.sleep(0)
    rig.note("hand it to the transports", began)


def main() -> None:
    """Print the parts."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'chat.db'}"
        uvloop.install()
        for part, took in asyncio.run(measure(url)).items():
            print(f"{part:44} {took:7.2f} µs a message")


if __name__ == "__main__":
    main()
