"""The database's clock, carried on from when it was last asked: asking takes a round trip."""

from __future__ import annotations

import time
from collections.abc import Callable

CARRIED = 1.0
"""Seconds for which a time that the database told is carried on by the steady clock of this machine."""

SLOW = 0.25
"""Seconds of an answer on its way from which on nobody knows well enough when it was given."""


class DatabaseClock:
    """What the database's clock shows: no more than :data:`SLOW` behind, and what the paces of two clocks differ by."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = 0
        self._told_at = -CARRIED

    @property
    def now(self) -> int | None:
        """Milliseconds, unless it is too long since the database was asked."""
        passed = self._clock() - self._told_at
        return self._told + int(passed * 1000) if passed < CARRIED else None

    def begin(self) -> float:
        """When a question is sent."""
        return self._clock()

    def set(self, told: int, began: float) -> None:
        """Take the answer to a question that was sent at ``began``."""
        now = self._clock()
        if now - began < SLOW:
            self._told, self._told_at = told, now
