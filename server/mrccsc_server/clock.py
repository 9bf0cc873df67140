"""The machine's clock, as :class:`mrccsc_server.ports.Clock`."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def now(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000
