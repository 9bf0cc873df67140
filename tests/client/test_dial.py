"""Making a line, in the event loop as Textual sets it up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mrccsc_tui.link.errors import LineLost
from mrccsc_tui.link.transport import Address, dial


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_line_to_an_address_and_to_a_name(port: int, host: str) -> None:
    if eager := getattr(asyncio, "eager_task_factory", None):
        asyncio.get_running_loop().set_task_factory(eager)
    transport = await dial(Address(host, port))
    assert await transport.read() == b"hello\n"
    transport.close()
    await transport.closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_where_nothing_listens_it_says_so(host: str, unused_tcp_port: int) -> None:
    with pytest.raises(LineLost, match=f"Nothing listens at {host}"):
        await dial(Address(host, unused_tcp_port))
