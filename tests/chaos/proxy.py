"""A link that can be cut, held and slowed: a TCP proxy in the harness's own process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

CHUNK = 65_536


class Link:
    """Everything that goes to ``port`` here goes on to the target. ``severed`` and ``held`` count what a fault did."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self._target = host, target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flow = asyncio.Event()
        self._flow.set()
        self._refusing = False
        self.delay = 0.0
        self.severed = 0
        self.held = 0
        self.slowed = 0

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._open) // 2

    async def open(self, port: int = 0) -> int:
        """Begin to listen; the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def close(self) -> None:
        """End, with all that is open."""
        if self._server is not None:
            self._server.close()
        self._flow.set()
        self.sever()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- faults -----------------------------------------------------------------------------------------------------

    def sever(self) -> int:
        """Break all connections; new ones are taken. How many there were."""
        count = self.connections
        self.severed += count
        for writer in list(self._open):
            writer.transport.abort()
        return count

    def cut(self) -> None:
        """Break all connections and take none."""
        self._refusing = True
        self.sever()

    def hold(self) -> None:
        """Let nothing through, without a sign to either end: the link is half-open."""
        self._flow.clear()

    def slow(self, seconds: float) -> None:
        """Let everything through later by so many seconds."""
        self.delay = seconds

    def heal(self) -> None:
        """Be a good link again."""
        self._refusing = False
        self.delay = 0.0
        self._flow.set()

    # -- what passes ------------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                self.severed += 1
                return
            # A connection that comes to nothing counts as one byte.
            self.held += not self._flow.is_set()
            await self._flow.wait()
            back, onward = await asyncio.open_connection(*self._target, limit=CHUNK)
            self._open.add(onward)
            await asyncio.gather(self._pump(reader, onward), self._pump(back, writer))
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for one in filter(None, (writer, onward)):
                self._open.discard(one)
                one.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if not self._flow.is_set():
                self.held += len(data)
                await self._flow.wait()
            if self.delay:
                self.slowed += len(data)
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()
