"""Rates per key, and delays that grow with failures. Memory is bounded; nothing locks anyone out for good."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from mrccsc_server.ports import Clock

KEYS = 65_536
"""Keys that one throttle remembers; beyond it those that were used longest ago are forgotten first."""

_EXPONENT_MAX = 32


class Throttle:
    """A rate per key with a burst: a token bucket in its one-number form (GCRA).

    Stored per key is the moment at which its bucket will be full again, so a full bucket needs no memory at all.
    """

    def __init__(self, clock: Clock, *, rate: float, burst: int, keys: int = KEYS) -> None:
        self._monotonic = clock.monotonic
        self._interval = 1.0 / rate
        self._tolerance = burst / rate
        self._ahead = self._tolerance - self._interval + 1e-9
        """Seconds from now until a bucket is full again, at which one more may be taken."""
        self._keys = keys
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def take(self, key: object) -> int:
        """Take one from the key's bucket: 0, or untouched the milliseconds after which it would succeed."""
        now = self._monotonic()
        known = self._full_at
        full_at = max(known.get(key, now), now)
        if (wait := full_at - now - self._ahead) > 0:
            return max(1, round(wait * 1000))
        known[key] = full_at + self._interval
        known.move_to_end(key)
        if len(known) > self._keys:
            self._forget(now)
        return 0

    def give_back(self, key: object) -> None:
        """Put one back that was taken for nothing."""
        if (full_at := self._full_at.get(key)) is not None:
            self._full_at[key] = full_at - self._interval

    def charge(self, key: object) -> None:
        """Take one that was allowed elsewhere. What is owed so stays below one burst."""
        now = self._monotonic()
        full_at = max(self._full_at.get(key, now), now)
        self._full_at[key] = min(full_at + self._interval, now + 2 * self._tolerance)
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._keys:
            self._forget(now)

    def _forget(self, now: float) -> None:
        while self._full_at:
            key, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._keys:
                return
            del self._full_at[key]


@dataclass(slots=True)
class _Record:
    count: int
    until: float
    last: float


class FailureThrottle:
    """Makes guessing slow, per key (an account, an address).

    After ``free`` failures each further one closes its key for ``delay`` seconds, doubling up to ``delay_max``. For
    every ``delay_max`` seconds without a failure one is forgiven. An attempt counts as failed from its beginning until
    :meth:`forgive`, so that many at once gain nothing.
    """

    def __init__(self, clock: Clock, *, free: int, delay: float, delay_max: float, keys: int = KEYS) -> None:
        self._clock = clock
        self._free = free
        self._delay = delay
        self._delay_max = delay_max
        self._keys = keys
        self._records: OrderedDict[object, _Record] = OrderedDict()

    def attempt(self, *keys: object) -> int:
        """Begin an attempt under all of ``keys``: 0, or without counting it the milliseconds to wait first."""
        now = self._clock.monotonic()
        until = max((record.until for key in keys if (record := self._records.get(key))), default=now)
        if until > now:
            return max(1, round((until - now) * 1000))
        for key in keys:
            self._count(key, now)
        return 0

    def forgive(self, *keys: object) -> None:
        """Take one attempt back: it was right, or could not be judged."""
        now = self._clock.monotonic()
        for key in keys:
            record = self._records.get(key)
            if record is None:
                continue
            record.count -= 1
            record.until = now
            if record.count <= 0:
                del self._records[key]

    def _count(self, key: object, now: float) -> None:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record(0, now, now)
        record.count = max(0, record.count - int((now - record.last) / self._delay_max)) + 1
        record.last = now
        beyond = record.count - self._free
        if beyond > 0:
            record.until = now + min(self._delay_max, self._delay * 2.0 ** min(beyond - 1, _EXPONENT_MAX))
        self._records.move_to_end(key)
        while len(self._records) > self._keys:
            self._records.popitem(last=False)
