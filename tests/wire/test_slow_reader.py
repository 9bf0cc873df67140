"""A client that does not read is cut at its cap, can come back, and slows nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path

from tests.waiting import PATIENCE
from tests.wire.client import cid
from tests.wire.conftest import Stage


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


async def deaf_connection(port: int, token: str) -> socket.socket:
    """A signed-in connection with a small receive buffer that nobody reads."""
    loop = asyncio.get_running_loop()
    deaf = socket.socket()
    deaf.setblocking(False)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    await loop.sock_connect(deaf, ("127.0.0.1", port))
    await loop.sock_sendall(deaf, json.dumps({"type": "session.resume", "id": 0, "token": token}).encode() + b"\n")
    return deaf


async def is_cut(deaf: socket.socket) -> bool:
    """Read to the end, which must come: the server has given up on this one."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE):
            while await loop.sock_recv(deaf, 1 << 20):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


async def test_a_flood_cuts_the_deaf_and_reaches_the_others(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("flood", bob, carol)
    deaf = await deaf_connection(stage.port, bob.token)
    try:
        before = memory(stage.server.pid)
        # 16 MB: beyond the cap of 1 MiB and all that the kernel may buffer.
        last = 0
        for _ in range(20):
            futures = [alice.post("message.send", conv=conv, cid=cid(), text="x" * 8_000) for _ in range(100)]
            for future in futures:
                last = (await alice.wait(future))["seq"]
        await carol.sees("entry", conv=conv, seq=last)
        await bob.sees("entry", conv=conv, seq=last)
        assert memory(stage.server.pid) - before < 128 * 2**20, "the memory stays flat"
        assert await is_cut(deaf)
    finally:
        deaf.close()
    again = await bob.another(epoch=bob.epoch, cursors={str(conv): 3})
    (missed,) = again.ready["missed"]
    assert missed["limited"] is True
    assert missed["entries"][-1]["seq"] == last


async def test_who_pipelines_without_reading_is_stopped_or_cut(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    for future in [alice.post("message.send", conv=conv, cid=cid(), text="x" * 8_000) for _ in range(30)]:
        await alice.wait(future)
    loop = asyncio.get_running_loop()
    deaf = await deaf_connection(stage.port, bob.token)
    before = memory(stage.server.pid)
    request = json.dumps({"type": "history.get", "id": 1, "conv": conv, "limit": 200}).encode() + b"\n"
    try:
        with contextlib.suppress(OSError, TimeoutError):
            # 20,000 pages of 240 kB, were they all made. Either writing stalls, as nobody reads, or the line is cut.
            async with asyncio.timeout(5):
                for _ in range(200):
                    await loop.sock_sendall(deaf, request * 100)
        assert memory(stage.server.pid) - before < 128 * 2**20
        await alice.says(conv, "nobody else noticed")
        await bob.sees("entry", text="nobody else noticed")
    finally:
        deaf.close()
