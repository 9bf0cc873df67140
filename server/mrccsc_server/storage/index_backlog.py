"""What search has not seen yet, as far as this process knows."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from sys import getsizeof

from mrccsc_server.domain.state import EntryRow

HELD = 32_000_000
"""Bytes of entries that are kept, some 50,000 short messages; what comes beyond is read from the database when its turn
has come."""

ENTRY = 500
"""Bytes that an entry takes beside its text and its data: 400 where many are of one conversation, 550 where each is the
only one of its own (``tracemalloc`` on CPython 3.11, with the strings, numbers and lists that are made for it)."""


class IndexBacklog:
    """Conversations with entries that search has not seen, and those entries where they are at hand. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._convs: dict[int, list[EntryRow] | None] = {}
        """The entries by conversation in the order they came; ``None`` where they must be read."""
        self._held = 0

    def __len__(self) -> int:
        """How many conversations."""
        return len(self._convs)

    def add(self, convs: Iterable[int]) -> None:
        """Remember conversations whose entries must be read; those known already keep their place."""
        with self._lock:
            for conv in convs:
                self._forget(conv)

    def add_entries(self, entries: Iterable[EntryRow]) -> None:
        """Remember new entries. What one commit has made must be told before what the next one has made."""
        with self._lock:
            for entry in entries:
                known = self._convs.setdefault(entry.conv, [])
                if known is None:
                    continue
                known.append(entry)
                self._held += _size(entry)
                if self._held > HELD:
                    self._forget(entry.conv)

    def take(self, count: int, entries: int) -> dict[int, list[EntryRow] | None]:
        """Of those that wait longest at most ``count``, with so many ``entries``. They are forgotten.

        What is left of a conversation waits behind all others. Where one must be read, nothing that is at hand is taken
        after it: it would leave no ``entries`` for that.
        """
        taken: dict[int, list[EntryRow] | None] = {}
        to_read = False
        with self._lock:
            for conv, known in list(islice(self._convs.items(), count)):
                if known is None:
                    to_read = True
                elif to_read:
                    break
                del self._convs[conv]
                if known is not None and len(known) > entries:
                    taken[conv], self._convs[conv] = known[:entries], known[entries:]
                else:
                    taken[conv] = known
                self._held -= sum(map(_size, taken[conv] or ()))
                entries -= len(taken[conv] or ())
                if entries <= 0:
                    break
        return taken

    def _forget(self, conv: int) -> None:
        self._held -= sum(map(_size, self._convs.get(conv) or ()))
        self._convs[conv] = None


def _size(entry: EntryRow) -> int:
    return ENTRY + getsizeof(entry.text) + getsizeof(entry.data)
