"""What no hint brought is found in the database.

Conversations and memberships are compared with it: soon after a gap, all the time while the bus is away, and now and
then in any case. Mostly only what was touched since the last look; all of it from time to time. Looking back, a look
overlaps the one before by more than a transaction may take, for an entry's time is taken before its commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from mrccsc_server.ports import Bus, Clock, Store
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.live import Live
from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)

TICK = 0.7
"""Seconds between two looks while the bus is away: what was committed is delivered within two seconds."""

WATCH = 30.0
"""Seconds of such looks after each sign that hints do not come: it may be another node whose bus is away."""

SWEEP = 10.0
"""Seconds between two looks for what was touched, while the bus carries hints."""

FULL = 60.0
"""Seconds between two comparisons of everything, touched or not."""

CONVS = 2_000
"""Conversations compared by one query."""

USERS = 200
"""Users compared by one query."""

PAUSE = 0.05
"""Seconds between two queries of what has time."""

T = TypeVar("T")


class Sweep:
    """Compares what is live here with the database."""

    def __init__(
        self,
        store: Store,
        live: Live,
        gaps: Gaps,
        bus: Bus,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._live = live
        self._gaps = gaps
        self._bus = bus
        self._clock = clock
        self._overlap = round((limits.database_time + 5) * 1000)
        self._since: int | None = None
        self._lost = asyncio.Event()
        self._fetches = 0
        self._watch_until = 0.0

    def gap(self) -> None:
        """Hints may have been lost."""
        self._lost.set()

    async def run(self) -> None:
        """Look, whenever it is due, until cancelled. While the database is away it is tried again and again."""
        due = full_due = self._clock.monotonic() + SWEEP
        while True:
            try:
                async with asyncio.timeout(TICK):
                    await self._lost.wait()
            except TimeoutError:
                pass
            lost = self._lost.is_set()
            self._lost.clear()
            now = self._clock.monotonic()
            try:
                if self.is_watchful(lost=lost) or now >= due:
                    await self.look()
                    due = now + SWEEP
                    self._gaps.prune()
                if now >= full_due and self._bus.connected:
                    await self.compare()
                    full_due = now + FULL
            except Refusal:
                # It is due still. What a gap has lost since the last look is within the next one.
                due = now
            except Exception:
                log.exception("A comparison with the database failed; it is repeated")
                due = now + SWEEP

    def is_watchful(self, *, lost: bool = False) -> bool:
        """Whether to look at every tick: the bus is away, or hints were ``lost`` or did not come lately."""
        if lost or self._gaps.fetches != self._fetches:
            self._fetches = self._gaps.fetches
            self._watch_until = self._clock.monotonic() + WATCH
        return not self._bus.connected or self._clock.monotonic() < self._watch_until

    async def look(self) -> None:
        """Compare what was touched since the last look. Raises :class:`Refusal`."""
        now = await self._store.log.now()
        since = None if self._since is None else min(now, self._since) - self._overlap
        await self._compare_heads(since, 0)
        await self._compare_memberships(since, 0)
        self._since = now

    async def compare(self) -> None:
        """Compare everything, without haste. Raises :class:`Refusal`."""
        await self._compare_heads(None, PAUSE)
        await self._compare_memberships(None, PAUSE)

    async def _compare_heads(self, since: int | None, pause: float) -> None:
        for convs in _parts(list(self._live.conversations), CONVS):
            applied = {conv: self._live.applied(conv) for conv in convs}
            for conv, head in (await self._store.log.heads(convs, since)).items():
                if head < (applied[conv] or 0):
                    log.warning("A conversation is shorter than what was delivered; its members begin anew.")
                    self._live.restart(conv)
                else:
                    self._live.expect(conv, head)
            await asyncio.sleep(pause)

    async def _compare_memberships(self, since: int | None, pause: float) -> None:
        for users in _parts(list(self._live.users), USERS):
            for user, convs in (await self._store.conversations.memberships(users, since)).items():
                for conv in convs:
                    if not self._live.is_inside(user, conv):
                        self._gaps.unseen(conv, user)
                        self._watch_until = self._clock.monotonic() + WATCH
            await asyncio.sleep(pause)


def _parts(whole: Sequence[T], size: int) -> Iterator[list[T]]:
    parts = iter(whole)
    while part := list(islice(parts, size)):
        yield part
