"""The composition: builds the parts of one node, starts them in order, drains them, stops them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mrccsc_server import endpoint
from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster.memory import MemoryBus
from mrccsc_server.config import Settings, StartError
from mrccsc_server.handlers import MessageDispatcher
from mrccsc_server.net.admission import Admission
from mrccsc_server.net.listener import Listener
from mrccsc_server.net.registry import Registry
from mrccsc_server.ports import Store, StoreError
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.throttle import FailureThrottle, Throttle
from mrccsc_server.services.sign_in import Door
from mrccsc_server.services.wiring import Services
from mrccsc_server.storage import make_store
from mrccsc_server.telemetry.health import Health
from mrccsc_server.telemetry.http import status_app
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared import PROTOCOL, __version__
from mrccsc_shared.codec import encode
from mrccsc_shared.messages.session import Welcome

log = logging.getLogger(__name__)

DRAIN = 5.0
"""Seconds that requests under way get to be answered when the server ends."""

BEAT = 1.0
"""Seconds between two signs that the event loop runs."""

PROBE = 5.0
"""Seconds between two looks at whether the database works, while somebody may ask."""


class App:
    """One node. ``async with app.started() as (host, port)`` it accepts clients; after it all is closed and stored."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        limits = settings.effective_limits
        self._limits = limits.model_copy(update={"connections": endpoint.connection_cap(limits.connections)})
        self._clock = SystemClock()
        self._metrics = Metrics(settings.node, __version__)
        self._health = Health(self._clock)
        self._ending = asyncio.Event()
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
        """Accept clients within; the address. Raises :class:`StartError`. At the end clients are sent away first."""
        async with AsyncExitStack() as stack:
            tls = endpoint.load_tls(self._settings)
            store = await self._open_store(stack)
            registry = await self._build(stack, store)
            sockets = endpoint.bind(self._settings)
            for sock in sockets:
                stack.callback(sock.close)
            if status := endpoint.serve_status(self._settings, status_app(self._metrics, self._health)):
                stack.callback(status.close)
                self._spawn(stack, self._probe(store))
            listener = Listener(registry, sockets, tls)
            self._spawn(stack, registry.watch(), self._beat())
            if self._settings.exit_when_empty is not None:
                self._spawn(stack, self._leave_when_empty(registry, self._settings.exit_when_empty))
            stack.push_async_callback(registry.drain, DRAIN)
            stack.callback(listener.stop)
            stack.callback(self._health.accept, accepting=False)
            host, port, *_ = sockets[0].getsockname()
            listener.start()
            self._health.accept(accepting=True)
            yield host, port

    # -- parts -----------------------------------------------------------------------------------------------------

    async def _open_store(self, stack: AsyncExitStack) -> Store:
        try:
            store = make_store(self._settings.database_url, self._limits)
            stack.push_async_callback(store.close)
            await store.open()
        except StoreError as error:
            raise StartError(str(error)) from None
        return store

    async def _build(self, stack: AsyncExitStack, store: Store) -> Registry:
        throttle = Throttle(self._clock, rate=self._limits.address_rate, burst=self._limits.address_burst)
        passwords = Passwords(workers=self._limits.password_workers, queue=self._limits.password_queue)
        stack.callback(passwords.close)
        bus = MemoryBus()
        services = Services(
            store=store,
            bus=bus,
            clock=self._clock,
            limits=self._limits,
            passwords=passwords,
            door=self._door(throttle),
            metrics=self._metrics,
        )
        await bus.open()
        stack.push_async_callback(bus.close)
        services.start()
        stack.push_async_callback(services.stop, DRAIN)
        admission = Admission(self._limits, throttle)
        self._metrics.watch("connections", "Connections now.", lambda: admission.total)
        self._metrics.watch("connections_signed_in", "Connections now that have signed in.", lambda: admission.known)
        self._metrics.watch("commit_queue", "Operations that wait for a commit.", lambda: services.log.waiting)
        return Registry(
            limits=self._limits,
            metrics=self._metrics,
            admission=admission,
            dispatcher=MessageDispatcher(services),
            welcome=self._welcome(),
        )

    def _door(self, addresses: Throttle) -> Door:
        limits = self._limits
        return Door(
            registration=self._settings.registration,
            addresses=addresses,
            guesses_by_account=self._guesses(limits.failure_free),
            guesses_by_address=self._guesses(limits.failure_free_address),
            everyone=Throttle(self._clock, rate=limits.sign_in_rate, burst=limits.sign_in_burst),
        )

    def _guesses(self, free: int) -> FailureThrottle:
        limits = self._limits
        return FailureThrottle(self._clock, free=free, delay=limits.failure_delay, delay_max=limits.failure_delay_max)

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
            stack.push_async_callback(_cancel, task)

    def _check_on(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical("A part of the server failed; ending", exc_info=error)
            self.failed = True
            self.stop()

    async def _beat(self) -> None:
        while True:
            self._health.beat()
            await asyncio.sleep(BEAT)

    async def _probe(self, store: Store) -> None:
        while True:
            healthy = await store.healthy()
            self._health.report("database", None if healthy else "does not answer or take writes")
            await asyncio.sleep(PROBE)

    async def _leave_when_empty(self, registry: Registry, seconds: float) -> None:
        while True:
            await asyncio.sleep(min(BEAT, seconds / 4))
            if not registry.open and registry.loop.time() - registry.empty_since >= seconds:
                log.info("Nobody was connected for %g s; ending", seconds)
                self.stop()
                return


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
