"""Hints that wait for the bus, bounded by bytes."""

from __future__ import annotations

from collections import Counter, deque

from mrccsc_server.cluster.redis.hints import Parcel, head_parcel

CALL_BYTES = 512 * 1024
CALL_HINTS = 500
"""What travels in one call, and so in one bundle, save that a single hint may be larger."""

BACKLOG = 1024 * 1024
"""Bytes above which only heads travel: whoever is that far behind is served better by the database."""


class Outgoing:
    """A queue of parcels in order.

    Beyond :data:`BACKLOG` its entries become heads, one a conversation; what does not fit even so is dropped, counted,
    and remembered in :attr:`dropped`.
    """

    def __init__(self, limit: int, counters: Counter[str]) -> None:
        self._limit = limit
        self._counters = counters
        self._parcels: deque[Parcel] = deque()
        self._condense_above = BACKLOG
        self.size = 0
        """Bytes that wait."""
        self.dropped = False
        """Whether others must be told that they missed something."""

    def __len__(self) -> int:
        return len(self._parcels)

    @property
    def owes(self) -> bool:
        """Whether there is something to send, or to tell of."""
        return bool(self._parcels) or self.dropped

    def put(self, parcel: Parcel) -> None:
        """Add one, or drop it."""
        if self.size + parcel.size > self._limit:
            self.drop()
            return
        self._parcels.append(parcel)
        self.size += parcel.size
        if self.size > self._condense_above:
            self._condense()

    def take(self) -> list[Parcel]:
        """What goes into the next call."""
        if self.size <= CALL_BYTES and len(self._parcels) <= CALL_HINTS:
            taken = list(self._parcels)
            self._parcels.clear()
            self.size = 0
            self._condense_above = BACKLOG
            return taken
        taken, size = [], 0
        while self._parcels and len(taken) < CALL_HINTS:
            size += self._parcels[0].size
            if taken and size > CALL_BYTES:
                break
            taken.append(self._parcels.popleft())
            self.size -= taken[-1].size
        return taken

    def drop(self, count: int = 1) -> None:
        """Note that some were lost."""
        self.dropped = True
        self._counters["hints_dropped"] += count

    def _condense(self) -> None:
        heads = {parcel.conv: parcel.head for parcel in self._parcels if parcel.conv}
        kept: deque[Parcel] = deque()
        for parcel in reversed(self._parcels):
            if not parcel.conv:
                kept.appendleft(parcel)
            elif head := heads.pop(parcel.conv, 0):
                kept.appendleft(head_parcel(parcel.conv, head))
        self._counters["hints_condensed"] += len(self._parcels) - len(kept)
        self._parcels = kept
        self.size = sum(parcel.size for parcel in kept)
        # Not again for every single one that comes.
        self._condense_above = max(BACKLOG, 2 * self.size)
