"""Who is here: how a user chose to be seen, told to friends on all nodes, with a grace for those who move.

The lease store knows who is connected; this service keeps it told of the users of this node, and tells friends what it
says. A change is told to friends only. What the store cannot say is unknown, which is never shown as offline.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import cast

from mrccsc_server.ports import Account, Bus, Chosen, Contacts, Presence, PresenceHint
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.live import Live
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.presence import Presence as Seen
from mrccsc_shared.messages.presence import PresenceEvent

log = logging.getLogger(__name__)

BATCH = 500
"""Users that are asked about at once."""

PAUSE = 0.05
"""Seconds between two batches of what has time."""

SWEEP = 20.0
"""Seconds between two looks at all friends of those here."""

RETRY = 1.0
"""Seconds before friends are looked for again after the database did not answer."""


@dataclass(slots=True)
class _Here:
    """A user who is here, or was a moment ago. ``said`` is what the lease store was told."""

    chosen: Chosen
    connections: int = 0
    grace: asyncio.TimerHandle | None = None
    said: bool = False

    @property
    def stays(self) -> bool:
        return self.connections > 0 or self.grace is not None


class PresenceService:
    """The presence of the users of this node, and of their friends."""

    def __init__(
        self,
        contacts: Contacts,
        presence: Presence,
        live: Live,
        bus: Bus,
        limits: Limits,
        spawn: Spawn,
    ) -> None:
        self._contacts = contacts
        self._presence = presence
        self._live = live
        self._bus = bus
        self._grace = limits.presence_grace
        self._spawn = spawn
        self._here: dict[int, _Here] = {}
        self._due: dict[int, None] = {}
        """Those of whom the lease store may have to be told something."""
        self._agreeing = asyncio.Lock()
        self._unheard: set[int] = set()
        """Users who came, went or chose while nobody could be told."""
        self._changed: dict[int, None] = {}
        self._telling = False
        self._asked: dict[int, set[int]] = {}
        """Who is to be told how a user is seen."""
        self._asking = False
        self._told: dict[int, tuple[str, str]] = {}
        """What all who are here and may know were told of a user."""
        self._gap = asyncio.Event()
        presence.listen(self.tell)

    # -- the users of this node ------------------------------------------------------------------------------------

    async def enter(self, accounts: Iterable[Account]) -> None:
        """One more connection of each user. Returns when the others can see it, or the bus is away."""
        users = []
        for account in accounts:
            users.append(account.user)
            chosen = Chosen(account.status, account.status_text)
            here = self._here.get(account.user)
            if here is None:
                here = self._here[account.user] = _Here(chosen)
            elif not here.connections:
                # They may have chosen anew on another node meanwhile.
                here.chosen = chosen
            if here.grace is not None:
                here.grace.cancel()
                here.grace = None
            here.connections += 1
        await self._agree(users)

    def leave(self, user: int, *, at_once: bool) -> None:
        """One connection less; the last one takes the user offline, ``at_once`` or after the grace."""
        here = self._here.get(user)
        if here is None:
            return
        here.connections -= 1
        if here.connections > 0:
            return
        if at_once or not self._grace:
            self._depart(user, here)
        elif here.grace is None:
            here.grace = asyncio.get_running_loop().call_later(self._grace, self._depart, user, here)

    async def choose(self, user: int, chosen: Chosen) -> None:
        """The user wants to be seen like this, on all devices and nodes."""
        if here := self._here.get(user):
            here.chosen = chosen
            async with self._agreeing:
                await self._presence.choose(user, here.chosen)
            self._note(user)

    async def of(self, users: Collection[int]) -> dict[int, Seen]:
        """How users are seen now, for somebody who is told of it at once. Who is missing is unknown."""
        if not users:
            return {}
        seen = await self._presence.of(users)
        for user in users:
            if user not in seen:
                self._told.pop(user, None)
            elif user not in self._told and user not in self._asked:
                self._told[user] = _look(seen[user])
            elif self._told.get(user) != _look(seen[user]):
                # A hint is on its way, or lost.
                self.tell((user,))
        return seen

    def _depart(self, user: int, here: _Here) -> None:
        if here.grace is not None:
            here.grace.cancel()
            here.grace = None
        if not self._due:
            self._spawn(self._agree(()))
        self._due[user] = None

    async def _agree(self, users: Collection[int]) -> None:
        """Bring the lease store to what is true here, of these and all who are due.

        In one call for all who come meanwhile, and one after the other, so that the last word counts.
        """
        due = [user for user in users if self._here[user].stays != self._here[user].said]
        self._due.update(dict.fromkeys(due))
        if users and not due and not self._agreeing.locked():
            return
        async with self._agreeing:
            due, self._due = list(self._due), {}
            arrived: dict[int, Chosen] = {}
            departed: list[int] = []
            for user in due:
                here = self._here.get(user)
                if here is not None and here.stays != here.said:
                    here.said = here.stays
                    if here.said:
                        arrived[user] = here.chosen
                    else:
                        departed.append(user)
            changed = await self._presence.update(arrived, departed) if arrived or departed else set()
            for user in departed:
                here = self._here.get(user)
                if here is not None and not here.stays and not here.said:
                    del self._here[user]
        for user in changed if self._bus.connected else (*arrived, *departed):
            self._note(user)

    def _note(self, user: int) -> None:
        if self._bus.connected:
            self.tell((user,))
        else:
            self._unheard.add(user)

    # -- telling friends -------------------------------------------------------------------------------------------

    def tell(self, users: Collection[int]) -> None:
        """Users may be seen differently now: see that their friends on all nodes are told."""
        self._changed.update(dict.fromkeys(users))
        if self._changed and not self._telling:
            self._telling = True
            self._spawn(self._tell())

    async def _tell(self) -> None:
        try:
            while users := _take(self._changed):
                try:
                    friends = await self._contacts.friends_of(users)
                except Refusal:
                    log.warning("Friends are not told of a presence yet: the database does not answer.")
                    self._changed.update(dict.fromkeys(users))
                    await asyncio.sleep(RETRY)
                    continue
                hints = [PresenceHint(user, tuple(of)) for user, of in friends.items() if of]
                self._bus.publish(hints)
                for hint in hints:
                    self.hear(hint)
        finally:
            self._telling = False

    def hear(self, hint: PresenceHint) -> None:
        """Friends who are here are to be told how a user is seen now."""
        if readers := [friend for friend in hint.friends if friend in self._live.users]:
            self._ask(hint.user, readers)

    def _ask(self, user: int, readers: Iterable[int]) -> None:
        self._asked.setdefault(user, set()).update(readers)
        if not self._asking:
            self._asking = True
            self._spawn(self._answer())

    async def _answer(self) -> None:
        """Look up and tell, batch by batch: what is heard during a look-up is looked up again after it."""
        try:
            while users := list(islice(self._asked, BATCH)):
                readers = {user: self._asked.pop(user) for user in users}
                for user, seen in (await self._presence.of(users)).items():
                    if self._told.get(user) != _look(seen):
                        self._told[user] = _look(seen)
                        self._live.to_users(readers[user], encode(presence_event(seen)))
        finally:
            self._asking = False

    # -- what no hint brought --------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Hints were lost, or nothing was known: tell of those here whom nobody heard of, and look at all friends."""
        self.tell(self._unheard)
        self._unheard.clear()
        self._gap.set()

    async def run(self) -> None:
        """Look at the friends of those here, after a gap and now and then, until cancelled."""
        while True:
            lost = False
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP):
                    lost = await self._gap.wait()
            self._gap.clear()
            try:
                await self.compare(lost=lost)
            except Refusal:
                if lost:
                    self._gap.set()
                await asyncio.sleep(RETRY)

    async def compare(self, *, lost: bool = False) -> None:
        """See that those here are told how their friends are seen now, after a gap in any case. Raises
        :class:`Refusal`.
        """
        readers: defaultdict[int, set[int]] = defaultdict(set)
        users = dict.fromkeys(self._live.users)
        while part := _take(users):
            for user, friends in (await self._contacts.friends_of(part)).items():
                for friend in friends:
                    readers[friend].add(user)
            await asyncio.sleep(PAUSE)
        for user in [user for user in self._told if user not in readers]:
            del self._told[user]
        left = dict.fromkeys(readers)
        while part := _take(left):
            if lost:
                for user in part:
                    self._told.pop(user, None)
                    self._ask(user, readers[user])
            else:
                for user, seen in (await self._presence.of(part)).items():
                    if self._told.get(user) != _look(seen):
                        self._ask(user, readers[user])
            await asyncio.sleep(PAUSE)


def _look(seen: Seen) -> tuple[str, str]:
    return seen["status"], seen.get("text", "")


def _take(users: dict[int, None]) -> list[int]:
    taken = list(islice(users, BATCH))
    for user in taken:
        del users[user]
    return taken


def presence_event(seen: Seen) -> PresenceEvent:
    """The event that says so."""
    return cast(PresenceEvent, {"type": "presence", **seen})
