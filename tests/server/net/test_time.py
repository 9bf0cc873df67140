"""Heartbeats and time limits, with small numbers."""

from __future__ import annotations

import asyncio

from mrccsc_server.net.connection import Connection
from tests.server.net.conftest import Stage
from tests.waiting import wait_until


async def test_who_does_not_sign_in_in_time_is_closed(stage: Stage) -> None:
    node = await stage.node(sign_in_time=0.2)
    silent, busy, known = [await stage.peer(node) for _ in range(3)]
    await known.sign_in()
    busy.ask(1)
    assert (await silent.end("auth_timeout"))["reconnect"] is True
    await busy.end("auth_timeout")
    known.ask(2)
    assert await known.read() == {"type": "ok", "re": 2}


async def test_one_byte_at_a_time_buys_no_time(stage: Stage) -> None:
    node = await stage.node(sign_in_time=0.2)
    peer = await stage.peer(node)
    ended = asyncio.create_task(peer.end("auth_timeout"))
    while not ended.done():
        peer.write(b" ")
        await asyncio.sleep(0.01)
    await ended


async def test_a_sign_in_that_waits_its_turn_gets_the_time_once_more(stage: Stage) -> None:
    node = await stage.node(sign_in_time=1)
    node.dispatcher.holding = True
    peer = await stage.peer(node)
    peer.ask(1, "session.resume", token="t")
    await wait_until(lambda: node.dispatcher.waiting)
    connection = node.connection
    connection.check(connection._born + 1.5, 0.1)
    node.dispatcher.release()
    assert (await peer.read())["re"] == 1
    other = await stage.peer(node)
    other.ask(1, "session.resume", token="t")
    await wait_until(lambda: node.dispatcher.waiting)
    node.connection.check(node.connection._born + 2.1, 0.1)
    await other.end("auth_timeout")


async def test_silence_closes_and_lines_keep_alive(stage: Stage) -> None:
    node = await stage.node(heartbeat=0.5)
    silent = await (await stage.peer(node)).sign_in()
    lively = await (await stage.peer(node)).sign_in()

    async def chatter() -> None:
        while True:
            lively.write(b'{"type":"ping"}\n')
            await asyncio.sleep(0.05)

    chat = asyncio.create_task(chatter())
    frames = await silent.rest()
    assert (frames[-1]["code"], frames[-1]["reconnect"]) == ("idle", True)
    assert {frame["type"] for frame in frames[:-1]} == {"ping"}, "the server kept the line alive meanwhile"
    assert node.metrics.closes == {"idle": 1}
    chat.cancel()


async def test_half_lines_do_not_keep_alive(stage: Stage) -> None:
    node = await stage.node(heartbeat=0.5)
    peer = await (await stage.peer(node)).sign_in()
    ended = asyncio.create_task(peer.end("idle"))
    while not ended.done():
        peer.write(b" ")
        await asyncio.sleep(0.01)
    await ended


async def test_the_server_pings_only_who_got_nothing_else(stage: Stage) -> None:
    node = await stage.node(heartbeat=20)
    peer = await (await stage.peer(node)).sign_in()
    connection: Connection = node.connection
    now = connection._outbox.written_at
    connection.check(now + 18.9, 1.0)
    connection.send(b'{"type":"marker"}\n')
    assert await peer.read() == {"type": "marker"}
    connection.check(connection._outbox.written_at + 19.1, 1.0)
    assert await peer.read() == {"type": "ping"}


async def test_waiting_for_our_own_answers_is_not_the_clients_silence(stage: Stage) -> None:
    node = await stage.node(heartbeat=0.5, unanswered=1)
    peer = await (await stage.peer(node)).sign_in()
    node.dispatcher.holding = True
    peer.ask(1)
    await wait_until(lambda: node.dispatcher.waiting)
    # The pings show that more than one silence of 1.25 s passes meanwhile.
    for _ in range(4):
        assert await peer.read() == {"type": "ping"}
    node.dispatcher.release()
    while (frame := await peer.read())["type"] == "ping":
        pass
    assert frame == {"type": "ok", "re": 1}


async def test_who_never_closes_its_side_is_cut(stage: Stage) -> None:
    node = await stage.node(sign_in_time=0.1)
    peer = await stage.peer(node)
    await peer.end("auth_timeout")
    # The peer's socket stays open; the node does not wait for it for ever.
    await wait_until(lambda: not node.registry.open)
