"""Time."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time that tests can turn."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back. For intervals."""
        ...

    def now(self) -> int:
        """Milliseconds since 1970 by this machine's clock. For showing only; entries use the database's."""
        ...
