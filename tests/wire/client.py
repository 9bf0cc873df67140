"""A client that knows only JSON and the protocol, for plays: alice says, bob sees.

It shares no code with MRCCSC. Every line that comes in is held against :mod:`tests.wire.frames`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable
from typing import Any, Self

from tests.waiting import PATIENCE
from tests.wire import frames

Frame = dict[str, Any]

PASSWORD = "correct horse battery staple"
MAX_SERVER_LINE = 262_144


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""As an expected field: it must not be there."""


class Closed(Exception):
    """The server has closed the connection; ``args[0]`` is its last line or ``None``."""


def cid() -> str:
    return str(uuid.uuid4())


def cids(count: int) -> list[str]:
    return [cid() for _ in range(count)]


def matches(actual: Any, expected: Any) -> bool:
    """Whether ``actual`` has all that ``expected`` names; a function is asked, ``ABSENT`` must not be there."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return all(
            (key not in actual) if value is ABSENT else key in actual and matches(actual[key], value)
            for key, value in expected.items()
        )
    if callable(expected):
        return bool(expected(actual))
    return bool(actual == expected) and type(actual) is type(expected)


class Client:
    """One connection. ``id``, ``username`` and ``token`` are there once it has signed in."""

    def __init__(self, name: str, port: int, company: list[Client] | None = None) -> None:
        self.name = name
        self.port = port
        # Whoever closes the first of them at the end closes all that came from it.
        self.company: list[Client] = [] if company is None else company
        self.company.append(self)
        self.username = ""
        self.id = 0
        self.token = ""
        self.session = 0
        self.epoch = ""
        self.ready: Frame = {}
        self.welcome: Frame = {}
        self.password = PASSWORD
        self.inbox: list[Frame] = []
        self.lines: list[Frame] = []
        self._next = 0
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._arrived = asyncio.Event()
        self._closed = False
        self.is_closed = True
        self._writer: asyncio.StreamWriter
        self._reading: asyncio.Task[None]

    # The connection

    async def connect(self) -> Self:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=4 * MAX_SERVER_LINE)
        self.is_closed = False
        self._reading = asyncio.create_task(self._read(reader))
        self.welcome = await self.sees("welcome")
        assert self.lines[0] is self.welcome, "the server speaks first"
        return self

    async def close(self) -> None:
        """Cut the connection, without a logout."""
        if self.is_closed:
            return
        self.is_closed = True
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    def abort(self) -> None:
        self._writer.transport.abort()

    def half_close(self) -> None:
        self._writer.write_eof()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), PATIENCE)

    async def sees_end(self, **expected: Any) -> Frame:
        """Wait for the server to close; its last line was ``closing`` with these fields. Returns it."""
        await self._until(lambda: self._closed, "the end of the connection")
        closing = self.lines[-1]
        assert matches(closing, {"type": "closing", **expected}), f"{self.name} expected {expected}, last: {closing}"
        return closing

    async def sees_close(self) -> None:
        """Wait for the server to close, with or without a reason."""
        await self._until(lambda: self._closed, "the end of the connection")

    @property
    def is_open(self) -> bool:
        return not self._closed

    # Asking

    def post(self, kind: str, /, **fields: Any) -> asyncio.Future[Frame]:
        """Send a request without waiting; the future is its answer, also when that is an error."""
        self._next += 1
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        if self._closed:
            answer.set_exception(Closed(self.lines[-1] if self.lines else None))
            answer.exception()  # Looked at, so that nobody has to.
            return answer
        self._answers[self._next] = answer
        line = {"type": kind, "id": self._next, **{key.rstrip("_"): value for key, value in fields.items()}}
        self._writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        return answer

    async def answer(self, kind: str, /, **fields: Any) -> Frame:
        """The answer to a request, whatever it is."""
        future = self.post(kind, **fields)
        return await self.wait(future)

    async def wait(self, future: asyncio.Future[Frame]) -> Frame:
        """The answer of an earlier ``post``. Raises :class:`Closed` when the server closed before it."""
        return await asyncio.wait_for(asyncio.shield(future), PATIENCE)

    async def ask(self, kind: str, /, **fields: Any) -> Frame:
        """The answer to a request that must succeed."""
        answer = await self.answer(kind, **fields)
        assert answer["type"] != "error", f"{self.name} asked {kind}: {answer['code']}: {answer['message']}"
        return answer

    async def refused(self, code: str, kind: str, /, **fields: Any) -> Frame:
        """The error that answers a request which must fail with ``code``."""
        answer = await self.answer(kind, **fields)
        assert answer["type"] == "error", f"{self.name} asked {kind} and was not refused: {answer}"
        assert answer["code"] == code, f"{self.name} asked {kind}: {answer['code']}, not {code}: {answer['message']}"
        return answer

    def notify(self, kind: str, /, **fields: Any) -> None:
        """Send a request without an id: no answer on success."""
        self._writer.write(json.dumps({"type": kind, **fields}).encode() + b"\n")

    def expect_answer(self, number: int) -> asyncio.Future[Frame]:
        """The answer to a request that is written by hand with this id; call it before writing."""
        self._answers[number] = asyncio.get_running_loop().create_future()
        return self._answers[number]

    async def writes_rubbish(self, data: bytes, number: int | None = None) -> None:
        """Send it; it gets an ``error`` (with ``re`` only for ``number``) or the end with ``protocol_error``."""
        answer = None if number is None else self.expect_answer(number)
        await self.write(data)

        def told() -> bool:
            return (
                (answer is not None and answer.done())
                or any(event["type"] == "error" for event in self.inbox)
                or self._closed
            )

        await self._until(told, "a refusal")
        if self._closed:
            await self.sees_end(code="protocol_error")
        elif answer is not None and answer.done():
            assert answer.result()["code"] == "invalid"
        else:
            await self.sees("error", code="invalid")

    # Seeing

    async def sees(self, kind: str, /, **expected: Any) -> Frame:
        """The first event of this kind with these fields that no test step has seen yet; waits for it."""
        found: list[Frame] = []

        def look() -> bool:
            for index, event in enumerate(self.inbox):
                if event["type"] == kind and matches(event, expected):
                    found.append(self.inbox.pop(index))
                    return True
            return False

        await self._until(look, f"{kind} {expected}")
        return found[0]

    async def sees_next(self, kind: str, /, **expected: Any) -> Frame:
        """The very next event, which must be this one."""
        await self._until(lambda: bool(self.inbox), f"{kind} {expected}")
        event = self.inbox.pop(0)
        assert event["type"] == kind, f"{self.name} expected {kind} {expected}, got {event}"
        assert matches(event, expected), f"{self.name} expected {kind} {expected}, got {event}"
        return event

    async def settle(self) -> None:
        """Return when all that was on its way to this connection has arrived."""
        await self.ask("ping")
        await self.ask("ping")

    async def sees_no(self, kind: str, /, **expected: Any) -> None:
        """Nothing like this is on its way. Call it after what could have caused it was answered."""
        await self.settle()
        for event in self.inbox:
            assert not (event["type"] == kind and matches(event, expected)), f"{self.name} saw {event}"

    async def sees_nothing(self) -> None:
        """No event at all is on its way."""
        await self.settle()
        assert self.inbox == [], f"{self.name} saw {self.inbox}"

    def forget(self) -> None:
        """Take what has been seen so far as read."""
        self.inbox.clear()

    # What people do

    async def registers(self, username: str, **fields: Any) -> Self:
        self.signed_in(await self.ask("account.register", username=username, password=self.password, **fields))
        return self

    async def logs_in(self, username: str, **fields: Any) -> Self:
        self.signed_in(await self.ask("session.login", username=username, password=self.password, **fields))
        return self

    async def resumes(self, token: str, **fields: Any) -> Self:
        self.token = token
        self.signed_in(await self.ask("session.resume", token=token, **fields))
        return self

    def signed_in(self, ready: Frame) -> None:
        assert ready["type"] == "session.ready"
        self.ready = ready
        self.id = ready["user"]["user"]
        self.username = ready["user"]["username"]
        self.session = ready["session"]
        self.epoch = ready["epoch"]
        self.token = ready.get("token", self.token)

    async def another(self, **fields: Any) -> Client:
        """Another connection of the same session."""
        other = await type(self)(f"{self.name}'s other connection", self.port, self.company).connect()
        other.password = self.password
        return await other.resumes(self.token, **fields)

    async def other_device(self, **fields: Any) -> Client:
        """Another session of the same user."""
        other = await type(self)(f"{self.name}'s other device", self.port, self.company).connect()
        other.password = self.password
        return await other.logs_in(self.username, **fields)

    async def befriends(self, other: Client) -> None:
        """Both become friends, and both have seen it."""
        await self.ask("contact.request", username=other.username)
        await other.sees("contact", contact={"user": {"user": self.id}, "relation": "incoming"})
        await other.ask("contact.accept", user=self.id)
        await self.sees("contact", contact={"user": {"user": other.id}, "relation": "friend"})

    async def opens(self, friend: Client) -> int:
        """The direct conversation with a friend."""
        answer = await self.ask("direct.open", user=friend.id)
        return int(answer["conversation"]["conv"])

    async def founds(self, title: str, *members: Client, visibility: str = "private", **fields: Any) -> int:
        """A new group with friends in it, who have all seen their joining."""
        answer = await self.ask("group.create", title=title, visibility=visibility, cid=cid(), **fields)
        conv = int(answer["conversation"]["conv"])
        everyone = [self]
        for member in members:
            await self.ask("group.invite", conv=conv, user=member.id)
            everyone.append(member)
            for present in everyone:
                await present.sees("entry", conv=conv, kind="join", user=member.id)
            await member.sees("conversation", conversation={"conv": conv})
        return conv

    async def says(self, conv: int, text: str, **fields: Any) -> Frame:
        """Send a message; the ack."""
        fields.setdefault("cid", cid())
        ack = await self.ask("message.send", conv=conv, text=text, **fields)
        assert ack["type"] == "ack"
        assert (ack["conv"], ack["cid"]) == (conv, fields["cid"])
        return ack

    async def edits(self, conv: int, seq: int, text: str) -> Frame:
        return await self.ask("message.edit", conv=conv, cid=cid(), seq=seq, text=text)

    async def deletes(self, conv: int, seq: int) -> Frame:
        return await self.ask("message.delete", conv=conv, cid=cid(), seq=seq)

    async def reacts(self, conv: int, seq: int, emoji: str, on: bool = True) -> Frame:
        return await self.ask("message.react", conv=conv, cid=cid(), seq=seq, emoji=emoji, on=on)

    async def conversation(self, conv: int) -> Frame:
        """The conversation as a fresh sign-in shows it."""
        probe = await self.another()
        for conversation in probe.ready["conversations"]:
            if conversation["conv"] == conv:
                await probe.close()
                return dict(conversation)
        raise AssertionError(f"{self.name} is not in conversation {conv}")

    async def history(self, conv: int, **fields: Any) -> list[Frame]:
        fields.setdefault("limit", 200)
        return list((await self.ask("history.get", conv=conv, **fields))["entries"])

    async def entry(self, conv: int, seq: int) -> Frame:
        """One entry in its present state."""
        (entry,) = await self.history(conv, around=seq, limit=1)
        assert entry["seq"] == seq
        return entry

    # The reading side

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        async with self._patience(what):
            while not condition():
                self._arrived.clear()
                if self._closed and not condition():
                    raise AssertionError(f"{self.name} waited for {what}, but the connection ended: {self.lines[-3:]}")
                await self._arrived.wait()

    @contextlib.asynccontextmanager
    async def _patience(self, what: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                yield
        except TimeoutError:
            seen = "\n  ".join(json.dumps(line)[:300] for line in self.inbox[-10:])
            raise AssertionError(f"{self.name} waited in vain for {what}; unseen so far:\n  {seen}") from None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        broken: Exception | None = None
        try:
            while line := await reader.readline():
                assert line.endswith(b"\n"), "the last line is cut off"
                assert len(line) <= MAX_SERVER_LINE, f"a line over the cap: {len(line)} bytes, {line[:60]!r}"
                self._take(json.loads(line))
        except (AssertionError, ValueError) as error:
            broken = error
        except OSError:
            pass
        finally:
            self._closed = True
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(broken or Closed(self.lines[-1] if self.lines else None))
                    future.exception()  # Looked at, so that nobody has to.
            if broken:
                self.lines.append({"type": "broken", "why": str(broken)})
            self._arrived.set()

    def _take(self, frame: Frame) -> None:
        self.lines.append(frame)
        frames.check(frame)
        if "re" in frame:
            future = self._answers.pop(frame["re"], None)
            assert future is not None, f"an answer to nothing: {frame}"
            future.set_result(frame)
        elif frame["type"] != "ping":
            self.inbox.append(frame)
        self._arrived.set()
