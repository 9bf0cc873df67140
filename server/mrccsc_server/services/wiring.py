"""All use cases of a node, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Clock, Cluster, Store
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.services.background import Background
from mrccsc_server.services.digest import digester
from mrccsc_server.services.door import make_door
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.hint_dispatcher import HintDispatcher
from mrccsc_server.services.index_pacing import IndexPacing
from mrccsc_server.services.limits import Rates
from mrccsc_server.services.live import Live
from mrccsc_server.services.log import LogService
from mrccsc_server.services.opening import Opening
from mrccsc_server.services.people import People
from mrccsc_server.services.presence import PresenceService
from mrccsc_server.services.reading import Reading
from mrccsc_server.services.renewal import Renewal
from mrccsc_server.services.resuming import Resuming
from mrccsc_server.services.rooms import Rooms
from mrccsc_server.services.sign_in import SignIn
from mrccsc_server.services.sweep import Sweep
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import RegistrationMode

log = logging.getLogger(__name__)


class Services:
    """All use cases of a node, wired. Made once the store is open; :meth:`start` sets the background work going."""

    def __init__(
        self,
        *,
        store: Store,
        cluster: Cluster,
        clock: Clock,
        limits: Limits,
        passwords: Passwords,
        registration: RegistrationMode,
        metrics: Metrics,
    ) -> None:
        self.store = store
        self.limits = limits
        self.metrics = metrics
        self.clock = clock
        self.digest = digester(store.log.secret)
        self.rates = Rates(clock, limits)
        self.background = Background()
        spawn, attend = self.background.spawn, self.background.attend
        bus = cluster.bus
        self.gaps = Gaps(store, bus, attend)
        self.live = Live(self.gaps)
        self.gaps.attach(self.live)
        self.log = LogService(store.log, self.live, bus, limits, committers=store.committers, committed=self._committed)
        self.presence = PresenceService(store.contacts, cluster.presence, self.live, bus, limits, attend)
        self.sweep = Sweep(store, self.live, self.gaps, bus, clock, limits)
        self.renewal = Renewal(store, self.live, self.presence)
        door = make_door(registration, cluster.throttles, clock, limits)
        opening = Opening(store, self.live, self.gaps, self.presence, self.renewal, spawn)
        resuming = Resuming(store, door, opening, spawn)
        self.sign_in = SignIn(store, self.live, opening, resuming, bus, passwords, door)
        self.people = People(store, self.live, self.presence, self.renewal, bus, spawn)
        self.rooms = Rooms(store, self.live, self.presence, bus, self.digest, spawn)
        self.reading = Reading(store)
        self.indexing = IndexPacing(store.search)
        hint_dispatcher = HintDispatcher(
            store, self.live, self.gaps, self.sweep, self.renewal, self.presence, self.sign_in, self.rates, attend
        )
        bus.listen(hint_dispatcher)

    def start(self) -> None:
        """Set going what runs as long as the node: committing, indexing, sweeping."""
        for work in (
            self.log.run(),
            self.indexing.run(),
            self.sign_in.sweep(),
            self.sweep.run(),
            self.renewal.run(),
            self.presence.run(),
        ):
            self.background.attend(work)

    async def stop(self, seconds: float) -> None:
        """Finish what is under way within ``seconds``, then end the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self.log.drain()
                await self.background.finish()
        except TimeoutError:
            log.warning("Some requests were not finished in time; their clients will repeat them.")
        await self.background.cancel()

    def _committed(self, operations: int, seconds: float, stored: Iterable[Stored]) -> None:
        self.indexing.committed(operations)
        self.metrics.commit_batch.observe(operations)
        self.metrics.commit_seconds.observe(seconds)
        self.metrics.entries.update([outcome.entry["kind"] for outcome in stored])
