"""How a node sends its clients away."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from tests.server.net.conftest import Stage
from tests.waiting import PATIENCE, wait_until


async def test_everybody_is_told_to_come_back_at_some_other_moment(stage: Stage) -> None:
    node = await stage.node()
    peers = [await stage.peer(node) for _ in range(30)]
    drained = asyncio.create_task(node.registry.drain(5))
    lasts = [await peer.end("going_away") for peer in peers]
    for peer in peers:
        peer.writer.close()
    await drained
    assert all(last["reconnect"] for last in lasts)
    assert len({last["after"] for last in lasts}) > 5
    assert not node.registry.open


async def test_what_is_under_way_is_answered_first_and_nothing_new_is_taken(stage: Stage) -> None:
    node = await stage.node()
    peer = await (await stage.peer(node)).sign_in()
    node.dispatcher.holding = True
    peer.ask(1).ask(2)
    await wait_until(lambda: len(node.dispatcher.waiting) == 2)
    drained = asyncio.create_task(node.registry.drain(5))
    await asyncio.sleep(0)
    peer.ask(3)
    node.dispatcher.release()
    frames = await peer.rest()
    peer.writer.close()
    await drained
    assert [frame.get("re") for frame in frames] == [1, 2, None]
    assert "after" in frames[-1]
    assert [request.id for request in node.dispatcher.requests] == [0, 1, 2]


async def test_an_answer_that_never_comes_does_not_hold_up_the_end(stage: Stage) -> None:
    node = await stage.node()
    peer = await stage.peer(node)
    node.dispatcher.holding = True
    peer.ask(1)
    await wait_until(lambda: node.dispatcher.waiting)
    ended = asyncio.create_task(peer.end("going_away"))
    await node.registry.drain(0.05)
    await ended
    assert not node.registry.open


async def test_after_stop_nobody_gets_in(stage: Stage) -> None:
    node = await stage.node()
    inside = await stage.peer(node)
    node.listener.stop()
    try:
        await stage.peer(node, welcome=False)
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("the port is still open")
    inside.ask(1)
    assert (await inside.read())["re"] == 1


async def test_who_was_just_being_let_in_is_sent_away_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    # These do not read, and it waits for them no longer than it must.
    monkeypatch.setattr("mrccsc_server.net.registry.LINGER", 0.1)
    for turns in range(8):
        node = await stage.node()
        with contextlib.ExitStack() as clients:
            for _ in range(20):
                clients.enter_context(socket.create_connection(("127.0.0.1", node.port), timeout=PATIENCE))
            for _ in range(turns):
                await asyncio.sleep(0)
            node.listener.stop()
            await node.registry.drain(0.01)
            assert not node.registry.open, f"after {turns} turns of the loop"
