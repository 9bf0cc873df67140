"""A bounded number of connections, taken in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mrccsc_server.storage.mysql.link import IDLE_TIME, Link

KEEP = 0.7 * IDLE_TIME
"""Seconds that an idle connection is kept: less than the server does."""


class Pool:
    """At most ``size`` connections. Who asks first gets one first; the one used last is given first."""

    def __init__(
        self, connect: Callable[[], Awaitable[Link]], size: int, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._turns = asyncio.Semaphore(size)
        self._idle: list[tuple[Link, float]] = []
        self._monotonic = monotonic
        self._closed = False

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """A connection that is alive as far as one can tell; it is kept for the next when no transaction is open then.

        Raises :class:`mrccsc_server.ports.StoreError` when a new one cannot be opened.
        """
        async with self._turns:
            link = await self._take() or await self._connect()
            try:
                yield link
            finally:
                if self._closed or not link.alive or link.in_transaction:
                    link.close()
                else:
                    self._idle.append((link, self._monotonic()))

    async def close(self) -> None:
        """Close what is idle, and what is in use when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[0].quit()
        await asyncio.sleep(0)  # Transports close in the loop's next step.

    async def _take(self) -> Link | None:
        """The idle one that was used last. Those that nobody has used for long go."""
        found = None
        while self._idle and found is None:
            link, since = self._idle.pop()
            if link.alive and since >= self._monotonic() - KEEP:
                found = link
            else:
                link.close()
        while self._idle and self._idle[0][1] < self._monotonic() - KEEP:
            await self._idle.pop(0)[0].quit()
        return found
