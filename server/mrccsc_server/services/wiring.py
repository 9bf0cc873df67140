"""All use cases of a node, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import (
    Clock,
    Cluster,
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    PresenceHint,
    SessionsEnded,
    Store,
    UserHint,
    ViewHint,
)
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.services.digest import digester
from mrccsc_server.services.door import make_door
from mrccsc_server.services.gaps import Gaps
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
from mrccsc_server.services.roster import Arrival
from mrccsc_server.services.sign_in import SignIn
from mrccsc_server.services.sweep import Sweep
from mrccsc_server.telemetry.metrics import Metrics
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import RegistrationMode

log = logging.getLogger(__name__)

T = TypeVar("T")


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
        bus = cluster.bus
        self.gaps = Gaps(store, bus, self._attend)
        self.live = Live(self.gaps)
        self.gaps.attach(self.live)
        self.log = LogService(store.log, self.live, bus, limits, committers=store.committers, committed=self._committed)
        self.presence = PresenceService(store.contacts, cluster.presence, self.live, bus, limits, self._attend)
        self.sweep = Sweep(store, self.live, self.gaps, bus, clock, limits)
        self.renewal = Renewal(store, self.live, self.presence)
        door = make_door(registration, cluster.throttles, clock, limits)
        opening = Opening(store, self.live, self.gaps, self.presence, self.renewal, self.spawn)
        resuming = Resuming(store, door, opening, self.spawn)
        self.sign_in = SignIn(store, self.live, opening, resuming, bus, passwords, door)
        self.people = People(store, self.live, self.presence, self.renewal, bus, self.spawn)
        self.rooms = Rooms(store, self.live, self.presence, bus, self.digest, self.spawn)
        self.reading = Reading(store)
        self.indexing = IndexPacing(store.search)
        self._tasks: set[asyncio.Task[object]] = set()
        self._background: set[asyncio.Task[object]] = set()
        bus.listen(self)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something in the background of the node; its failure is logged."""
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

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
            self._attend(work)

    async def stop(self, seconds: float) -> None:
        """Finish what is under way within ``seconds``, then end the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self.log.drain()
                while self._tasks:
                    await asyncio.wait(list(self._tasks))
        except TimeoutError:
            log.warning("Some requests were not finished in time; their clients will repeat them.")
        pending = [*self._background, *self._tasks]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def _attend(self, work: Coroutine[object, object, None]) -> None:
        """Run something that nobody waits for when the node ends."""
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A background task failed", exc_info=error)

    def _committed(self, operations: int, seconds: float, stored: Iterable[Stored]) -> None:
        self.indexing.committed(operations)
        self.metrics.commit_batch.observe(operations)
        self.metrics.commit_seconds.observe(seconds)
        self.metrics.entries.update([outcome.entry["kind"] for outcome in stored])

    # -- what the other nodes say ----------------------------------------------------------------------------------

    def gap(self) -> None:
        """See :class:`mrccsc_server.ports.Hearer`."""
        self.sweep.gap()
        self.presence.renew()
        self.renewal.demand()
        self._attend(self.sign_in.check())

    def hear(self, hint: Hint) -> None:
        """See :class:`mrccsc_server.ports.Hearer`."""
        match hint:
            case EntryHint(outcome):
                if isinstance(outcome, Stored):
                    if outcome.entry["by"] in self.live.users:
                        self.rates.sends.charge(outcome.entry["by"])
                    self.store.log.heard(outcome.entry["conv"])
                    self.live.deliver(Arrival(outcome))
            case HeadHint(conv, head):
                self.store.log.heard(conv)
                self.live.expect(conv, head)
            case UserHint(users, line):
                self.live.to_users(users, line)
            case ViewHint(users, conv, line):
                self._hear_view(users, conv, line)
            case ContactHint(users, other, line):
                self.renewal.hear(users, other)
                self.live.to_users(users, line)
            case PresenceHint():
                self.presence.hear(hint)
            case ConversationHint(conv, line, but):
                self.live.to_members(conv, line, but)
            case SessionsEnded(user, sessions):
                self.sign_in.close(user, sessions)

    def _hear_view(self, users: Iterable[int], conv: int, line: bytes) -> None:
        """Send on the facts of a conversation; one that a user is new to is read from the database instead."""
        for user in users:
            if self.live.is_inside(user, conv):
                self.live.send_facts(user, conv, line)
            elif user in self.live.users:
                self.gaps.unseen(conv, user)
