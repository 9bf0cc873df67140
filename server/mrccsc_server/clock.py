"""The machine's clock, as :class:`mrccsc_server.ports.Clock`."""

from __future__ import annotations

import time


class SystemClock:
    """Real time."""

    monotonic = staticmethod(time.monotonic)  # Asked for every message: no call around it.

    def now(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000
