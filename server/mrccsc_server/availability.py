"""Whether this node takes clients now: it does not while it hangs, or while it alone has lost the database."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from mrccsc_server.net.listener import Listener
from mrccsc_server.net.proxies import Proxies
from mrccsc_server.net.registry import Registry
from mrccsc_server.net.watchdog import Watchdog
from mrccsc_server.ports import Clock, NodeInfo, Nodes, Store
from mrccsc_server.telemetry.health import Health
from mrccsc_shared.errors import CloseCode

log = logging.getLogger(__name__)

BEAT = 1.0
"""Seconds between two signs that the event loop runs."""

PROBE = 2.0
"""Seconds between two looks at whether the database works."""

PROBE_TIME = 2.0
"""Seconds after which a look counts as failed."""

LOST_AFTER = 8.0
"""Seconds without the database after which it is asked whether other nodes still have it. In less they may not have
noticed yet themselves, and all would send their clients to one another."""

WITHDRAWAL = 1.0
"""Seconds that requests get to be answered when the clients are sent to other nodes."""


class Availability:
    """Opens and closes the node's door, and says so to the watchdog, to the other nodes and to health.

    ``bind`` gives listening sockets on the node's port; it raises :class:`OSError`.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        nodes: Nodes,
        clock: Clock,
        health: Health,
        bind: Callable[[], list[socket.socket]],
        tls: ssl.SSLContext | None,
        proxies: Proxies | None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._nodes = nodes
        self._clock = clock
        self._health = health
        self._bind = bind
        self._listener = Listener(registry, tls, proxies, self._shut)
        self._watchdog = Watchdog()
        self._open = False
        self._withdrawn = False
        self._lost_at: float | None = None

    @property
    def healthy(self) -> bool:
        """Whether the database answered when it was last asked."""
        return self._lost_at is None

    def open(self, sockets: list[socket.socket]) -> None:
        """Take clients, from these sockets first."""
        self._open = True
        self._listen(sockets)
        self._describe()

    def close(self) -> None:
        """Take no more clients, for good."""
        self._open = False
        self._stop(CloseCode.GOING_AWAY)
        self._watchdog.close()
        self._describe()

    async def beat(self) -> None:
        """Say each second that the loop runs, and listen again when that failed before; until cancelled."""
        while True:
            self._watchdog.beat()
            if self._open and not self._withdrawn and not self._listener.listening:
                self._listen_again()
            self._describe()
            await asyncio.sleep(BEAT)

    async def probe(self) -> None:
        """Look at the database, and send the clients to nodes that have it when this one has lost it; until cancelled.

        When all have lost it the clients stay: they are told ``unavailable`` wherever they are.
        """
        while True:
            await self._look()
            if self._withdrawn and self.healthy:
                self._withdrawn = False
                log.warning("The database is back: taking clients again")
                self._listen_again()
            elif not self._withdrawn and self._lost() and self._others():
                await self._withdraw()
            await asyncio.sleep(PROBE)

    # -- parts -----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(PROBE_TIME):
                well = await self._store.healthy()
        except TimeoutError:
            well = False
        if well:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = self._clock.monotonic()
        self._health.report("database", None if well else "does not answer or take writes")
        self._describe()

    def _lost(self) -> bool:
        return self._lost_at is not None and self._clock.monotonic() - self._lost_at >= LOST_AFTER

    def _others(self) -> list[NodeInfo]:
        return [node for node in self._nodes.others if node.healthy and not node.draining]

    async def _withdraw(self) -> None:
        log.warning("This node alone has lost the database: sending its clients to the others")
        self._withdrawn = True
        self._stop(CloseCode.DEGRADED)
        await self._registry.drain(WITHDRAWAL, CloseCode.DEGRADED)

    def _shut(self) -> None:
        if self._open:
            log.warning("The node hung for seconds and its port was shut meanwhile; listening again")
            self._listen_again()

    def _listen_again(self) -> None:
        try:
            sockets = self._bind()
        except OSError as error:
            log.warning("Cannot listen again yet: %s", error.strerror)
        else:
            self._listen(sockets)

    def _listen(self, sockets: list[socket.socket]) -> None:
        self._watchdog.watch(sockets)
        self._listener.start(sockets)
        self._health.accept(accepting=True)

    def _stop(self, code: CloseCode) -> None:
        self._health.accept(accepting=False)
        self._watchdog.watch(())
        self._listener.stop(code)

    def _describe(self) -> None:
        connections = self._registry.admission.total
        self._nodes.describe(connections=connections, draining=not self._open, healthy=self.healthy)
