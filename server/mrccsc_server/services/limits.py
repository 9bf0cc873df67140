"""The rates that apply to a signed-in user."""

from __future__ import annotations

from mrccsc_server.ports import Clock
from mrccsc_server.security.throttle import Throttle
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import TYPING_INTERVAL, Limits


class Rates:
    """Token buckets per user: ``sends`` for entries, ``changes`` for people and groups, ``requests`` for the rest."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self.sends = Throttle(clock, rate=limits.sends_rate, burst=limits.sends_burst)
        self.changes = Throttle(clock, rate=limits.changes_rate, burst=limits.changes_burst)
        self.requests = Throttle(clock, rate=limits.requests_rate, burst=limits.requests_burst)
        self.typing = Throttle(clock, rate=1 / TYPING_INTERVAL, burst=1)

    def require(self, throttle: Throttle, key: object) -> None:
        """Take one from a bucket, or raise ``rate_limited``."""
        if wait := throttle.take(key):
            raise Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
