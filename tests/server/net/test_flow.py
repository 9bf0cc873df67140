"""Pipelining, back-pressure, and readers who do not read."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from typing import Any

import pytest

from mrccsc_server.net.connection import LINES_A_TURN
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.messages import Request
from tests.server.net.conftest import Node, Peer, Stage
from tests.waiting import PATIENCE, wait_until

LINE = b'{"type":"filler","text":"%s"}\n' % (b"x" * 1_000)


async def a_client(stage: Stage, **limits: float) -> tuple[Node, Peer]:
    node = await stage.node(**limits)
    return node, await (await stage.peer(node)).sign_in()


async def test_ten_thousand_requests_in_one_segment(stage: Stage) -> None:
    node, peer = await a_client(stage)
    peer.write(b"".join(b'{"type":"ping","id":%d}\n' % number for number in range(10_000)))
    assert [(await peer.read())["re"] for _ in range(10_000)] == list(range(10_000))
    assert node.connection.unanswered == 0


async def test_a_flood_leaves_the_loop_to_others_between_its_turns(stage: Stage) -> None:
    node, peer = await a_client(stage)
    other = await (await stage.peer(node)).sign_in()
    order: list[int] = []

    def reply(request: Request) -> bytes:
        order.append(request.id or 0)
        return encode({"type": "ok", "re": request.id})

    node.dispatcher.reply = reply
    peer.write(b"".join(b'{"type":"ping","id":%d}\n' % number for number in range(5 * LINES_A_TURN)))
    other.ask(99_999)
    await other.read()
    while len(order) < 5 * LINES_A_TURN + 1:
        await peer.read()
    assert order.index(99_999) < 4 * LINES_A_TURN


async def test_at_the_unanswered_limit_reading_stops_and_nothing_is_lost(stage: Stage) -> None:
    node, peer = await a_client(stage, unanswered=128)
    dispatcher = node.dispatcher
    dispatcher.requests.clear()
    dispatcher.holding = True
    for number in range(10_000):
        peer.ask(number)
    await wait_until(lambda: len(dispatcher.waiting) == 128)
    read: list[int] = []
    while len(read) < 10_000:
        assert len(dispatcher.waiting) <= 128
        assert node.connection.unanswered <= 128
        before = len(dispatcher.requests)
        count = len(dispatcher.waiting)
        dispatcher.release(50)
        read += [(await peer.read())["re"] for _ in range(min(50, count))]
        expected = min(50, 10_000 - before)
        await wait_until(lambda before=before, expected=expected: len(dispatcher.requests) >= before + expected)
    assert read == list(range(10_000))


async def test_notices_count_too_until_they_are_done(stage: Stage) -> None:
    node, peer = await a_client(stage, unanswered=4)
    node.dispatcher.requests.clear()
    node.dispatcher.holding = True
    peer.write(b'{"type":"ping"}\n' * 10)
    await wait_until(lambda: len(node.dispatcher.waiting) == 4)
    peer.ask(77)
    node.dispatcher.holding = False
    node.dispatcher.release()
    assert await peer.read() == {"type": "ok", "re": 77}
    assert len(node.dispatcher.requests) == 11


async def test_what_is_pipelined_behind_a_sign_in_is_taken_after_it(stage: Stage) -> None:
    node = await stage.node()
    peer = await stage.peer(node)
    node.dispatcher.holding = True
    peer.ask(1, "session.resume", token="t").ask(2)
    peer.write(b'{"type":"ping","id":3,%s"type":"ping"}\n' % (b" " * 5_000))
    await wait_until(lambda: node.dispatcher.waiting)
    await asyncio.sleep(0)
    assert [request.id for request in node.dispatcher.requests] == [1]
    node.dispatcher.holding = False
    node.dispatcher.release()
    assert [(await peer.read())["re"] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.list", {"limit": 200}),
        ("group.find", {"limit": 200}),
        ("group.members", {"conv": 1, "limit": 200}),
        ("history.get", {"conv": 1, "limit": 200}),
        ("search.messages", {"query": "x", "limit": 200}),
        ("session.list", {}),
        ("user.search", {"query": "x", "limit": 200}),
    ],
)
async def test_many_large_pages_at_once_do_not_cut_a_client_that_reads(
    stage: Stage, kind: str, fields: dict[str, Any]
) -> None:
    node, peer = await a_client(stage)
    node.dispatcher.holding = True
    page = encode({"type": "page", "text": "x" * 250_000})
    node.dispatcher.reply = lambda _: page
    most = node.limits.unanswered
    for number in range(most):
        peer.ask(number, kind, **fields)
    read = 0
    while read < most:
        await wait_until(lambda: node.connection.unanswered == most, "that no more is taken")
        count = len(node.dispatcher.waiting)
        node.dispatcher.release()
        for _ in range(count):
            assert (await peer.read())["type"] == "page"
        read += count
    assert not node.metrics.closes


async def test_one_id_used_twice_jams_nothing(stage: Stage) -> None:
    node, peer = await a_client(stage)
    node.dispatcher.holding = True
    for _ in range(4):
        peer.ask(1, "history.get", conv=1, limit=1).ask(1)
    for _ in range(8):
        await wait_until(lambda: node.dispatcher.waiting)
        node.dispatcher.release(1)
        assert (await peer.read())["re"] == 1
    assert node.connection.unanswered == 0


async def test_one_write_per_tick(stage: Stage) -> None:
    node, peer = await a_client(stage)
    writes: list[int] = []
    transport = node.connection._outbox._transport

    class Spy:
        def write(self, data: bytes) -> None:
            writes.append(len(data))
            transport.write(data)

        def is_closing(self) -> bool:
            return transport.is_closing()

    node.connection._outbox._transport = Spy()  # type: ignore[assignment]
    for _ in range(50):
        node.connection.send(b'{"type":"a"}\n')
    for _ in range(50):
        await peer.read()
    node.connection._outbox._transport = transport
    assert writes == [50 * 13]


async def a_deaf_peer(node: Node) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", node.port))
    await asyncio.get_running_loop().sock_sendall(sock, b'{"type":"session.resume","id":0,"token":"t"}\n')
    await wait_until(lambda: node.dispatcher.opened_ and node.connection.signed_in)
    return sock


async def test_a_slow_reader_is_cut_at_its_cap_and_memory_stays_flat(stage: Stage) -> None:
    node = await stage.node(output=2**19)
    with await a_deaf_peer(node):
        connection = node.connection
        connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        lines = [bytes(LINE) for _ in range(100)]
        tracemalloc.start()
        worst = sent = 0
        while not node.dispatcher.closed_:
            for line in lines:
                connection.send(line)
            sent += len(lines)
            worst = max(worst, connection.unsent)
            assert sent < 100_000, "the cap does not hold"
            await asyncio.sleep(0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert worst <= 2**19 + len(LINE) * 100
        assert peak < 4 * 2**19
        assert node.metrics.closes == {"slow_reader": 1}
        assert node.metrics.bytes["dropped"] > 0
        for _ in range(1_000):
            connection.send(LINE)
        assert connection.unsent < 2**19


async def test_a_burst_below_the_cap_is_no_slow_reader(stage: Stage) -> None:
    node, peer = await a_client(stage)
    for _ in range(20):
        for _ in range(900):
            node.connection.send(LINE)
        await asyncio.wait_for(peer.reader.readexactly(900 * len(LINE)), PATIENCE)
    assert not node.metrics.closes


async def test_a_reader_that_stalls_below_the_cap_is_cut_in_time(stage: Stage) -> None:
    node = await stage.node(heartbeat=0.2, output=2**23)
    with await a_deaf_peer(node):
        for _ in range(7_000):
            node.connection.send(LINE)
        await wait_until(lambda: node.dispatcher.closed_)
        assert node.metrics.closes.total() == 1


async def test_a_client_that_pipelines_and_never_reads_is_read_no_further(stage: Stage) -> None:
    node = await stage.node(output=2**19)
    page = encode({"type": "page", "text": "x" * 10_000})
    node.dispatcher.reply = lambda _: page
    with await a_deaf_peer(node) as sock:
        flood = asyncio.create_task(
            asyncio.get_running_loop().sock_sendall(sock, b'{"type":"ping","id":1}\n' * 500_000)
        )
        await wait_until(lambda: node.connection._outbox.blocked_since is not None)
        await wait_until(lambda: not node.connection._reading)
        assert node.connection.unsent < 2**19
        assert len(node.dispatcher.requests) < 2_000
        assert not node.metrics.closes
        flood.cancel()


async def test_one_dead_client_does_not_end_the_tick_for_the_others(stage: Stage) -> None:
    node = await stage.node()
    peers = [await (await stage.peer(node)).sign_in() for _ in range(30)]
    for peer in peers[::3]:
        peer.writer.transport.abort()
    for number in range(20):
        for connection in node.dispatcher.opened_:
            connection.send(b'{"type":"n","n":%d}\n' % number)
        await asyncio.sleep(0)
    for index, peer in enumerate(peers):
        if index % 3:
            assert [(await peer.read())["n"] for _ in range(20)] == list(range(20))
    await wait_until(lambda: len(node.dispatcher.closed_) == 10)


async def test_a_dispatcher_that_fails_costs_one_answer(stage: Stage) -> None:
    node, peer = await a_client(stage)

    def fail(request: Request) -> bytes:
        raise LookupError("secret")

    node.dispatcher.reply = fail
    peer.ask(1)
    refusal = await peer.read()
    assert (refusal["code"], refusal["re"]) == ("unavailable", 1)
    node.dispatcher.reply = lambda request: encode({"type": "ok", "re": request.id})
    peer.ask(2)
    assert await peer.read() == {"type": "ok", "re": 2}


async def test_closing_from_inside_a_send_tells_the_dispatcher_later(stage: Stage) -> None:
    node = await stage.node(output=262_144)
    await stage.peer(node)
    connection = node.connection
    for _ in range(2):
        connection.send(b"x" * 200_000)
    assert node.metrics.closes == {"slow_reader": 1}
    assert node.dispatcher.closed_ == []
    await wait_until(lambda: node.dispatcher.closed_ == [connection])


async def test_an_end_waits_for_what_is_under_way_and_takes_nothing_more(stage: Stage) -> None:
    node, peer = await a_client(stage)
    node.dispatcher.holding = True
    peer.ask(1).ask(2)
    await wait_until(lambda: len(node.dispatcher.waiting) == 2)
    node.connection.end(CloseCode.LOGGED_OUT)
    peer.ask(3)
    node.dispatcher.release()
    frames = await peer.rest()
    assert [frame.get("re") for frame in frames] == [1, 2, None]
    assert frames[-1]["code"] == "logged_out"
    assert 3 not in [request.id for request in node.dispatcher.requests]


async def test_an_end_with_nothing_under_way_is_at_once(stage: Stage) -> None:
    node, peer = await a_client(stage)
    node.connection.end(CloseCode.LOGGED_OUT)
    assert (await peer.end("logged_out"))["reconnect"] is False
