"""A node without use cases: real sockets, real connections, and a dispatcher that does as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import trustme
import uvloop

from mrccsc_server.net.admission import Admission
from mrccsc_server.net.connection import Connection
from mrccsc_server.net.listener import Listener, bind, load_tls
from mrccsc_server.net.proxies import Network, Proxies
from mrccsc_server.net.registry import Registry
from mrccsc_server.security.throttle import Throttle
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.codec import encode
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages import Request
from tests.waiting import PATIENCE

Frame = dict[str, Any]


class SystemClock:
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> int:
        return 0


class Recorder:
    """Signs everyone in who asks, answers everything with ``ok``, or waits to be told when ``holding``."""

    def __init__(self) -> None:
        self.opened_: list[Connection] = []
        self.closed_: list[Connection] = []
        self.requests: list[Request] = []
        self.waiting: list[tuple[Connection, Request]] = []
        self.holding = False
        self.reply: Callable[[Request], bytes] = lambda request: encode({"type": "ok", "re": request.id})

    def opened(self, connection: Connection) -> None:
        self.opened_.append(connection)

    def closed(self, connection: Connection) -> None:
        self.closed_.append(connection)

    def received(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        if self.holding:
            self.waiting.append((connection, request))
        else:
            self.answer(connection, request)

    def answer(self, connection: Connection, request: Request) -> None:
        if request.type in ("session.login", "session.resume"):
            connection.mark_signed_in()
        if request.id is None:
            connection.done()
        else:
            connection.answer(request.id, self.reply(request))

    def release(self, count: int | None = None) -> None:
        """Answer what waits, the oldest first."""
        ready, self.waiting = self.waiting[:count], self.waiting[len(self.waiting[:count]) :]
        for connection, request in ready:
            self.answer(connection, request)


class Node:
    def __init__(self, limits: Limits, tls: ssl.SSLContext | None, proxies: Sequence[Network]) -> None:
        self.limits = limits
        self.metrics = Metrics("test", "0")
        self.dispatcher = Recorder()
        throttle = Throttle(SystemClock(), rate=limits.address_rate, burst=limits.address_burst)
        self.admission = Admission(limits, throttle)
        self.registry = Registry(
            limits=limits,
            metrics=self.metrics,
            admission=self.admission,
            dispatcher=self.dispatcher,
            welcome=encode({"type": "welcome"}),
        )
        self.port = 0
        self.shut = 0
        taken = Proxies(proxies, self.metrics) if proxies else None
        self.listener = Listener(self.registry, tls, taken, self._be_shut)

    def listen(self) -> None:
        """Begin, or begin again on the same port."""
        self.sockets = bind("127.0.0.1", self.port)
        self.port = self.sockets[0].getsockname()[1]
        self.listener.start(self.sockets)

    def _be_shut(self) -> None:
        self.shut += 1

    @property
    def connection(self) -> Connection:
        """The latest."""
        return self.dispatcher.opened_[-1]


class Peer:
    """The other end of a connection: raw bytes out, frames in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._lines: deque[bytes] = deque()
        self._rest = b""

    def write(self, data: bytes) -> Self:
        self.writer.write(data)
        return self

    def ask(self, number: int, kind: str = "ping", **fields: Any) -> Self:
        return self.write(json.dumps({"type": kind, "id": number, **fields}).encode() + b"\n")

    async def sign_in(self) -> Self:
        self.ask(0, "session.resume", token="x")
        while (frame := await self.read())["type"] == "ping":
            pass
        assert frame["re"] == 0
        return self

    async def read(self) -> Frame:
        """The next frame; EOFError at the end."""
        # Not by readline(): in debug mode each takes milliseconds.
        while not self._lines:
            data = await asyncio.wait_for(self.reader.read(2**20), PATIENCE)
            if not data:
                raise EOFError
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines.extend(lines)
        frame: Frame = json.loads(self._lines.popleft())
        return frame

    async def rest(self) -> list[Frame]:
        """All frames up to the end of the connection."""
        frames = []
        try:
            while True:
                frames.append(await self.read())
        except (EOFError, ConnectionResetError):
            return frames

    async def end(self, code: str) -> Frame:
        """The closing frame, which is the last, with this code."""
        last = (await self.rest())[-1]
        assert (last["type"], last["code"]) == ("closing", code), last
        return last


class Stage:
    def __init__(self) -> None:
        self._closers: list[Callable[[], Any]] = []

    async def node(self, tls: ssl.SSLContext | None = None, proxies: Sequence[Network] = (), **limits: Any) -> Node:
        node = Node(Limits(**limits), tls, proxies)
        node.listen()
        watch = asyncio.create_task(node.registry.watch())

        async def close() -> None:
            watch.cancel()
            node.listener.stop()
            node.dispatcher.holding = False
            await node.registry.drain(0.01)
            assert not node.registry.open
            assert node.admission.total == 0
            assert len(node.dispatcher.opened_) == len(node.dispatcher.closed_)
            assert len(set(node.dispatcher.closed_)) == len(node.dispatcher.closed_)
            assert node.registry.budget.free == node.limits.resume_budget

        self._closers.append(close)
        return node

    async def peer(self, node: Node, tls: ssl.SSLContext | None = None, *, welcome: bool = True) -> Peer:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", node.port, ssl=tls, server_hostname="localhost" if tls else None, limit=2**22
        )

        async def close() -> None:
            writer.transport.abort()

        self._closers.insert(0, close)
        peer = Peer(reader, writer)
        if welcome:
            assert await peer.read() == {"type": "welcome"}
        return peer

    async def close(self) -> None:
        for close in self._closers:
            await close()


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    stage = Stage()
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context)))
    yield stage
    await stage.close()
    assert not problems


class Certificates:
    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        issued.private_key_pem.write_to_path(self.key)
        for part in issued.cert_chain_pems:
            part.write_to_path(self.certificate, append=True)
        self.server = load_tls(self.certificate, self.key)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of this folder runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Nodes and peers of one test. Afterwards nothing may be left open, counted or complained about."""
    async with _stage() as stage:
        yield stage
