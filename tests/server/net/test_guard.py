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

from mrccsc_server.net.guard import Guard
from tests.server.net.conftest import Node, Stage
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard(patience=0.5)
    yield guard
    guard.close()


@pytest.fixture
def silent() -> Iterator[Guard]:
    """One that hears no beats: what it watches is shut when its patience, which is the other's too, is over."""
    silent = Guard(patience=0.5)
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


async def beat(guard: Guard) -> None:
    while True:
        guard.beat()
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def beating(guard: Guard):
    task = asyncio.create_task(beat(guard))
    yield
    task.cancel()


def block_until_refused(port: int) -> None:
    """Hold the event loop, as a bug would."""
    deadline = time.monotonic() + PATIENCE
    while not refuses(port):
        assert time.monotonic() < deadline, "the port was never shut"
        time.sleep(0.05)


async def test_a_blocked_loop_loses_its_port_and_is_told_when_it_runs_again(stage: Stage, guard: Guard) -> None:
    node = await stage.node()
    inside = await stage.peer(node)
    guard.watch(node.sockets)
    async with beating(guard):
        block_until_refused(node.port)
        await wait_until(lambda: node.shut == 1)
        assert not node.listener.listening
        node.listen()
        guard.watch(node.sockets)
        assert await stage.peer(node), "it listens again"
        inside.ask(1)
        assert (await inside.read())["re"] == 1, "connections stay"


async def test_a_loop_that_runs_keeps_its_port(stage: Stage, guard: Guard, silent: Guard) -> None:
    node, other = await stage.node(), await stage.node()
    guard.watch(node.sockets)
    async with beating(guard):
        silent.watch(other.sockets)
        await wait_until(lambda: refuses(other.port), "the port being shut that nobody beats for")
        assert await stage.peer(node)
        assert node.shut == 0
        # It was watched all the while.
        block_until_refused(node.port)


async def test_what_is_not_watched_any_more_is_left_alone(stage: Stage, guard: Guard, silent: Guard) -> None:
    node, other = await stage.node(), await stage.node()
    guard.watch(node.sockets)
    guard.watch(())
    silent.watch(other.sockets)
    block_until_refused(other.port)
    assert await stage.peer(node)


async def test_a_sentry_that_is_killed_is_replaced(stage: Stage, guard: Guard) -> None:
    node = await stage.node()
    guard.watch(node.sockets)
    first = guard._process
    assert first is not None
    first.kill()
    async with beating(guard):
        await wait_until(lambda: guard._process is not first, "another sentry")
        block_until_refused(node.port)
        await wait_until(lambda: node.shut == 1)


async def test_a_stopped_sentry_holds_up_nobody(stage: Stage, guard: Guard) -> None:
    node: Node = await stage.node()
    guard.watch(node.sockets)
    sentry = guard._process
    assert sentry is not None
    os.kill(sentry.pid, signal.SIGSTOP)
    for _ in range(5_000):
        guard.beat()
    os.kill(sentry.pid, signal.SIGCONT)
    assert await stage.peer(node)


def test_it_ends_with_its_node_and_not_by_its_signals() -> None:
    guard = Guard()
    guard.watch(())
    sentry = guard._process
    assert sentry is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        sentry.send_signal(number)
    assert guard._line is not None
    guard._line.close()
    # As when the node was killed: nobody says anything, its end of the line is just gone.
    assert sentry.wait(PATIENCE) in (0, -signal.SIGINT, -signal.SIGTERM)
    guard._line = None
    guard.close()
