"""What a node keeps of those who are gone: nothing, and it does not wait for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mrccsc_server.app import App
from mrccsc_server.config import Settings
from mrccsc_server.net.connection import Connection
from tests.waiting import wait_until
from tests.wire.client import Client


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _connections() -> int:
    return sum(type(one) is Connection for one in gc.get_objects())


async def _close(company: list[Client]) -> None:
    for client in company:
        await client.close()


@pytest.mark.usefixtures("uncollected")
async def test_connections_that_are_gone_take_no_memory(tmp_path: Path) -> None:
    async with (
        App(Settings(port=0, data_dir=tmp_path, unlimited=True)).started() as (_, port),
        AsyncExitStack() as stack,
    ):
        company: list[Client] = []
        ann = await Client("ann", port, company).connect()
        stack.push_async_callback(_close, company)
        await ann.registers("ann")
        conv = await ann.founds("tea")
        for number in range(4):
            twin = await ann.another()
            await twin.says(conv, f"{number}")
            match number:
                case 0:
                    await twin.close()
                case 1:
                    twin.abort()
                case 2:
                    twin.half_close()
                case 3:
                    await twin.refused("invalid", "session.resume", token=ann.token)
                    await twin.write(b"GET / HTTP/1.1\r\n\r\n" * 1_000)
        stranger = await Client("a stranger", port, company).connect()
        await stranger.refused("unauthenticated", "conversation.list", limit=1)
        await stranger.close()
        await ann.ask("session.logout")
        await wait_until(lambda: _connections() == 0, "nothing being left of them")
