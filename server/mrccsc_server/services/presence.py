"""Who is here: a lease per connection, how the user chose to be seen, and a grace for those who move.

A change is told to friends only, and only when what they see changed: moving between nodes within the grace does not
flicker, and ``invisible`` looks offline.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import cast

from mrccsc_server.ports import Account, Bus, Clock, Contacts, UserHint
from mrccsc_server.services.live import Live
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.presence import ChosenStatus, Presence, PresenceEvent

log = logging.getLogger(__name__)

LAST_SEEN_KEPT = 100_000
"""Users whose last moment here is remembered."""


_ABSENT = ("offline", None)

Spawn = Callable[[Coroutine[object, object, None]], object]
"""Runs a coroutine in the background and reports its failure."""


@dataclass(slots=True)
class _Here:
    """A user who is here, or was a moment ago."""

    status: ChosenStatus
    text: str | None
    connections: int = 0
    grace: asyncio.TimerHandle | None = None


class PresenceService:
    """The presence of the users of this node."""

    def __init__(
        self,
        contacts: Contacts,
        live: Live,
        bus: Bus,
        clock: Clock,
        limits: Limits,
        spawn: Spawn,
    ) -> None:
        self._contacts = contacts
        self._live = live
        self._bus = bus
        self._clock = clock
        self._grace = limits.presence_grace
        self._spawn = spawn
        self._here: dict[int, _Here] = {}
        self._last_seen: OrderedDict[int, int] = OrderedDict()
        self._told: dict[int, tuple[str, str | None]] = {}
        self._telling: set[int] = set()

    def enter(self, account: Account) -> None:
        """One more connection of a user."""
        here = self._here.get(account.user)
        if here is None:
            here = self._here[account.user] = _Here(account.status, account.status_text)
        if here.grace is not None:
            here.grace.cancel()
            here.grace = None
        here.connections += 1
        self._tell(account.user)

    def leave(self, user: int, *, at_once: bool) -> None:
        """One connection less; the last one takes the user offline, ``at_once`` or after the grace."""
        here = self._here.get(user)
        if here is None:
            return
        here.connections -= 1
        if here.connections > 0:
            return
        if at_once or not self._grace:
            self._depart(user)
        elif here.grace is None:
            here.grace = asyncio.get_running_loop().call_later(self._grace, self._depart, user)

    def choose(self, user: int, status: ChosenStatus, text: str | None) -> None:
        """The user wants to be seen like this."""
        if here := self._here.get(user):
            if status == "invisible" and here.status != "invisible":
                self._remember(user)
            here.status, here.text = status, text
            self._tell(user)

    def of(self, user: int) -> Presence:
        """How a user is seen now."""
        here = self._here.get(user)
        if here is not None and here.status != "invisible":
            seen: Presence = {"user": user, "status": here.status}
            if here.text:
                seen["text"] = here.text
            return seen
        absent: Presence = {"user": user, "status": "offline"}
        if last_seen := self._last_seen.get(user):
            absent["last_seen"] = last_seen
        return absent

    def _depart(self, user: int) -> None:
        here = self._here.get(user)
        if here is None or here.connections > 0:
            return
        if here.grace is not None:
            here.grace.cancel()
        del self._here[user]
        if here.status != "invisible":
            self._remember(user)
        self._tell(user)

    def _remember(self, user: int) -> None:
        self._last_seen[user] = self._clock.now()
        self._last_seen.move_to_end(user)
        if len(self._last_seen) > LAST_SEEN_KEPT:
            self._last_seen.popitem(last=False)

    def _tell(self, user: int) -> None:
        if user not in self._telling:
            self._telling.add(user)
            self._spawn(self._tell_friends(user))

    async def _tell_friends(self, user: int) -> None:
        """Tell friends what changed. One at a time per user, so that the last word is the present state."""
        try:
            while (seen := self._look(user)) != self._told.get(user, _ABSENT):
                if seen == _ABSENT:
                    self._told.pop(user, None)
                else:
                    self._told[user] = seen
                line = encode(presence_event(self.of(user)))
                self._send(await self._contacts.friends(user), line)
        except Refusal:
            log.warning("Friends were not told of a presence: the database does not answer.")
            self._told.pop(user, None)
        finally:
            self._telling.discard(user)

    def _look(self, user: int) -> tuple[str, str | None]:
        seen = self.of(user)
        return seen["status"], seen.get("text")

    def _send(self, friends: Collection[int], line: bytes) -> None:
        self._live.to_users(friends, line)
        self._bus.publish([UserHint(tuple(friends), line)])


def presence_event(seen: Presence) -> PresenceEvent:
    """The event that says so."""
    return cast(PresenceEvent, {"type": "presence", **seen})
