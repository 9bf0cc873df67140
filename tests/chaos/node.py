"""The real server with a hand on it: ``mrccsc-server`` as it is, and wrappers around its ports that a harness commands.

Run as ``python -m tests.chaos.node OPTIONS…`` with the options of ``mrccsc-server``. ``MRCCSC_CHAOS_SOCKET`` names a
Unix socket on which it takes commands, one JSON object a line, each answered by one:

``{"do": "crash", "at": POINT}``   die by SIGKILL at the next POINT; what was on its way goes to ``<socket>.crash``
``{"do": "quota", "bytes": N}``    let no file grow by more than so many bytes from now; ``null``: let them again
``{"do": "readonly", "on": B}``    let the database's file take no writes, as a file system that went read-only
``{"do": "clock", "seconds": S}``  let this node's clock go wrong by so much
``{"do": "hints", "how": HOW}``    let hints of entries be ``dropped``, ``doubled``, ``reordered``; ``null``: be
``{"do": "state"}``                say how it is: memory, queues, counters, problems, what the wrappers have done

The points: ``before-commit`` (a batch is about to be written), ``during-commit`` (somewhere in the writing),
``after-commit`` (it is durable, nobody has been told), ``before-hint`` (acks are out, other nodes know nothing).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from mrccsc_server import app as composition
from mrccsc_server.cli.command import run
from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster.redis.bus import RedisBus
from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.net.registry import Registry
from mrccsc_server.ports import Bus, Cluster, EntryHint, Hint, Log, Store
from mrccsc_server.services.wiring import Services
from mrccsc_server.storage.sqlite import connection as connections
from mrccsc_server.telemetry.health import Health
from mrccsc_server.telemetry.metrics import Metrics

SOCKET = "MRCCSC_CHAOS_SOCKET"
TOLD = 0.05
"""Seconds from the acks of a batch being written to the end of a node that dies before its hints."""

POINTS = ("before-commit", "during-commit", "after-commit", "before-hint")


class Inside:
    """The parts of the node that this process is, as far as they have been made: what its state is read from."""

    metrics: Metrics | None = None
    health: Health | None = None
    services: Services | None = None
    registry: Registry | None = None
    bus: Bus | None = None

    def queues(self) -> dict[str, int]:
        """What waits in the node. Of what each connection has, the one with the most."""
        if self.services is None or self.registry is None:
            return {}
        open_now = list(self.registry.open)
        return {
            "commits": self.services.log.waiting,
            "unsent bytes": max((one.unsent for one in open_now), default=0),
            "unanswered": max((one.unanswered for one in open_now), default=0),
            "bus bytes": self.bus._outgoing.size if isinstance(self.bus, RedisBus) else 0,
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """What the node has counted: ends of connections and refusals, by code."""
        metrics = self.metrics
        return {} if metrics is None else {"closes": dict(metrics.closes), "errors": dict(metrics.errors)}

    def problems(self) -> list[str]:
        """What its health page says is wrong."""
        return [] if self.health is None else self.health.problems


class Hand:
    """What a harness has told this node to do."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._crash: str | None = None
        self._hints: str | None = None
        self._held: list[Hint] = []
        self._server: asyncio.Server | None = None
        self._clock = 0.0
        self.readonly = False
        """Whether the database's file takes no writes."""
        self.inside = Inside()
        self.done: Counter[str] = Counter()

    # -- commands ---------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Take commands from now on."""
        self._socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._obey(json.loads(line))).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        match command["do"]:
            case "crash":
                assert command["at"] in POINTS, command
                self._crash = command["at"]
            case "quota":
                self._limit_files(command["bytes"])
            case "readonly":
                self.readonly = command["on"]
            case "clock":
                self._clock = command["seconds"]
            case "hints":
                self._hints = command["how"]
        return self.state()

    def state(self) -> dict[str, Any]:
        """How the node is: its memory in bytes, what waits in it, and what was done to it so far."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {
            "pid": os.getpid(),
            "rss": pages * resource.getpagesize(),
            "queues": self.inside.queues(),
            "problems": self.inside.problems(),
            "done": dict(self.done),
            "now": self.now(),
            **self.inside.counts(),
        }

    def now(self) -> int:
        """This node's clock, in milliseconds."""
        return int((time.time() + self._clock) * 1_000)

    def _limit_files(self, more: int | None) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = hard
        if more is not None:
            folder = self._socket.parent
            size = max(file.stat().st_size for file in folder.rglob("*.db*")) + more
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    # -- crash points -----------------------------------------------------------------------------------------------

    def reached(self, point: str) -> bool:
        """Whether this is where the node is to die."""
        return self._crash == point

    def die(self, cids: Iterable[str]) -> None:
        """Leave word of what was on its way, and end as a power cut would."""
        with self._socket.with_suffix(".crash").open("w") as file:
            json.dump({"at": self._crash, "cids": list(cids)}, file)
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)

    # -- hints ------------------------------------------------------------------------------------------------------

    def spoil(self, hints: Sequence[Hint]) -> list[Hint]:
        """What becomes of hints on their way."""
        entries = [hint for hint in hints if isinstance(hint, EntryHint)]
        others = [hint for hint in hints if not isinstance(hint, EntryHint)]
        match self._hints:
            case "dropped":
                self.done["dropped"] += len(hints) - len(others)
                return others
            case "doubled":
                twice = [hint for hint in hints for _ in range(2)]
                self.done["doubled"] += len(twice) - len(hints)
                return twice
            case "reordered":
                # Each batch changes places with the one that was held back, and is turned round itself.
                released, self._held = self._held, list(reversed(entries))
                self.done["reordered"] += len(released)
                return [*released, *others]
        released, self._held = self._held, []
        return [*hints, *released]


class HandedLog:
    """:class:`mrccsc_server.ports.Log` with points at which the node can die."""

    def __init__(self, inner: Log, hand: Hand) -> None:
        self._inner = inner
        self._hand = hand

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """See the port."""
        cids = [op.cid for op in operations]
        if self._hand.reached("before-commit"):
            # What is only a retry of something stored proves nothing.
            known = [await self._inner.known(op.conv, op.by, op.cid) for op in operations]
            if None in known:
                self._hand.die(cid for cid, there in zip(cids, known, strict=True) if there is None)
        if self._hand.reached("during-commit"):
            # In another thread the transaction runs on; it is cut off wherever it is then.
            asyncio.get_running_loop().call_later(random.uniform(0, 0.004), self._hand.die, cids)
        outcomes = await self._inner.append(operations)
        stored = [outcome.entry.get("cid", "") for outcome in outcomes if isinstance(outcome, Stored)]
        if self._hand.reached("after-commit") and stored:
            self._hand.die(stored)
        return outcomes


class HandedConnection:
    """A connection that writes, unless the hand says otherwise.

    It asks by itself, in the thread that uses it: SQLite does not survive that another thread closes a connection
    which a statement is being run on.
    """

    def __init__(self, inner: sqlite3.Connection, hand: Hand) -> None:
        self._inner = inner
        self._hand = hand
        self._readonly = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, *values: Any) -> sqlite3.Cursor:
        """See :class:`sqlite3.Connection`."""
        if self._readonly != self._hand.readonly:
            self._readonly = self._hand.readonly
            self._inner.execute(f"PRAGMA query_only = {'ON' if self._readonly else 'OFF'}")
        return self._inner.execute(*values)


def put_hand_on_bus(bus: Bus, hand: Hand) -> None:
    """Let what is published pass through the hand."""
    publish = bus.publish

    def handed(hints: Iterable[Hint]) -> None:
        told = list(hints)
        entries = [hint for hint in told if isinstance(hint, EntryHint)]
        if entries and hand.reached("before-hint"):
            cids = [hint.outcome.entry.get("cid", "") for hint in entries if isinstance(hint.outcome, Stored)]
            asyncio.get_running_loop().call_later(TOLD, hand.die, cids)
            return
        publish(hand.spoil(told))

    bus.publish = handed  # type: ignore[method-assign]


def put_hand_on(hand: Hand) -> None:
    """Wrap the ports of the node that this process is about to be."""
    inside = hand.inside
    make_store = composition.make_store

    def make(*values: Any) -> Store:
        store = make_store(*values)
        store.log = HandedLog(store.log, hand)
        asyncio.get_running_loop().create_task(hand.listen())
        return store

    composition.make_store = make
    make_cluster = composition.make_cluster

    def join(*values: Any) -> Cluster:
        cluster = make_cluster(*values)
        inside.bus = cluster.bus
        put_hand_on_bus(cluster.bus, hand)
        return cluster

    composition.make_cluster = join
    for name in ("Metrics", "Health", "Services", "Registry"):
        setattr(composition, name, _kept(inside, name.lower(), getattr(composition, name)))
    connect = connections.connect

    def open_file(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        return connection if read_only else cast(sqlite3.Connection, HandedConnection(connection, hand))

    connections.connect = open_file
    SystemClock.now = lambda _: hand.now()  # type: ignore[method-assign]


def _kept(inside: Inside, name: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """The same maker; what it has made last is known as ``name``."""

    def make_and_keep(*values: Any, **named: Any) -> Any:
        made = make(*values, **named)
        setattr(inside, name, made)
        return made

    return make_and_keep


if __name__ == "__main__":
    put_hand_on(Hand(Path(os.environ[SOCKET])))
    sys.exit(run(sys.argv[1:]))
