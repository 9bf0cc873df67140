"""How long to wait before the next try: exponential with full jitter, so that many clients do not come at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Counts the tries since the last success. Times are seconds; ``random`` gives values in [0, 1)."""

    random: Callable[[], float]
    first: float = 0.5
    longest: float = 30.0
    attempt: int = 0

    def next(self, at_least: float | None = None) -> float:
        """The wait before the next try; not shorter than what the server asked for."""
        span = min(self.longest, self.first * 2.0 ** min(self.attempt, 30))
        self.attempt += 1
        if at_least is None:
            return span * self.random()
        return at_least + min(span, self.first) * self.random()

    def reset(self) -> None:
        """It worked."""
        self.attempt = 0
