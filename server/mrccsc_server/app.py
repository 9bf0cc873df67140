"""The composition: builds the parts of one node, starts them in order, drains them, stops them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from mrccsc_server import endpoint
from mrccsc_server.availability import BEAT, Availability
from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster import ClusterError, make_cluster
from mrccsc_server.config import Settings
from mrccsc_server.handlers import MessageDispatcher
from mrccsc_server.net import listener
from mrccsc_server.net.admission import Admission
from mrccsc_server.net.proxies import Proxies
from mrccsc_server.net.registry import Registry
from mrccsc_server.ports import Cluster, Command, NodeInfo, Store, StoreAway, StoreError
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.throttle import Throttle
from mrccsc_server.services.background import end_tasks
from mrccsc_server.services.wiring import Services
from mrccsc_server.start_error import StartError
from mrccsc_server.storage import make_store
from mrccsc_server.telemetry.health import Health
from mrccsc_server.telemetry.http import status_app
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared import PROTOCOL, __version__
from mrccsc_shared.codec import encode
from mrccsc_shared.messages.session import Welcome

log = logging.getLogger(__name__)

T = TypeVar("T")

DRAIN = 5.0
"""Seconds that requests under way get to be answered when the server ends."""

FINISH = 2.0
"""Seconds for what is still being done then, though nobody waits for an answer."""

LEAVE = 1.0
"""Seconds to take leave of the other nodes."""

RETRY = 1.0
"""Seconds between two attempts to open a database that is away at the start."""

SAY_EVERY = 10.0
"""Seconds between two lines that say so."""


class Ended(Exception):
    """The server was asked to end before it had begun to accept clients."""


class App:
    """One node. ``async with app.started() as (host, port)`` it accepts clients; after it all is closed and stored.

    With ``shared`` other nodes on this machine may listen on the same port.
    """

    def __init__(self, settings: Settings, *, shared: bool = False) -> None:
        self._settings = settings
        self._shared = shared
        limits = settings.effective_limits
        self._limits = limits.model_copy(update={"connections": endpoint.connection_cap(limits.connections)})
        self._clock = SystemClock()
        self._metrics = Metrics(settings.node, __version__)
        self._health = Health(self._clock)
        self._ending = asyncio.Event()
        self._moving: asyncio.Task[None] | None = None
        self.failed = False
        """Whether the server ends because a part of it failed."""

    def stop(self) -> None:
        """Ask the server to end."""
        self._ending.set()

    async def stopped(self) -> None:
        """Wait until somebody asks the server to end."""
        await self._ending.wait()

    @asynccontextmanager
    async def started(self) -> AsyncIterator[tuple[str, int]]:
        """Accept clients within; the address. At the end clients are sent away first.

        Raises :class:`StartError`, and :class:`Ended` when the end was asked for while the database was waited for.
        """
        async with AsyncExitStack() as stack:
            tls = endpoint.load_tls(self._settings)
            sockets = endpoint.bind(self._settings, shared=self._shared)
            for sock in sockets:
                stack.callback(sock.close)
            host, port, *_ = sockets[0].getsockname()
            if status := endpoint.serve_status(self._settings, status_app(self._metrics, self._health)):
                stack.callback(status.close)
            self._spawn(stack, self._pulse())
            cluster = self._join(endpoint.join(host, port))
            store = await self._open_store(stack)
            registry = await self._build(stack, store, cluster)
            availability = Availability(
                registry=registry,
                store=store,
                nodes=cluster.nodes,
                clock=self._clock,
                health=self._health,
                bind=lambda: listener.bind(self._settings.host, port, shared=self._shared),
                tls=tls,
                proxies=self._proxies(),
            )
            self._spawn(stack, registry.watch(), availability.beat(), self._watch_bus(cluster))
            if status or not self._settings.alone:
                self._spawn(stack, availability.probe())
            if self._settings.exit_when_empty is not None:
                self._spawn(stack, self._leave_when_empty(registry, self._settings.exit_when_empty))
            stack.push_async_callback(registry.drain, DRAIN)
            stack.callback(availability.close)
            endpoint.listen(self._settings, sockets)
            availability.open(sockets)
            yield host, port

    # -- parts -----------------------------------------------------------------------------------------------------

    async def _open_store(self, stack: AsyncExitStack) -> Store:
        """The store, as soon as the database is there."""
        said = -SAY_EVERY
        while True:
            try:
                store = await self._unless_ended(self._try_store())
            except StoreAway as error:
                self._health.report("database", "is away; waiting for it")
                if (now := self._clock.monotonic()) - said >= SAY_EVERY:
                    log.warning("%s Waiting for it.", error)
                    said = now
            except StoreError as error:
                raise StartError(str(error)) from None
            else:
                stack.push_async_callback(store.close)
                self._health.report("database", None)
                return store
            await self._unless_ended(asyncio.sleep(RETRY))

    async def _try_store(self) -> Store:
        store = make_store(self._settings.database_url, self._limits)
        try:
            await store.open()
        except BaseException:
            await store.close()
            raise
        return store

    async def _unless_ended(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of some work, or :class:`Ended` as soon as the end is asked for."""
        task = asyncio.create_task(work)
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        await end_tasks([task])
        if task.cancelled():
            raise Ended
        return task.result()

    def _join(self, address: str) -> Cluster:
        now = self._clock.now()
        me = NodeInfo(secrets.token_hex(16), self._settings.node, address, __version__, now)
        try:
            cluster = make_cluster(self._settings.bus_url, me, self._limits, self._clock)
        except ClusterError as error:
            raise StartError(str(error)) from None
        nodes = cluster.nodes
        self._metrics.count("bus", "What happened on the bus.", "event", cluster.counters)
        self._metrics.watch("bus_degraded", "1 while hints do not travel.", lambda: not cluster.bus.connected)
        self._metrics.watch("nodes", "Live nodes known to this one, itself included.", lambda: len(nodes.others) + 1)
        return cluster

    async def _enter(self, stack: AsyncExitStack, cluster: Cluster) -> None:
        if self._settings.alone and not self._settings.embedded:
            log.warning("Without --bus redis:… this must be the only node on its database")
        await cluster.bus.open()
        stack.push_async_callback(self._leave, cluster)
        if not cluster.bus.connected:
            log.warning("%s is away: starting without it; what other nodes say arrives late", self._settings.bus_place)

    async def _leave(self, cluster: Cluster) -> None:
        try:
            async with asyncio.timeout(LEAVE):
                await cluster.bus.close()
        except TimeoutError:
            log.warning("The bus did not take the farewell in time; the others will notice by themselves")

    def _obey(self, command: Command, registry: Registry) -> None:
        match command:
            case Command("drain"):
                log.info("Asked by the operator to drain and end")
                self.stop()
            case Command("move", connections):
                log.info("Asked by the operator to send %d clients to other nodes", connections)
                self._moving = registry.loop.create_task(registry.shed(connections))
                self._moving.add_done_callback(self._check_on)

    async def _build(self, stack: AsyncExitStack, store: Store, cluster: Cluster) -> Registry:
        throttle = Throttle(self._clock, rate=self._limits.address_rate, burst=self._limits.address_burst)
        passwords = Passwords(workers=self._limits.password_workers, queue=self._limits.password_queue)
        stack.callback(passwords.close)
        services = Services(
            store=store,
            cluster=cluster,
            clock=self._clock,
            limits=self._limits,
            passwords=passwords,
            registration=self._settings.registration,
            metrics=self._metrics,
        )
        admission = Admission(self._limits, throttle)
        self._metrics.watch("connections", "Connections now.", lambda: admission.total)
        self._metrics.watch("connections_signed_in", "Connections now that have signed in.", lambda: admission.known)
        self._metrics.watch("commit_queue", "Operations that wait for a commit.", lambda: services.log.waiting)
        self._metrics.watch(
            "search_behind", "Conversations with entries that are not indexed yet.", lambda: store.search.behind
        )
        registry = Registry(
            limits=self._limits,
            metrics=self._metrics,
            admission=admission,
            dispatcher=MessageDispatcher(services),
            welcome=self._welcome(),
        )
        cluster.nodes.listen(lambda command: self._obey(command, registry))
        await self._enter(stack, cluster)
        services.start()
        # Before the bus is left: what is committed last is to reach the other nodes.
        stack.push_async_callback(services.stop, FINISH)
        return registry

    def _proxies(self) -> Proxies | None:
        networks = self._settings.proxy_from
        return Proxies(networks, self._metrics) if networks else None

    def _welcome(self) -> bytes:
        heartbeat = self._limits.heartbeat
        frame: Welcome = {
            "type": "welcome",
            "protocol": PROTOCOL,
            "server": f"mrccsc/{__version__}",
            "node": self._settings.node,
            "heartbeat": int(heartbeat) if heartbeat.is_integer() else heartbeat,
            "max_line": self._limits.max_line,
            "max_text": self._limits.max_text,
            "registration": self._settings.registration,
        }
        return encode(frame)

    # -- tasks -----------------------------------------------------------------------------------------------------

    def _spawn(self, stack: AsyncExitStack, *works: Coroutine[Any, Any, None]) -> None:
        """Run tasks until the stack unwinds; one that fails ends the server."""
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(self._check_on)
            stack.push_async_callback(end_tasks, [task])

    def _check_on(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical("A part of the server failed; ending", exc_info=error)
            self.failed = True
            self.stop()

    async def _pulse(self) -> None:
        while True:
            self._health.beat()
            await asyncio.sleep(BEAT)

    async def _watch_bus(self, cluster: Cluster) -> None:
        connected = True
        while True:
            if cluster.bus.connected != connected:
                connected = not connected
                problem = None if connected else "degraded: the bus is away, what other nodes say arrives late"
                self._health.report("bus", problem, fatal=False)
                log.warning("The bus is %s", "back" if connected else "away: looking into the database instead")
            await asyncio.sleep(BEAT)

    async def _leave_when_empty(self, registry: Registry, seconds: float) -> None:
        while True:
            await asyncio.sleep(min(BEAT, seconds / 4))
            if not registry.open and registry.loop.time() - registry.empty_since >= seconds:
                log.info("Nobody was connected for %g s; ending", seconds)
                self.stop()
                return
