"""The rates that apply to a signed-in user."""

from __future__ import annotations

from typing import Literal

from mrccsc_server.ports import Clock
from mrccsc_server.security.throttle import Throttle
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import TYPING_INTERVAL, Limits

Rate = Literal["sends", "changes", "requests"]
"""What the requests of a handler are counted under."""


class Rates:
    """Token buckets per user: ``sends`` for entries, ``changes`` for people and groups, ``requests`` for the rest."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self.sends = Throttle(clock, rate=limits.sends_rate, burst=limits.sends_burst)
        self.changes = Throttle(clock, rate=limits.changes_rate, burst=limits.changes_burst)
        self.requests = Throttle(clock, rate=limits.requests_rate, burst=limits.requests_burst)
        self.typing = Throttle(clock, rate=1 / TYPING_INTERVAL, burst=1)

        self.by_name: dict[Rate, Throttle] = {"sends": self.sends, "changes": self.changes, "requests": self.requests}

    def require(self, rate: Rate, user: int) -> None:
        """Take one from a user's bucket, or raise ``rate_limited``."""
        if wait := self.by_name[rate].take(user):
            raise Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
