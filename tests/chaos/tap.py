"""The line of a real client, with an ear on it: every frame goes into the history as it passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from mrccsc_tui.link.transport import Address, Transport, dial
from tests.chaos.history import Record, Recorder, without_secrets

QUIET = {"ping", "pong"}
"""Frames that say nothing but that the line lives."""


class Network:
    """Where the servers are, as a device sees it: one of the ports, by chance, at each connection."""

    def __init__(self, recorder: Recorder, ports: Sequence[int]) -> None:
        self.recorder = recorder
        self.ports = list(ports)
        self.acked = 0
        """Acknowledgements that all clients have heard."""
        self.deaf = 0.0
        """How likely it is that a line breaks just when something was said, or when it is acknowledged."""

    def dialler(self, client: str, chance: Random) -> Dialler:
        """How one client connects."""
        return Dialler(self, client, chance)


class Dialler:
    """Stands for :func:`mrccsc_tui.link.transport.dial`. ``drop`` breaks the line as a network would."""

    def __init__(self, network: Network, client: str, chance: Random) -> None:
        self._network = network
        self._client = client
        self._chance = chance
        self._count = 0
        self.open: Tapped | None = None

    async def __call__(self, _: Address) -> Transport:
        port = self._chance.choice(self._network.ports)
        self._count += 1
        transport = await dial(Address("127.0.0.1", port))
        self._network.recorder.note("line", client=self._client, line=self._count, port=port)
        self.open = Tapped(transport, self._network, self._client, self._count, self._chance)
        return self.open

    def drop(self) -> None:
        """Break the line."""
        if self.open is not None:
            self.open.broken = True
            self.open.close()


class Tapped:
    """A transport that notes what passes."""

    def __init__(self, inner: Transport, network: Network, client: str, line: int, chance: Random) -> None:
        self._chance = chance
        self._inner = inner
        self._network = network
        self._note: Callable[..., Record] = network.recorder.note
        self._client = client
        self._line = line
        self._rest = b""
        self._ended = False
        self.broken = False

    async def read(self) -> bytes:
        """What came next."""
        if self.broken:
            self._lost()
            return b""
        try:
            data = await self._inner.read()
        except OSError:
            self._lost()
            raise
        if not data or self.broken:
            self._lost()
            return b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                frame = json.loads(line)
                if frame["type"] == "ack":
                    if self._network.deaf and self._chance.random() < self._network.deaf:
                        self.broken = True
                        self._lost()
                        return b""
                    self._network.acked += 1
                if frame["type"] not in QUIET:
                    self._note("heard", client=self._client, line=self._line, frame=without_secrets(frame))
        return data

    def write(self, data: bytes) -> None:
        """Send."""
        for line in data.splitlines():
            frame = json.loads(line) if line.strip() else {"type": "ping"}
            if frame["type"] not in QUIET:
                self._note("said", client=self._client, line=self._line, frame=without_secrets(frame))
        self._inner.write(data)
        if b'"cid"' in data and self._network.deaf and self._chance.random() < self._network.deaf:
            self.broken = True
            self.close()

    def close(self) -> None:
        """End the line."""
        self._lost()
        self._inner.close()

    async def closed(self) -> None:
        """Wait until it has ended."""
        await self._inner.closed()

    def _lost(self) -> None:
        if not self._ended:
            self._ended = True
            self._note("lost", client=self._client, line=self._line)
