"""Throttles of one process, as :class:`mrccsc_server.ports.Throttles`."""

from __future__ import annotations

from collections.abc import Sequence

from mrccsc_server.ports import Clock
from mrccsc_server.security.throttle import FailureThrottle, Throttle


class LocalThrottles:
    """Makes them. The same name means the same counts within the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rates: dict[str, LocalRate] = {}
        self._guesses: dict[str, LocalFailureThrottle] = {}

    def rate(self, name: str, *, rate: float, burst: int) -> LocalRate:
        """See the port."""
        if name not in self._rates:
            self._rates[name] = LocalRate(Throttle(self._clock, rate=rate, burst=burst))
        return self._rates[name]

    def guesses(self, name: str, *, free: int, delay: float, delay_max: float) -> LocalFailureThrottle:
        """See the port."""
        if name not in self._guesses:
            throttle = FailureThrottle(self._clock, free=free, delay=delay, delay_max=delay_max)
            self._guesses[name] = LocalFailureThrottle(throttle)
        return self._guesses[name]


class LocalRate:
    """See the port."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    async def take(self, key: str) -> int:
        """See the port."""
        return self._throttle.take(key)

    async def take_all(self, keys: Sequence[str]) -> list[int]:
        """See the port."""
        return [self._throttle.take(key) for key in keys]


class LocalFailureThrottle:
    """See the port."""

    def __init__(self, throttle: FailureThrottle) -> None:
        self._throttle = throttle

    async def attempt(self, key: str) -> int:
        """See the port."""
        return self._throttle.attempt(key)

    async def forgive(self, key: str) -> None:
        """See the port."""
        self._throttle.forgive(key)
