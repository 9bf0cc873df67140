"""A server under the test's hand: it says and drops exactly what and when it is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from mrccsc_tui.link.errors import LineLost
from mrccsc_tui.link.transport import Address
from tests.waiting import wait_until

Frame = dict[str, Any]

WELCOME = {
    "type": "welcome",
    "protocol": 1,
    "server": "mrccsc/0",
    "node": "n1",
    "heartbeat": 20,
    "max_line": 65_536,
    "max_text": 8_192,
    "registration": "open",
}

ME = {"user": 1, "username": "ann", "display_name": "Ann"}
BOB = {"user": 2, "username": "bob", "display_name": "Bob"}


class FakeTransport:
    """One connection. ``deliver`` says a frame to the client, ``drop`` ends the line, ``sent`` is what it said."""

    def __init__(self) -> None:
        self.sent: list[Frame] = []
        self.ended = False
        self.deaf = False
        """Leave pings unanswered that are owed an answer."""
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._taken = 0

    async def read(self) -> bytes:
        return await self._chunks.get()

    def write(self, data: bytes) -> None:
        frames = [json.loads(line) for line in data.splitlines()]
        self.sent.extend(frames)
        for frame in frames:
            if frame["type"] == "ping" and "id" in frame and not self.deaf:
                self.deliver({"type": "pong", "re": frame["id"], "at": 1})

    def close(self) -> None:
        if not self.ended:
            self.drop()

    async def closed(self) -> None:
        assert self.ended

    def deliver(self, *frames: Frame) -> None:
        self.deliver_raw(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))

    def deliver_raw(self, data: bytes) -> None:
        self._chunks.put_nowait(data)

    def drop(self) -> None:
        self.ended = True
        self._chunks.put_nowait(b"")

    async def asked(self, kind: str) -> Frame:
        """The next request of a type that the client makes."""
        found: list[Frame] = []

        def look() -> bool:
            for at in range(self._taken, len(self.sent)):
                if self.sent[at]["type"] == kind:
                    self._taken = at + 1
                    found.append(self.sent[at])
                    return True
            return False

        await wait_until(look, f"a {kind}")
        return found[0]

    def asks(self, kind: str) -> list[Frame]:
        """All requests of a type so far."""
        return [frame for frame in self.sent if frame["type"] == kind]

    async def signs_in(self, **facts: Any) -> Frame:
        """Greet, and answer the sign-in."""
        self.deliver(WELCOME)
        await wait_until(lambda: [one for one in self.sent if one["type"] in SIGN_INS], "a sign-in")
        request = next(one for one in self.sent if one["type"] in SIGN_INS)
        self.deliver(ready(request, **facts))
        return request


SIGN_INS = {"session.login", "session.resume", "account.register"}


def ready(request: Frame, **facts: Any) -> Frame:
    answer = {
        "type": "session.ready",
        "re": request["id"],
        "user": ME,
        "session": 1,
        "epoch": "e1",
        "reset": False,
        "friends": [{"user": BOB, "relation": "friend", "conv": 5}],
        "requests": [],
        "blocked": [],
        "conversations": [conversation()],
        "missed": [],
    }
    if request["type"] != "session.resume":
        answer["token"] = "token-1"
    return {**answer, **facts}


def conversation(conv: int = 5, head: int = 1, **facts: Any) -> Frame:
    wire = {"conv": conv, "kind": "direct", "title": "Bob", "peer": 2, "muted": False, "from": 1}
    return {**wire, "head": head, "read": head, "unread": 0, "mentions": 0, **facts}


def message(seq: int, text: str = "text", *, conv: int = 5, by: int = 2, **facts: Any) -> Frame:
    return {"conv": conv, "seq": seq, "kind": "message", "by": by, "at": seq, "text": text, "rev": seq, **facts}


def entry(wire: Frame) -> Frame:
    return {"type": "entry", **wire}


def ack(request: Frame, seq: int, *, duplicate: bool = False) -> Frame:
    answer = {"type": "ack", "re": request["id"], "conv": request["conv"], "cid": request["cid"]}
    return {**answer, "seq": seq, "at": seq, "duplicate": duplicate}


def error(request: Frame, code: str, **facts: Any) -> Frame:
    return {"type": "error", "re": request["id"], "code": code, "message": f"Refused: {code}.", **facts}


class FakeNetwork:
    """Stands for :func:`mrccsc_tui.link.transport.dial`: hands out lines, or refuses while ``down``."""

    def __init__(self) -> None:
        self.lines: list[FakeTransport] = []
        self.down = False
        self.tries = 0

    async def dial(self, address: Address) -> FakeTransport:
        self.tries += 1
        await asyncio.sleep(0)
        if self.down:
            raise LineLost(f"Nothing listens at {address.host}:{address.port}.")
        self.lines.append(FakeTransport())
        return self.lines[-1]

    async def line(self, number: int) -> FakeTransport:
        """The connection of that number, from 0, once it is made."""
        await wait_until(lambda: len(self.lines) > number, f"connection {number}")
        return self.lines[number]


class FakeClock:
    """Time that stands still until it is moved. ``slept`` is how long was waited for what."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.time

    def wall(self) -> int:
        return int(self.time * 1_000)

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + seconds, woken))
        await woken

    @property
    def waits(self) -> list[float]:
        """For how long everybody who waits will still do so."""
        return [due - self.time for due, woken in self._sleepers if not woken.done()]

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        for due, woken in list(self._sleepers):
            if due <= self.time:
                self._sleepers.remove((due, woken))
                if not woken.done():
                    woken.set_result(None)
