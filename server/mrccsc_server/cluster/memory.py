"""The bus within one process: nodes that were given the same :class:`MemoryHub` hear each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from mrccsc_server.ports import Hint


class MemoryHub:
    """What the buses of one process meet at."""

    def __init__(self) -> None:
        self.buses: list[MemoryBus] = []


class MemoryBus:
    """:class:`mrccsc_server.ports.Bus` through the event loop: hints arrive in a later turn of it, in order."""

    def __init__(self, hub: MemoryHub | None = None) -> None:
        self._hub = hub or MemoryHub()
        self._receive: Callable[[Hint], None] | None = None

    def publish(self, hints: Iterable[Hint]) -> None:
        """See the port."""
        if len(self._hub.buses) > 1:
            loop = asyncio.get_running_loop()
            sent = tuple(hints)
            for bus in self._hub.buses:
                if bus is not self:
                    loop.call_soon(bus._hear, sent)  # noqa: SLF001

    def listen(self, receive: Callable[[Hint], None]) -> None:
        """See the port."""
        self._receive = receive

    async def open(self) -> None:
        """See the port."""
        self._hub.buses.append(self)

    async def close(self) -> None:
        """See the port."""
        self._hub.buses.remove(self)

    def _hear(self, hints: tuple[Hint, ...]) -> None:
        if self._receive is not None and self in self._hub.buses:
            for hint in hints:
                self._receive(hint)
