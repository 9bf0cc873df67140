"""A wire between a store and its server that can be cut at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

When = Literal["before", "after"]


class Proxy:
    """Passes everything on, until told to cut a connection right before or right after a COMMIT is carried out."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._cuts: list[When] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cut = 0

    def cut_commits(self, *when: When) -> None:
        """Cut the next commits, each on whatever connection it comes."""
        self._cuts += when

    def say(self, data: bytes) -> None:
        """Tell all clients what no server said."""
        for client in self._clients:
            client.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._clients.add(writer)
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await self._pass(reader, writer, theirs, ours)
            finally:
                ours.close()
        finally:
            writer.close()
            self._clients.discard(writer)
            self._tasks.discard(task)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        ours: asyncio.StreamWriter,
    ) -> None:
        async def back() -> None:
            while data := await theirs.read(65_536):
                writer.write(data)
            writer.close()

        answering = asyncio.ensure_future(back())
        try:
            while data := await reader.read(65_536):
                if self._cuts and b"COMMIT" in data:
                    self.cut += 1
                    if self._cuts.pop(0) == "after":
                        answering.cancel()
                        await asyncio.wait([answering])
                        ours.write(data)
                        assert await theirs.read(65_536)
                    return
                ours.write(data)
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answering

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(target: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
