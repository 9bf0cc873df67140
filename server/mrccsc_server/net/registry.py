"""All connections of the node: their heartbeats and time limits, and how they are sent away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from random import randint, sample

from mrccsc_server.net.admission import Admission
from mrccsc_server.net.connection import LINGER, Connection
from mrccsc_server.net.dispatch import Dispatcher
from mrccsc_server.net.intake import Budget
from mrccsc_server.net.outbox import Flusher
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.limits import Limits

CHECKS_A_TURN = 500
"""Connections checked before the event loop gets a turn."""

RETURN_SPREAD = 5
"""Milliseconds per connection over which the clients of a closing server are asked to spread their return."""

RETURN_SPREAD_MAX = 10_000

SHED_A_TURN = 50
SHED_PAUSE = 0.1
"""Seconds between so many clients that are asked to go elsewhere."""

MOVE = "Another server of this service has more room for you."

STEP = 0.01
"""Seconds between two looks at whether the last connections are gone."""


class Registry:
    """What the connections of one node share, and all of them. Made on the event loop that they live on.

    ``welcome`` is the encoded first line of every connection.
    """

    def __init__(
        self, *, limits: Limits, metrics: Metrics, admission: Admission, dispatcher: Dispatcher, welcome: bytes
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.metrics = metrics
        self.admission = admission
        self.dispatcher = dispatcher
        self.welcome = welcome
        self.flusher = Flusher(self.loop)
        self.budget = Budget(limits.resume_budget)
        self.open: set[Connection] = set()
        """Every connection that was admitted and is not gone yet, closing ones included."""
        self.empty_since = self.loop.time()
        """Loop time when the last connection went, while there is none."""

    @property
    def interval(self) -> float:
        """Seconds between two checks of a connection: how late a time limit may be noticed."""
        return min(1.0, self.limits.heartbeat / 8, self.limits.sign_in_time / 4)

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        self.open.discard(connection)
        self.empty_since = self.loop.time()

    async def watch(self) -> None:
        """Hold all connections to their time limits and send heartbeats, until cancelled."""
        while True:
            await asyncio.sleep(self.interval)
            await self._check()

    async def _check(self) -> None:
        connections = iter(list(self.open))
        while turn := list(islice(connections, CHECKS_A_TURN)):
            now = self.loop.time()
            for connection in turn:
                connection.check(now, self.interval)
            await asyncio.sleep(0)

    async def drain(self, seconds: float, code: CloseCode = CloseCode.GOING_AWAY) -> None:
        """Send everybody away: take no more requests, answer those under way for up to ``seconds``, then close.

        Clients are asked to come back at moments spread over some time, so that the next node is not stormed. The
        listener has been stopped: nobody comes in any more.
        """
        for connection in self.open:
            connection.hold()
        await self._until(lambda: not any(connection.unanswered for connection in self.open), seconds)
        # Whom it was just letting in is in by then.
        await asyncio.sleep(STEP)
        leaving = list(self.open)
        spread = _spread(len(leaving))
        for connection in leaving:
            connection.close(code, after=randint(0, spread))
        await self._until(lambda: self.open.isdisjoint(leaving), LINGER)
        for connection in self.open.intersection(leaving):
            connection.abort()
        await self._until(lambda: self.open.isdisjoint(leaving), 1.0)

    async def shed(self, count: int) -> None:
        """Ask so many clients, any of them, to go elsewhere, a few at a time; each after its requests are answered."""
        chosen = sample(list(self.open), min(count, len(self.open)))
        spread = _spread(len(chosen))
        for number, connection in enumerate(chosen):
            if number and number % SHED_A_TURN == 0:
                await asyncio.sleep(SHED_PAUSE)
            connection.end(CloseCode.GOING_AWAY, MOVE, randint(0, spread))

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            if done():
                return
            await asyncio.sleep(STEP)


def _spread(connections: int) -> int:
    return min(RETURN_SPREAD_MAX, 100 + RETURN_SPREAD * connections)
