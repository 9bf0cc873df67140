"""Rates and delays that hold across the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Rate(Protocol):
    """A rate per key with a burst. While the shared store is away, each node counts alone."""

    async def take(self, key: str) -> int:
        """Take one: 0, or without taking it the milliseconds after which it would succeed. Never raises."""
        ...

    async def take_all(self, keys: Sequence[str]) -> list[int]:
        """Take one of each, in order, in one call."""
        ...


class FailureThrottle(Protocol):
    """Makes guessing slow, per key, as :class:`mrccsc_server.security.throttle.FailureThrottle` says."""

    async def attempt(self, key: str) -> int:
        """Begin an attempt, which counts as failed until :meth:`forgive`: 0, or uncounted the milliseconds to wait."""
        ...

    async def forgive(self, key: str) -> None:
        """Take one attempt back: it was right, or could not be judged."""
        ...


class Throttles(Protocol):
    """Makes them. ``name`` tells apart what is counted; the same name means the same counts on every node."""

    def rate(self, name: str, *, rate: float, burst: int) -> Rate:
        """``rate`` a second, and ``burst`` at once."""
        ...

    def guesses(self, name: str, *, free: int, delay: float, delay_max: float) -> FailureThrottle:
        """Free failures, then delays in seconds that double up to a largest one."""
        ...
