"""Who may connect now: caps on connections, and a rate per address."""

from __future__ import annotations

from collections import Counter
from random import randint

from mrccsc_server.security.throttle import Throttle
from mrccsc_shared.limits import Limits


class Admission:
    """Counts the connections of the node, and by address those that have not signed in yet (``silent``).

    ``addresses`` is the rate of new connections and sign-ins per address.
    """

    def __init__(self, limits: Limits, addresses: Throttle) -> None:
        self._limits = limits
        self._addresses = addresses
        self._total = 0
        self._known = 0
        self._silent: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Connections that have entered and not left."""
        return self._total

    @property
    def known(self) -> int:
        """Those of them that have signed in."""
        return self._known

    def enter(self, address: str) -> int:
        """Count a new connection: 0, or uncounted the milliseconds after which it may come back."""
        if self._total >= self._limits.connections or self._silent[address] >= self._limits.silent_per_address:
            # Spread, so that the refused do not all come back in the same moment.
            return randint(1_000, 5_000)
        if wait := self._addresses.take(address):
            return wait + randint(0, 1_000)
        self._total += 1
        self._silent[address] += 1
        return 0

    def signed_in(self, address: str) -> None:
        """A connection is no longer silent."""
        self._known += 1
        self._forget_silent(address)

    def leave(self, address: str, *, silent: bool) -> None:
        """A connection has ended; ``silent`` when it never signed in."""
        self._total -= 1
        if silent:
            self._forget_silent(address)
        else:
            self._known -= 1

    def _forget_silent(self, address: str) -> None:
        self._silent[address] -= 1
        if not self._silent[address]:
            del self._silent[address]
