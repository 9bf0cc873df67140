"""A line that ends while it signs in: why, and when to come back, are the server's to say, on every Python's loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mrccsc_tui.client import RequestError
from tests.client.fakes import WELCOME, FakeTransport, error
from tests.client.world import World
from tests.waiting import wait_until

FULL = {"type": "closing", "code": "overloaded", "reason": "No room now.", "reconnect": True}


pytestmark = pytest.mark.usefixtures("task_start")


async def stays_away(world: World) -> float:
    """The line has ended, and is to be made again: in so many seconds."""

    def waits() -> bool:
        due = world.client.status.next_try_at
        return due is not None and due > world.clock.time and due - world.clock.time in world.clock.waits

    await wait_until(waits, "waiting for the next try")
    assert world.client.status.next_try_at is not None
    return world.client.status.next_try_at - world.clock.time


async def asked_to_resume(world: World) -> tuple[FakeTransport, dict[str, Any]]:
    """A line on which the client has asked for its session."""
    line = await world.lose(await world.login())
    line.deliver(WELCOME)
    return line, await line.asked("session.resume")


async def test_a_server_that_closes_instead_of_answering_says_why_and_for_how_long(world: World) -> None:
    line, _ = await asked_to_resume(world)
    line.deliver({**FULL, "after": 8_000})
    assert 8 <= await stays_away(world) <= 9
    assert world.client.status.reason == "No room now."


@pytest.mark.parametrize("how", ["closing", "end", "refusal"])
async def test_who_is_not_told_for_how_long_stays_away_longer_each_time(world: World, how: str) -> None:
    line, request = await asked_to_resume(world)
    waits = []
    for number in range(2, 8):
        match how:
            case "closing":
                line.deliver(FULL)
            case "end":
                line.drop()
            case _:
                line.deliver(error(request, "unavailable"))
        waits.append(await stays_away(world))
        world.clock.advance(waits[-1])
        line = await world.network.line(number)
        line.deliver(WELCOME)
        request = await line.asked("session.resume")
    # The first try was when the line before was lost.
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0]


async def test_a_server_that_greets_and_closes_in_one_breath_is_come_back_to(world: World) -> None:
    line = await world.lose(await world.login())
    line.deliver(WELCOME, {**FULL, "after": 8_000})
    assert 8 <= await stays_away(world) <= 9
    assert world.client.status.reason == "No room now."
    world.clock.advance(9)
    line = await world.network.line(2)
    await line.signs_in()
    await wait_until(lambda: world.client.status.online, "being online")


async def test_a_session_that_ends_instead_of_being_resumed_is_over(world: World) -> None:
    line, _ = await asked_to_resume(world)
    line.deliver({"type": "closing", "code": "revoked", "reason": "Ended elsewhere.", "reconnect": False})
    await wait_until(lambda: world.client.status.phase == "stopped", "the line being given up")
    assert not world.client.has_token
    assert world.client.status.reason == "Ended elsewhere."


async def test_who_signs_in_is_told_why_the_server_closes(world: World) -> None:
    await world.client.start()
    signing_in = asyncio.create_task(world.client.login("ann", "secret password"))
    line = await world.network.line(0)
    line.deliver(WELCOME)
    await line.asked("session.login")
    line.deliver(FULL)
    with pytest.raises(RequestError, match="No room now") as unknown:
        await signing_in
    assert unknown.value.code == "no_answer"


@pytest.mark.parametrize("turns", range(12))
async def test_a_client_ends_however_close_that_is_to_the_end_of_its_line(world: World, turns: int) -> None:
    line = await world.login()
    line.drop()
    for _ in range(turns):
        await asyncio.sleep(0)
    ending = asyncio.create_task(world.client.stop())
    await wait_until(ending.done, "having ended", patience=5)


@pytest.mark.parametrize("turns", range(12))
async def test_a_client_ends_however_close_that_is_to_a_refusal(world: World, turns: int) -> None:
    line, request = await asked_to_resume(world)
    line.deliver(error(request, "unavailable"))
    line.drop()
    for _ in range(turns):
        await asyncio.sleep(0)
    ending = asyncio.create_task(world.client.stop())
    await wait_until(ending.done, "having ended", patience=5)


async def test_who_signs_in_while_the_client_ends_is_told_so(world: World) -> None:
    await world.client.start()
    signing_in = asyncio.create_task(world.client.login("ann", "secret password"))
    await world.network.line(0)
    await world.client.stop()
    with pytest.raises(RequestError) as refused:
        await signing_in
    assert refused.value.code == "offline"
