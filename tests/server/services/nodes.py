"""Several nodes of one cluster in one process: real use cases on one real store, and a bus that can be bad."""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from secrets import token_bytes
from typing import Any, cast
from uuid import uuid4

from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster.memory import Carry, MemoryCluster, MemoryHub, carry_soon
from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.handlers import MessageDispatcher
from mrccsc_server.net.connection import Connection
from mrccsc_server.ports import Account, Hint, NodeInfo, Store
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_server.storage import make_store
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.codec import decode_request
from mrccsc_shared.errors import CloseCode, Refusal
from mrccsc_shared.limits import Limits
from tests.waiting import wait_until

MEMORY = Path("/dev/shm")

LIMITS = Limits(presence_grace=0.05)

_numbers = itertools.count(1)


class Device:
    """A signed-in connection that remembers what it was sent."""

    address = "192.0.2.1"

    def __init__(self, node: Node, account: Account, session: int) -> None:
        self.node = node
        self._asked = itertools.count(2)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.user = account.user
        self.lines: list[dict[str, Any]] = []
        self.closed: CloseCode | None = None
        self.joins: set[str] = set()
        """The cids of what it asked to join by."""
        self.session = Session(self, session, account)

    def send(self, line: bytes) -> None:
        self._receive(json.loads(line))

    def close(self, code: CloseCode) -> None:
        """Close as a real connection does: the node hears of it a moment later."""
        if self.closed is None:
            self.closed = code
            asyncio.get_running_loop().call_soon(self.node.services.sign_in.leave, self.session)

    def leave(self, *, logged_out: bool = False) -> None:
        self.session.logged_out = logged_out
        self.close(CloseCode.LOGGED_OUT)

    def post(self, kind: str, **fields: Any) -> asyncio.Future[dict[str, Any]]:
        """Make a request as a connection does; its answer comes among the lines, too."""
        number = next(self._asked)
        request = decode_request(json.dumps({"type": kind, "id": number, **fields}).encode())
        if kind == "group.join":
            self.joins.add(fields["cid"])
        self._answers[number] = asyncio.get_running_loop().create_future()
        self.node.dispatcher.received(cast(Connection, self), request)
        return self._answers[number]

    async def asks(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The answer to a request."""
        return await self.post(kind, **fields)

    def answer(self, number: int, line: bytes) -> None:
        self.send(line)
        self._answers.pop(number).set_result(json.loads(line))

    def end(self, code: CloseCode) -> None:
        self.close(code)

    def says(self, conv: int, text: str = "…", cid: str | None = None) -> str:
        """Ask for a message; the answer comes among the lines."""
        cid = cid or str(uuid4())
        services = self.node.services

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Refusal):
                self._receive({"type": "error", "cid": cid, "code": outcome.code})
            else:
                seq = outcome.entry["seq"] if isinstance(outcome, Stored) else outcome.seq
                duplicate = not isinstance(outcome, Stored)
                self._receive({"type": "ack", "conv": conv, "cid": cid, "seq": seq, "duplicate": duplicate})

        operation = Send(conv=conv, by=self.user, cid=cid, digest=services.digest(text), text=text)
        services.log.submit(operation, self.session, done, acked=True)
        return cid

    def _receive(self, line: dict[str, Any]) -> None:
        if self.closed is None:
            self.lines.append(line)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]

    def seqs(self, conv: int) -> list[int]:
        """Every seq of a conversation that was shown, in order."""
        return [line["seq"] for line in self.lines if _shows(line, conv)]

    def presence(self, user: int) -> list[str]:
        return [line["status"] for line in self.of("presence") if line["user"] == user]

    def sees(self, user: int) -> str | None:
        """How a friend is shown now."""
        status = None
        for line in self.lines:
            if line["type"] == "session.ready":
                line = {"contacts": line["friends"]}
            elif line["type"] == "contact":
                line = {"contacts": [line["contact"]]}
            for contact in line.get("contacts", ()):
                if contact["user"]["user"] == user:
                    status = contact.get("presence", {}).get("status")
            if line.get("type") == "presence" and line["user"] == user:
                status = line["status"]
        return status

    @property
    def ready(self) -> dict[str, Any]:
        return self.of("session.ready")[0]

    def stays(self, conv: int) -> list[list[int]]:
        """For each time that the device was in a conversation: where it began, and every seq that it was shown.

        What it is shown outside of one makes a stay that begins at -1.
        """
        return self._life(conv)[0]

    def is_in(self, conv: int) -> bool:
        return self._life(conv)[1]

    def _life(self, conv: int) -> tuple[list[list[int]], bool]:
        stays: list[list[int]] = []
        inside = False
        for line in self.lines:
            head = None
            if line["type"] == "session.ready":
                head = next((each["head"] for each in line["conversations"] if each["conv"] == conv), None)
            elif line["type"] == "conversation" and line["conversation"]["conv"] == conv and not inside:
                view = line["conversation"]
                # Without a role it is what everybody sees.
                head = view["head"] if "role" in view or view["kind"] == "direct" else None
            elif line.get("kind") == "join" and line["conv"] == conv and line["cid"] in self.joins:
                # Who asked to join is told by the answer, after the entry.
                head = line["seq"] - 1
            if head is not None:
                inside = True
                stays.append([head])
            if line["type"] == "conversation.gone" and line["conv"] == conv:
                inside = False
            elif _shows(line, conv) and not (line["type"] == "ack" and (not inside or line["seq"] <= stays[-1][0])):
                # What the device asked for before it was shown the conversation is acked all the same.
                if not inside:
                    stays.append([-1])
                stays[-1].append(line["seq"])
        return stays, inside

    def cursor(self, conv: int) -> int:
        return self.stays(conv)[-1][-1] if self.is_in(conv) else 0


def _shows(line: dict[str, Any], conv: int) -> bool:
    return line.get("conv") == conv and (line["type"] == "entry" or (line["type"] == "ack" and not line["duplicate"]))


class Node:
    """One node."""

    def __init__(self, store: Store, hub: MemoryHub, limits: Limits) -> None:
        name = f"node-{next(_numbers)}"
        clock = SystemClock()
        self.cluster = MemoryCluster(NodeInfo(uuid4().hex, name, "", "0", 0), clock, hub)
        self.hub = hub
        self.store = store
        self.passwords = Passwords(workers=1, queue=1)
        self.services = Services(
            store=store,
            cluster=self.cluster,
            clock=clock,
            limits=limits,
            passwords=self.passwords,
            registration="open",
            metrics=Metrics(name, "0"),
        )
        self.dispatcher = MessageDispatcher(self.services)

    async def device(self, account: Account) -> Device:
        """A new device of a user, signed in."""
        number = await self.store.sessions.open(account.user, token_bytes(32), None)
        device = Device(self, account, number)
        await self.services.sign_in.begin(device.session, re=1)
        return device

    def die(self) -> None:
        """Be gone without a word, and be found dead."""
        self.cluster.node.bus.connected = False
        self.hub.lapse(self.cluster.node)

    def cut(self) -> None:
        self.hub.cut(self.cluster.node)

    def mend(self) -> None:
        self.hub.mend(self.cluster.node)


class Town:
    """Nodes and people."""

    def __init__(self, store: Store, hub: MemoryHub, nodes: list[Node]) -> None:
        self.store = store
        self.hub = hub
        self.nodes = nodes

    async def person(self, name: str) -> Account:
        return await self.store.accounts.create(f"{name}-{next(_numbers)}", name, "hash")

    async def friends(self, *names: str) -> list[Account]:
        """People of whom the first is the friend of all others."""
        people = [await self.person(name) for name in names]
        for other in people[1:]:
            await self.store.contacts.act(ContactAct.REQUEST, people[0].user, other.user)
            await self.store.contacts.act(ContactAct.ACCEPT, other.user, people[0].user)
        return people

    async def group(self, owner: Account, *members: Account, visibility: str = "public") -> int:
        """A group, made before anybody is signed in."""
        view, _ = await self.store.conversations.create_group(
            owner.user, str(uuid4()), b"digest", "group", "", visibility
        )
        for member in members:
            await self.store.contacts.act(ContactAct.REQUEST, owner.user, member.user)
            await self.store.contacts.act(ContactAct.ACCEPT, member.user, owner.user)
        device = await self.nodes[0].device(owner)
        for member in members:
            await device.asks("group.invite", conv=view["conv"], user=member.user)
        device.leave(logged_out=True)
        return view["conv"]

    async def head(self, conv: int) -> int:
        return (await self.store.log.heads([conv]))[conv]

    async def all_reach(self, conv: int, devices: Iterable[Device], head: int | None = None) -> None:
        """Every device is shown the log up to its end."""
        head = head or await self.head(conv)
        for device in devices:
            await wait_until(lambda device=device: device.cursor(conv) >= head, f"a device at {head}")


@asynccontextmanager
async def town(
    count: int, *, carry: Carry = carry_soon, limits: Limits = LIMITS, committers: int = 1
) -> AsyncIterator[Town]:
    """A cluster of so many nodes, each with so many commits in flight, on a database of its own."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        store = make_store(f"sqlite://{folder}/chat.db", limits)
        await store.open()
        stack.push_async_callback(store.close)
        store.committers = committers
        hub = MemoryHub(carry)
        nodes = [Node(store, hub, limits) for _ in range(count)]
        for node in nodes:
            stack.callback(node.passwords.close)
            await node.cluster.bus.open()
            stack.push_async_callback(node.cluster.bus.close)
            node.services.start()
            stack.push_async_callback(node.services.stop, 5.0)
        yield Town(store, hub, nodes)


def slow(store: Store, random: Random) -> None:
    """Let what is asked of a store take its time, before it is done and after, so that things happen meanwhile."""

    def delay(where: Any, name: str) -> None:
        real = getattr(where, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(random.choice((0, 0, 0.002, 0.01)))
            result = await real(*arguments, **named)
            await asyncio.sleep(random.choice((0, 0, 0.002, 0.01)))
            return result

        setattr(where, name, call)

    for name in ("append", "range", "heads", "snapshots"):
        delay(store.log, name)
    for name in ("memberships", "views", "page"):
        delay(store.conversations, name)


class BadCarrier:
    """Carries hints at the word of a test: each is lost, doubled, held back for a while, or carried as it should."""

    def __init__(self, choose: Callable[[], str]) -> None:
        self.choose = choose
        self._late: list[tuple[Callable[[Hint], None], Hint]] = []

    def __call__(self, deliver: Callable[[Hint], None], hint: Hint) -> None:
        match self.choose():
            case "lose":
                pass
            case "double":
                carry_soon(deliver, hint)
                self._late.append((deliver, hint))
            case "late":
                self._late.append((deliver, hint))
            case _:
                carry_soon(deliver, hint)

    def release(self, *, backwards: bool = False) -> None:
        """Carry what was held back, the last first if so wished."""
        late, self._late = self._late, []
        for deliver, hint in reversed(late) if backwards else late:
            carry_soon(deliver, hint)
