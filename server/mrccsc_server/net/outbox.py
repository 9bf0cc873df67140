"""What is yet to be written: one write per connection and tick, and a cap for those who do not read."""

from __future__ import annotations

import asyncio

from mrccsc_server.net.batch_write import BatchWriter, batch_writer
from mrccsc_server.telemetry.metrics import Metrics

HIGH_WATER = 65_536
"""Bytes in the transport at which it asks for a pause; what comes then waits in the outbox."""

FLUSHES_A_TURN = 100
"""Connections written to before the event loop gets a turn; at most :data:`.batch_write.MOST`."""

LEAST_TOGETHER = 4
"""Connections that are worth a batch: below, a write each is cheaper."""

LARGEST_TOGETHER = 16_384
"""Bytes of a connection that go into a batch, which copies them."""


class Flusher:
    """Flushes the outboxes that something was put into, once a tick, a bounded number a turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writer = batch_writer()
        self._marked: list[Outbox] = []

    def mark(self, outbox: Outbox) -> None:
        """Flush this outbox within the next turns."""
        if not self._marked:
            self._loop.call_soon(self._run)
        self._marked.append(outbox)

    def _run(self) -> None:
        turn, self._marked = self._marked[:FLUSHES_A_TURN], self._marked[FLUSHES_A_TURN:]
        if self._writer is not None and len(turn) >= LEAST_TOGETHER:
            _flush_together(turn, self._writer)
        else:
            for outbox in turn:
                outbox.flush()
        if self._marked:
            self._loop.call_soon(self._run)


def _flush_together(outboxes: list[Outbox], writer: BatchWriter) -> None:
    together: list[Outbox] = []
    parts: list[tuple[int, bytes]] = []
    for outbox in outboxes:
        if (data := outbox.take_direct()) is not None:
            together.append(outbox)
            parts.append((outbox.descriptor, data))
        else:
            outbox.flush()
    for outbox, (_, data), taken in zip(together, parts, writer.write(parts), strict=True):
        if taken < len(data):
            outbox.write(data[taken:])


class Outbox:
    """The unsent lines of one connection, written in order and whole.

    Nothing here raises because the peer is gone: what cannot be written is dropped, and the transport reports the loss.
    """

    __slots__ = ("_cap", "_flusher", "_held", "_lines", "_loop", "_metrics", "_queued", "_transport", "blocked_since",
                 "descriptor", "written_at")  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        flusher: Flusher,
        transport: asyncio.Transport,
        cap: int,
        metrics: Metrics,
    ) -> None:
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._loop = loop
        self._flusher = flusher
        self._transport = transport
        self._cap = cap
        self._metrics = metrics
        self._lines: list[bytes] = []
        self._queued = 0
        self._held = 0
        # Behind TLS the transport alone knows what to write.
        plain = transport.get_extra_info("sslcontext") is None
        self.descriptor: int = transport.get_extra_info("socket").fileno() if plain else -1
        """Of the socket where it may be written to past the transport; -1 otherwise."""
        self.blocked_since: float | None = None
        """Loop time since when the peer's buffers are full; ``None`` while it reads."""
        self.written_at = loop.time()
        """Loop time of the last write."""

    @property
    def unsent(self) -> int:
        """Bytes that wait here or in the transport."""
        return self._queued + self._held

    def put(self, line: bytes) -> bool:
        """Add a line to the next write. False when that breaks the cap on unsent bytes."""
        if not self._lines:
            self._flusher.mark(self)
        self._lines.append(line)
        self._queued += len(line)
        if self._queued + self._held <= self._cap:
            return True
        if self._held:
            self._held = self._transport.get_write_buffer_size()
        return self._queued + self._held <= self._cap

    def take_direct(self) -> bytes | None:
        """What waits, where it may be written past the transport: it is little, and the transport has nothing."""
        # What uvloop has queued is not in that size until it has tried to write it, which it does before the next turn.
        if (
            0 < self._queued <= LARGEST_TOGETHER
            and self.descriptor >= 0
            and self.blocked_since is None
            and not self._transport.get_write_buffer_size()
            and not self._transport.is_closing()
        ):
            return self.take()
        return None

    def take(self) -> bytes:
        """What waits, which counts as written."""
        lines = self._lines
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        lines.clear()
        self._queued = 0
        self.written_at = self._loop.time()
        self._metrics.bytes["sent"] += len(data)
        return data

    def flush(self) -> None:
        """Hand what waits to the transport, unless that is full."""
        if self._lines and self.blocked_since is None:
            self.write(self.take())

    def finish(self, line: bytes = b"") -> None:
        """Hand everything and a last line to the transport, full or not."""
        self._lines.append(line)
        self.write(self.take())

    def drop(self) -> int:
        """Forget the lines that the transport does not have yet; how many bytes they were."""
        dropped, self._queued = self._queued, 0
        self._lines.clear()
        return dropped

    def block(self) -> None:
        """The transport asks for a pause."""
        self.blocked_since = self._loop.time()
        self._held = self._transport.get_write_buffer_size()

    def unblock(self) -> None:
        """The transport has room again."""
        self.blocked_since = None
        self._held = 0
        self.flush()

    def write(self, data: bytes) -> None:
        """Hand to the transport what was taken."""
        if self._transport.is_closing():
            return
        try:
            self._transport.write(data)
        except (RuntimeError, OSError):
            # uvloop raises on a peer that is gone already; one dead client must not end the tick for the others.
            self._transport.abort()
