"""A node that hangs takes itself out: its port is shut by another process, and opened again when it runs again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from mrccsc_server.net.watchdog import Watchdog
from tests.server.net.conftest import Node, Stage
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog(patience=0.5)
    yield watchdog
    watchdog.close()


@pytest.fixture
def silent() -> Iterator[Watchdog]:
    """One that hears no beats: what it watches is shut when its patience, which is the other's too, is over."""
    silent = Watchdog(patience=0.5)
    yield silent
    silent.close()


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        # Shut in this very moment.
        return False
    return False


async def beat(watchdog: Watchdog) -> None:
    while True:
        watchdog.beat()
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def beating(watchdog: Watchdog):
    task = asyncio.create_task(beat(watchdog))
    yield
    task.cancel()


def block_until_refused(port: int) -> None:
    """Hold the event loop, as a bug would."""
    deadline = time.monotonic() + PATIENCE
    while not refuses(port):
        assert time.monotonic() < deadline, "the port was never shut"
        time.sleep(0.05)


async def test_a_blocked_loop_loses_its_port_and_is_told_when_it_runs_again(stage: Stage, watchdog: Watchdog) -> None:
    node = await stage.node()
    inside = await stage.peer(node)
    watchdog.watch(node.sockets)
    async with beating(watchdog):
        block_until_refused(node.port)
        await wait_until(lambda: node.shut == 1)
        assert not node.listener.listening
        node.listen()
        watchdog.watch(node.sockets)
        assert await stage.peer(node), "it listens again"
        inside.ask(1)
        assert (await inside.read())["re"] == 1, "connections stay"


async def test_a_loop_that_runs_keeps_its_port(stage: Stage, watchdog: Watchdog, silent: Watchdog) -> None:
    node, other = await stage.node(), await stage.node()
    watchdog.watch(node.sockets)
    async with beating(watchdog):
        silent.watch(other.sockets)
        await wait_until(lambda: refuses(other.port), "the port being shut that nobody beats for")
        assert await stage.peer(node)
        assert node.shut == 0
        # It was watched all the while.
        block_until_refused(node.port)


async def test_what_is_not_watched_any_more_is_left_alone(stage: Stage, watchdog: Watchdog, silent: Watchdog) -> None:
    node, other = await stage.node(), await stage.node()
    watchdog.watch(node.sockets)
    watchdog.watch(())
    silent.watch(other.sockets)
    block_until_refused(other.port)
    assert await stage.peer(node)


async def test_a_sentry_that_is_killed_is_replaced(stage: Stage, watchdog: Watchdog) -> None:
    node = await stage.node()
    watchdog.watch(node.sockets)
    first = watchdog._process
    assert first is not None
    first.kill()
    async with beating(watchdog):
        await wait_until(lambda: watchdog._process is not first, "another process")
        block_until_refused(node.port)
        await wait_until(lambda: node.shut == 1)


async def test_a_stopped_sentry_holds_up_nobody(stage: Stage, watchdog: Watchdog) -> None:
    node: Node = await stage.node()
    watchdog.watch(node.sockets)
    process = watchdog._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    for _ in range(5_000):
        watchdog.beat()
    os.kill(process.pid, signal.SIGCONT)
    assert await stage.peer(node)


def test_it_ends_with_its_node_and_not_by_its_signals() -> None:
    watchdog = Watchdog()
    watchdog.watch(())
    process = watchdog._process
    assert process is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    assert watchdog._line is not None
    watchdog._line.close()
    # As when the node was killed: nobody says anything, its end of the line is just gone.
    assert process.wait(PATIENCE) in (0, -signal.SIGINT, -signal.SIGTERM)
    watchdog._line = None
    watchdog.close()
