"""What is missing here is fetched from the database: entries that no hint brought, views for those who came in so.

Each conversation is fetched once at a time. What cannot be fetched now is tried again with growing pauses for as long
as somebody here is in the conversation; what is missing meanwhile holds up that conversation and no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from random import uniform

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Bus, Store
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival
from mrccsc_shared.errors import Refusal

log = logging.getLogger(__name__)

PATIENCE = 0.02
"""Seconds in which a hint that is late may still come before the database is asked."""

BACKOFF = (0.05, 2.0)
"""Seconds before the first and before each later repetition of what failed."""

FETCHED = 200
"""Entries fetched at once."""


class Gaps:
    """Implements :class:`.gap_handler.GapHandler`, and keeps the bus told of what is live here."""

    def __init__(self, store: Store, bus: Bus, spawn: Spawn, *, patience: float = PATIENCE) -> None:
        self._store = store
        self._bus = bus
        self._spawn = spawn
        self._patience = patience
        self._live: Live
        self._closing: set[int] = set()
        self._unseen: dict[int, set[int]] = {}
        self._showing: set[int] = set()
        self._entered: set[int] = set()
        self._users: set[int] = set()
        self._conversations: set[int] = set()
        self.fetches = 0
        """How often the database had what no hint had brought."""

    def attach(self, live: Live) -> None:
        """Say where things are missing."""
        self._live = live

    # -- what is missing -------------------------------------------------------------------------------------------

    def behind(self, conv: int) -> None:
        """See :class:`GapHandler`."""
        if conv not in self._closing:
            self._closing.add(conv)
            self._spawn(self._close(conv))

    def entered(self, conv: int) -> None:
        """See :class:`GapHandler`."""
        if not self._entered:
            self._spawn(self._follow_entered())
        self._entered.add(conv)

    def unseen(self, conv: int, user: int) -> None:
        """See :class:`GapHandler`."""
        self._unseen.setdefault(conv, set()).add(user)
        if conv not in self._showing:
            self._showing.add(conv)
            self._spawn(self._show(conv))

    async def _close(self, conv: int) -> None:
        try:
            await asyncio.sleep(self._patience)
            pause = BACKOFF[0]
            while (hole := self._live.hole(conv)) is not None:
                after, upto = hole
                try:
                    entries = await self._store.log.range(conv, after, min(upto, after + FETCHED))
                except Refusal:
                    entries = []
                if entries:
                    self.fetches += 1
                    pause = BACKOFF[0]
                    for entry in entries:
                        self._live.deliver(Arrival(Stored(entry)), fetched=True)
                else:
                    # The database is away, or it is one that does not have these entries (see the sweep).
                    await asyncio.sleep(pause * uniform(0.5, 1.0))
                    pause = min(BACKOFF[1], pause * 2)
        finally:
            self._closing.discard(conv)

    async def _show(self, conv: int) -> None:
        try:
            while users := self._unseen.pop(conv, None):
                if users := set(self._live.admit(conv, users)):
                    views = {}
                    try:
                        await self.follow((), (conv,))
                        views = await self._store.conversations.views(conv, users)
                    except Refusal:
                        log.warning("A new conversation was not shown yet: the database does not answer.")
                    finally:
                        self._live.settle_in(conv, users, views)
        finally:
            self._showing.discard(conv)

    async def _follow_entered(self) -> None:
        # All that came in within this turn of the loop.
        await asyncio.sleep(0)
        convs, self._entered = self._entered, set()
        await self.follow((), convs)
        try:
            heads = await self._store.log.heads(convs)
        except Refusal:
            # The sweep compares them.
            return
        for conv, head in heads.items():
            self._live.expect(conv, head)

    # -- what the bus is told --------------------------------------------------------------------------------------

    async def follow(self, users: Collection[int], convs: Collection[int]) -> None:
        """Return once the hints of these would arrive, or the bus is away."""
        new_users, new_convs = set(users) - self._users, set(convs) - self._conversations
        if new_users or new_convs:
            await self._bus.follow(new_users, new_convs)
            self._users |= new_users
            self._conversations |= new_convs

    def prune(self) -> None:
        """Follow no more what nobody here has use for. Called now and then, so that a short absence costs nothing."""
        users = self._users.difference(self._live.users)
        convs = self._conversations.difference(self._live.conversations)
        if users or convs:
            self._users -= users
            self._conversations -= convs
            self._bus.unfollow(users, convs)
