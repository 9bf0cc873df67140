"""One connection: answers find their requests, frames keep their order, silence and nonsense end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mrccsc_tui.link import connection
from mrccsc_tui.link.connection import Connection
from mrccsc_tui.link.errors import LineLost, RequestError
from tests.client.fakes import WELCOME, FakeTransport, entry, error, message
from tests.waiting import wait_until


class Ear:
    """Takes in frames, with what they answer."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None]] = []

    def __call__(self, frame: Any, request: Any) -> None:
        self.heard.append((frame["type"], request.get("type")))


class Open:
    """An open connection that is being read."""

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.ear = Ear()
        self.connection = Connection(self.transport, self.ear, deadline=0.2)
        self.reading: asyncio.Task[None] | None = None

    async def begin(self, **welcome: Any) -> None:
        self.transport.deliver({**WELCOME, **welcome})
        await self.connection.open()
        self.reading = asyncio.create_task(self.connection.run())

    async def end(self) -> str:
        """Why it ended."""
        assert self.reading is not None
        async with asyncio.timeout(20):
            with pytest.raises(LineLost) as lost:
                await self.reading
        return lost.value.reason


@pytest.fixture
async def line() -> AsyncIterator[Open]:
    line = Open()
    yield line
    if line.reading is not None:
        line.connection.close()
        await asyncio.gather(line.reading, return_exceptions=True)


async def test_answers_find_their_requests_in_any_order_and_are_received_in_theirs(line: Open) -> None:
    line.transport.deaf = True
    await line.begin()
    first, second = line.connection.ask({"type": "session.list"}), line.connection.ask({"type": "ping"})
    one, two = await line.transport.asked("session.list"), await line.transport.asked("ping")
    line.transport.deliver(
        {"type": "pong", "re": two["id"], "at": 1},
        entry(message(1)),
        {"type": "sessions", "re": one["id"], "sessions": []},
    )
    assert (await second)["type"] == "pong"
    assert (await first)["type"] == "sessions"
    assert line.ear.heard == [("pong", "ping"), ("entry", None), ("sessions", "session.list")]


async def test_a_refusal_is_an_exception_with_a_safe_sentence(line: Open) -> None:
    await line.begin()
    answer = line.connection.ask({"type": "session.list"})
    request = await line.transport.asked("session.list")
    line.transport.deliver(error(request, "rate_limited", message="no \x1b[31m", retry_after=250))
    with pytest.raises(RequestError) as refused:
        await answer
    assert (refused.value.code, refused.value.message, refused.value.retry_after) == ("rate_limited", "no ␛[31m", 250)
    assert refused.value.retryable


async def test_a_request_has_a_deadline_and_a_late_answer_is_received_all_the_same(line: Open) -> None:
    await line.begin()
    answer = line.connection.ask({"type": "session.list"})
    request = await line.transport.asked("session.list")
    with pytest.raises(RequestError) as late:
        await answer
    assert late.value.code == "no_answer"
    line.transport.deliver({"type": "sessions", "re": request["id"], "sessions": []})
    await wait_until(lambda: line.ear.heard == [("sessions", "session.list")], "the late answer")


async def test_what_waits_when_the_line_ends_is_unknown_and_then_nothing_can_be_asked(line: Open) -> None:
    await line.begin()
    answer = line.connection.ask({"type": "session.list"})
    line.transport.drop()
    with pytest.raises(RequestError) as unknown:
        await answer
    assert unknown.value.code == "no_answer"
    assert await line.end() == "The server closed the connection."
    with pytest.raises(RequestError) as offline:
        await line.connection.ask({"type": "session.list"})
    assert offline.value.code == "offline"


async def test_both_ends_keep_saying_something_and_silence_ends_the_line(line: Open) -> None:
    await line.begin(heartbeat=0.1)
    await line.transport.asked("ping")
    await line.transport.asked("ping")
    assert await line.end() == "The server fell silent."


async def test_a_server_that_hangs_is_asked_whether_it_lives_and_left(
    line: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "DOUBT", 0.1)
    line.transport.deaf = True
    await line.begin(heartbeat=600)
    answer = line.connection.ask({"type": "session.list"})
    assert "id" in await line.transport.asked("ping")
    assert await line.end() == "The server fell silent."
    with pytest.raises(RequestError):
        await answer


async def test_a_server_that_only_takes_its_time_is_waited_for(line: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "DOUBT", 0.1)
    await line.begin(heartbeat=600)
    for doubts in range(1, 5):
        line.connection.tell({"type": "typing", "conv": 5})
        await wait_until(lambda doubts=doubts: line.ear.heard == [("pong", "ping")] * doubts, "a sign of life")
    assert line.connection.alive


async def test_the_servers_pings_keep_the_line(line: Open) -> None:
    # Silence counts from 1.5 s on: a machine that stalls is not silent for so long.
    await line.begin(heartbeat=0.6)
    for _ in range(8):
        line.transport.deliver({"type": "ping"})
        await line.transport.asked("ping")
    assert line.reading is not None
    assert not line.reading.done()
    assert line.ear.heard == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b'{"type":"entry","conv":1}\n',
        b'{"type":"entry","kind":"message","conv":0,"seq":1,"by":1,"at":1,"rev":1}\n',
        b"[1,2]\n",
        b'{"no":"type"}\n',
        b"\xff\xfe\n",
        b"x" * 300_000,
    ],
)
async def test_nonsense_ends_the_line_with_a_reason(line: Open, nonsense: bytes) -> None:
    await line.begin()
    line.transport.deliver_raw(nonsense)
    assert "server sent" in await line.end()


async def test_types_and_fields_that_are_not_known_are_ignored(line: Open) -> None:
    await line.begin()
    line.transport.deliver({"type": "from.the.future", "x": 1}, {**entry(message(1)), "shiny": True})
    await wait_until(lambda: line.ear.heard == [("entry", None)], "the entry")


@pytest.mark.parametrize(
    ("code", "reconnect", "final", "forget"),
    [("going_away", True, False, False), ("revoked", False, True, True), ("protocol_error", False, True, False)],
)
async def test_closing_says_whether_and_when_to_come_back(
    line: Open, code: str, reconnect: bool, final: bool, forget: bool
) -> None:
    await line.begin()
    line.transport.deliver(
        {"type": "closing", "code": code, "reason": "Good\x07bye.", "reconnect": reconnect, "after": 1_500}
    )
    assert line.reading is not None
    with pytest.raises(LineLost) as lost:
        await line.reading
    assert (lost.value.reason, lost.value.final, lost.value.forget, lost.value.after) == (
        "Good␇bye.",
        final,
        forget,
        1.5,
    )


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (entry(message(1)), "does not speak as"),
        ({**WELCOME, "protocol": 2}, "another version"),
        ({"type": "closing", "code": "overloaded", "reason": "Full.", "reconnect": True}, "Full."),
    ],
)
async def test_a_server_that_does_not_greet_well_is_left(line: Open, first: dict[str, Any], words: str) -> None:
    line.transport.deliver(first)
    with pytest.raises(LineLost, match=words):
        await line.connection.open()


async def test_what_cannot_be_taken_in_ends_the_line_instead_of_being_skipped(
    line: Open, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_frame: object, _request: object) -> None:
        raise KeyError("a bug")

    line.connection = Connection(line.transport, fail)
    await line.begin()
    line.transport.deliver(entry(message(1)))
    assert "cannot be taken in" in await line.end()
    assert "a bug" in caplog.text
