"""Many connections that something is written to in one tick."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from contextlib import ExitStack, suppress

import pytest

from mrccsc_server.net import batch_write
from mrccsc_server.net.batch_write import BatchWriter, batch_writer
from mrccsc_server.net.outbox import LARGEST_TOGETHER
from mrccsc_shared.codec import encode
from tests.server.net.conftest import Certificates, Node, Peer, Stage
from tests.waiting import wait_until

PEERS = 12
TICKS = 400


def lines(seed: int) -> list[bytes]:
    """Numbered, mostly short, some too long to be written together, and enough to fill any socket."""
    chance = random.Random(seed)
    sizes = chance.choices((10, 200, 3_000, LARGEST_TOGETHER - 100, 3 * LARGEST_TOGETHER), (50, 30, 10, 5, 5), k=TICKS)
    return [encode({"type": "filler", "number": number, "text": "x" * size}) for number, size in enumerate(sizes)]


async def tell_all(node: Node, said: list[bytes]) -> None:
    for line in said:
        for connection in node.dispatcher.opened_:
            connection.send(line)
        await asyncio.sleep(0)


async def read_haltingly(peer: Peer, chance: random.Random) -> None:
    while True:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0)


async def hears_all(peer: Peer) -> None:
    assert [(await peer.read())["number"] for _ in range(TICKS)] == list(range(TICKS))


@pytest.mark.parametrize("over_tls", [False, True])
async def test_all_get_every_line_whole_and_in_order_however_slowly_they_read(
    stage: Stage, certificates: Certificates, *, over_tls: bool
) -> None:
    tls = (certificates.server, certificates.client) if over_tls else (None, None)
    node = await stage.node(tls[0], output=2**26, heartbeat=600)
    for listening in node.sockets:  # What it accepts has its buffers.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
    peers = [await (await stage.peer(node, tls[1])).sign_in() for _ in range(PEERS)]
    chance = random.Random(1)
    slow = [asyncio.create_task(read_haltingly(peer, chance)) for peer in peers[: PEERS // 2]]
    await tell_all(node, lines(seed=1))
    for task in slow:
        task.cancel()
    for peer in peers:
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await hears_all(peer)


async def test_one_that_is_gone_takes_nobody_with_it(stage: Stage) -> None:
    node = await stage.node(output=2**26, heartbeat=600)
    peers = [await (await stage.peer(node)).sign_in() for _ in range(PEERS)]
    sock = peers[0].writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peers[0].writer.transport.abort()
    await tell_all(node, lines(seed=2))
    for peer in peers[1:]:
        await hears_all(peer)
    await wait_until(lambda: len(node.dispatcher.closed_) == 1)


def writer() -> BatchWriter:
    made = batch_writer()
    assert made is not None, "Linux has the calls, unless the container forbids them."
    return made


def test_what_was_taken_of_each_is_told() -> None:
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socket.socketpair())) for _ in range(4)]
        for near, _ in pairs:
            near.setblocking(False)
        (_, first), (full, _), (_, gone), (_, last) = pairs
        full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        with suppress(BlockingIOError):
            while True:
                full.send(b"x" * 1_000)
        gone.close()
        parts = [(near.fileno(), b"to %d" % number) for number, (near, _) in enumerate(pairs)]
        assert writer().write(parts) == [4, 0, 0, 4]
        assert first.recv(100) == b"to 0"
        assert last.recv(100) == b"to 3"


def test_nothing_to_write_and_as_much_as_goes() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        many = writer()
        assert many.write([]) == []
        assert many.write([(near.fileno(), b"%03d" % number) for number in range(batch_write.MOST)]) == [3] * 128
        assert far.recv(1_000) == b"".join(b"%03d" % number for number in range(batch_write.MOST))


@pytest.mark.parametrize("change", ["unknown machine", "forbidden call"])
async def test_without_the_call_each_is_written_to_by_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    if change == "unknown machine":
        monkeypatch.setattr(batch_write, "_CALLS", {})
    else:
        none = batch_write._Calls(9_999, 9_999, 9_999, 9_999)
        monkeypatch.setattr(batch_write, "_CALLS", dict.fromkeys(batch_write._CALLS, none))
    monkeypatch.setattr(batch_write, "_of_thread", threading.local())
    assert batch_writer() is None
    node = await stage.node(output=2**26, heartbeat=600)
    peers = [await (await stage.peer(node)).sign_in() for _ in range(PEERS)]
    await tell_all(node, lines(seed=3))
    for peer in peers:
        await hears_all(peer)
