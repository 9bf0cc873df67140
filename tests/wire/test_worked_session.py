"""The session that docs/protocol.md shows is one that really happens, line by line."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE
from tests.wire.server import Server

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
LINE = re.compile(r"^    (alice|bob)([<>]) (.*)$", re.MULTILINE)
CHANGING = {"token", "epoch", "node", "server", "at", "last_seen"}


def masked(value: Any) -> Any:
    """Without what differs from run to run."""
    if isinstance(value, dict):
        if value.get("kind") == "create":
            value = {**value, "cid": "…"}  # Made by the server.
        return {key: "…" if key in CHANGING else masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Server]:
    server = Server(folder, limits="heartbeat = 600\nsign_in_time = 600").start()
    yield server
    assert server.stop() == 0


async def test_the_worked_session(server: Server) -> None:
    lines = LINE.findall(DOCUMENT.read_text())
    assert {side for _, side, _ in lines} == {"<", ">"}
    people: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
    for name, side, line in lines:
        if name not in people:
            people[name] = await asyncio.open_connection("127.0.0.1", server.port)
        reader, writer = people[name]
        if side == ">":
            writer.write(line.encode() + b"\n")
            await writer.drain()
        else:
            said = await asyncio.wait_for(reader.readline(), PATIENCE)
            assert masked(json.loads(said)) == masked(json.loads(line)), f"{name} hears: {said.decode()}"
    for _, writer in people.values():
        writer.close()
        await writer.wait_closed()
