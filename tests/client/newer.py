"""A real server as one of a later version would speak: a line in between says some things with other words."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

Change = Callable[[dict[str, Any]], None]


class NewerServer:
    """Listens on ``port`` and hands everything on; ``change`` alters each object that the server says.

    ``lines`` counts the connections that were made.
    """

    def __init__(self, behind: int, change: Change) -> None:
        self.port = 0
        self.lines = 0
        self._behind = behind
        self._change = change
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._behind, limit=2**20)
        self._open |= {writer, to_server}
        await asyncio.gather(_hand_on(reader, to_server, None), _hand_on(from_server, writer, self._change))
        self._open -= {writer, to_server}


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change | None) -> None:
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            writer.write(line if change is None else _changed(line, change))
    writer.close()


def _changed(line: bytes, change: Change) -> bytes:
    def each(found: dict[str, Any]) -> dict[str, Any]:
        change(found)
        return found

    return json.dumps(json.loads(line, object_hook=each)).encode() + b"\n"
