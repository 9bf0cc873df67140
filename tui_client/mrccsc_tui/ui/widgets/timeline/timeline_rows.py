"""The rows of one conversation, numbered and measured: what the store holds, then what waits to be sent. No Textual.

The store's timeline is a live view that may have grown before anybody here hears of it. So these are the rows as of the
last ``sync``, which compares the two ends, and copies and measures only what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from mrccsc_tui.state.models import Pending, Row
from mrccsc_tui.ui.widgets.timeline.heights import ORIGIN, HeightIndex
from mrccsc_tui.ui.widgets.timeline.renderer import Item, RowRenderer, pending_changes

Key: TypeAlias = int | str
"""What names a row for as long as it exists: the seq of an entry, the cid of what is not sent yet."""


class TimelineRows:
    """All rows of a renderer by ordinal. ``rows`` defaults to what the store holds of the renderer's conversation."""

    def __init__(self, renderer: RowRenderer, rows: Sequence[Row] | None = None) -> None:
        self.renderer = renderer
        self._live = rows is None
        self._rows: list[Row] = list(rows or ())
        self._pending: list[Pending] = []
        self._base = ORIGIN
        self._known = 0
        self._first_seq = 0
        self.cursor = 0
        """Everything up to this seq has been taken in."""
        self.heights = HeightIndex(self._measure)
        self.reset()

    def __len__(self) -> int:
        return len(self.heights)

    def reset(self) -> None:
        """Begin anew from what the store holds; no ordinal from before is valid."""
        self._rows = list(self._held)
        self._note()
        self._base = ORIGIN
        self.heights.reset(self._base, self.tail + len(self._pending))

    def measure_again(self) -> None:
        """Forget all heights, because the width or a name changed; ordinals stay."""
        self.heights.reset(self.heights.first, self.heights.end)

    def sync(self, changed: Iterable[int] = ()) -> set[int] | None:
        """Take in what the store has gained, and measure the seqs ``changed`` again.

        Returns the ordinals before the old ``tail`` whose rows look different now; what stands from there on may too.
        ``None``: no ordinal from before is valid, the rows began anew.
        """
        held = self._held
        shifted = self._prepended(held)
        if shifted is None:
            self.reset()
            return None
        targets = {*changed, *self.renderer.changes}
        stale = {self._base} if shifted else set()
        self.heights.cut(self.tail)
        if self._live:
            # Only what is new is copied: there may be a hundred thousand rows.
            self._rows[:0] = held[:shifted]
            self._rows += held[len(self._rows) :]
        self._note()
        self._base -= shifted
        self.heights.grow(self._base, self.tail + len(self._pending))
        for seq in targets | self.renderer.changes.keys():
            ordinal = self.ordinal(seq)
            if ordinal is not None:
                self._rows[ordinal - self._base] = held[ordinal - self._base]
                stale |= {ordinal, ordinal + 1}
        for ordinal in stale:
            if ordinal < self.heights.end:
                self.heights.remeasure(ordinal)
        return stale

    @property
    def tail(self) -> int:
        """The ordinal after the last entry, where what waits to be sent begins."""
        return self._base + self._known

    def item(self, ordinal: int) -> Item:
        """The row with an ordinal of ``heights``."""
        index = ordinal - self._base
        return self._rows[index] if index < self._known else self._pending[index - self._known]

    def before(self, ordinal: int) -> Item | None:
        """The row above."""
        return self.item(ordinal - 1) if ordinal > self.heights.first else None

    def key(self, ordinal: int) -> Key:
        """What names the row beyond its ordinal."""
        item = self.item(ordinal)
        return item.cid if isinstance(item, Pending) else item.seq

    def ordinal(self, key: Key) -> int | None:
        """Where the row named ``key`` stands; a cid also finds the entry that it has become."""
        if isinstance(key, str):
            for index, pending in enumerate(self._pending):
                if pending.cid == key:
                    return self.tail + index
            for index in range(self._known - 1, max(self._known - 200, -1), -1):
                if self._rows[index].cid == key:
                    return self._base + index
            return None
        index = self.index(key)
        if index < self._known and self._rows[index].seq == key:
            return self._base + index
        return None

    def index(self, seq: int) -> int:
        """How many rows have a smaller seq."""
        low, high = 0, self._known
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle].seq < seq:
                low = middle + 1
            else:
                high = middle
        return low

    def after(self, seq: int) -> Iterator[Row]:
        """The rows above a seq."""
        return (self._rows[index] for index in range(self.index(seq + 1), self._known))

    def at_index(self, index: int) -> int:
        """The ordinal of the row with so many rows before it."""
        return self._base + index

    def _prepended(self, rows: Sequence[Row]) -> int | None:
        """How many rows are new at the beginning; ``None`` when the rows are not a longer form of those before."""
        if not self._known:
            return 0
        low, high = 0, len(rows)
        while low < high:
            middle = (low + high) // 2
            if rows[middle].seq < self._first_seq:
                low = middle + 1
            else:
                high = middle
        if low >= len(rows) or rows[low].seq != self._first_seq or low + self._known > len(rows):
            return None
        return low

    @property
    def _held(self) -> Sequence[Row]:
        return self.renderer.store.timeline(self.renderer.conv) if self._live else self._rows

    def _note(self) -> None:
        """Take in what goes with the rows."""
        self._known = len(self._rows)
        self._first_seq = self._rows[0].seq if self._rows else 0
        conversation = self.renderer.store.conversations.get(self.renderer.conv)
        self.cursor = conversation.cursor if self._live and conversation is not None else 0
        everything = self.renderer.store.pending(self.renderer.conv)
        self._pending = [act for act in everything if act.kind == "send"] if self._live else []
        self.renderer.changes = pending_changes(everything)

    def _measure(self, ordinal: int) -> int:
        return max(self.renderer.height(self.item(ordinal), self.before(ordinal)), 1)
