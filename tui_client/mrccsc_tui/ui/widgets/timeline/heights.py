"""Which row stands on which line, for any number of rows.

Rows are numbered by *ordinals* that never change while rows come and go at both ends: the first row loaded gets
``ORIGIN``, older ones go below it. Heights are kept in blocks of 256 ordinals. A block begins with an estimated total
and becomes exact, row by row, when it is about to be seen; so opening a long conversation costs a few measurements a
block, not one a row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

ORIGIN = 1 << 40
_SHIFT = 8
BLOCK = 1 << _SHIFT
_SAMPLES = 4


class Place(NamedTuple):
    """A line of a row; ``line`` counts from 0 within the row."""

    ordinal: int
    line: int


class Block:
    """The heights of up to 256 rows that follow each other, or only their estimated sum."""

    __slots__ = ("heights", "total")

    def __init__(self, total: int, heights: list[int] | None = None) -> None:
        self.total = total
        self.heights = heights


class HeightIndex:
    """The heights of the rows ``first`` to ``end`` (exclusive).

    ``measure(ordinal)`` gives the exact height of one row, at least 1. Lines are counted from 0 at the first row.
    """

    def __init__(self, measure: Callable[[int], int]) -> None:
        self._measure = measure
        self._blocks: list[Block] = []
        self._tops: list[int] | None = None
        self.first = ORIGIN
        self.end = ORIGIN

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def total(self) -> int:
        """Lines of all rows, partly estimated."""
        return self._starts()[-1]

    def reset(self, first: int, end: int) -> None:
        """Forget all heights: rows ``first`` to ``end`` are estimated anew."""
        self.first, self.end = first, end
        self._tops = None
        self._blocks = [self._estimated(number) for number in range(first >> _SHIFT, _blocks_end(end, first))]

    def grow(self, first: int, end: int) -> None:
        """Take in rows before ``first`` or after ``end``; heights that are known stay."""
        old_first, old_end = self.first, self.end
        if not len(self):
            self.reset(first, end)
            return
        self.first, self.end = first, end
        self._tops = None
        low = old_first >> _SHIFT
        self._extend(low, first, old_first, prepend=True)
        self._extend((old_end - 1) >> _SHIFT, old_end, end, prepend=False)
        below = [self._estimated(number) for number in range(first >> _SHIFT, low)]
        above = range(((old_end - 1) >> _SHIFT) + 1, _blocks_end(end, first))
        self._blocks = [*below, *self._blocks, *(self._estimated(number) for number in above)]

    def cut(self, end: int) -> None:
        """Drop the rows from ``end`` on."""
        if end <= self.first:
            self.reset(self.first, self.first)
            return
        self._tops = None
        self.end = end
        del self._blocks[_blocks_end(end, self.first) - (self.first >> _SHIFT) :]
        last = self._blocks[-1]
        low, high = self._span((end - 1) >> _SHIFT)
        if last.heights is None:
            self._blocks[-1] = self._estimated(low >> _SHIFT)
        else:
            del last.heights[high - low :]
            last.total = sum(last.heights)

    def remeasure(self, ordinal: int) -> None:
        """A row has changed: measure it again where its height was known."""
        block = self._blocks[(ordinal >> _SHIFT) - (self.first >> _SHIFT)]
        if block.heights is None:
            return
        index = ordinal - self._span(ordinal >> _SHIFT)[0]
        height = self._measure(ordinal)
        if height != block.heights[index]:
            block.total += height - block.heights[index]
            block.heights[index] = height
            self._tops = None

    def settle(self, low: int, high: int) -> bool:
        """Make the rows ``low`` to ``high`` (inclusive) exact; whether any height changed by it."""
        changed = False
        base = self.first >> _SHIFT
        for number in range(max(low, self.first) >> _SHIFT, (min(high, self.end - 1) >> _SHIFT) + 1):
            block = self._blocks[number - base]
            if block.heights is None:
                start, stop = self._span(number)
                block.heights = [self._measure(ordinal) for ordinal in range(start, stop)]
                total = sum(block.heights)
                changed = changed or total != block.total
                block.total = total
        if changed:
            self._tops = None
        return changed

    def place(self, y: int) -> Place:
        """The row and its line at line ``y``, which is clamped to what there is. There must be a row."""
        starts = self._starts()
        y = min(max(y, 0), starts[-1] - 1)
        index = bisect_right(starts, y) - 1
        block = self._blocks[index]
        low, high = self._span((self.first >> _SHIFT) + index)
        rest = y - starts[index]
        if block.heights is None:
            return Place(low + rest * (high - low) // block.total, 0)
        for offset, height in enumerate(block.heights):
            if rest < height:
                return Place(low + offset, rest)
            rest -= height
        return Place(high - 1, 0)

    def top(self, ordinal: int) -> int:
        """The line at which a row begins."""
        index = (ordinal >> _SHIFT) - (self.first >> _SHIFT)
        block = self._blocks[index]
        low, high = self._span(ordinal >> _SHIFT)
        start = self._starts()[index]
        if block.heights is None:
            return start + block.total * (ordinal - low) // (high - low)
        return start + sum(block.heights[: ordinal - low])

    def height(self, ordinal: int) -> int:
        """The height of a row; it becomes exact by asking."""
        self.settle(ordinal, ordinal)
        block = self._blocks[(ordinal >> _SHIFT) - (self.first >> _SHIFT)]
        if block.heights is None:
            return 1
        return block.heights[ordinal - self._span(ordinal >> _SHIFT)[0]]

    def _extend(self, number: int, start: int, stop: int, *, prepend: bool) -> None:
        """Put the new rows that fall into the block ``number``, which exists, in their place."""
        low, high = max(start, number << _SHIFT), min(stop, (number + 1) << _SHIFT)
        if low >= high:
            return
        block = self._blocks[0 if prepend else -1]
        if block.heights is None:
            replaced = self._estimated(number)
            block.total = replaced.total
            return
        added = [self._measure(ordinal) for ordinal in range(low, high)]
        block.heights = [*added, *block.heights] if prepend else [*block.heights, *added]
        block.total += sum(added)

    def _estimated(self, number: int) -> Block:
        low, high = self._span(number)
        count = high - low
        step = max(count // _SAMPLES, 1)
        sample = [self._measure(ordinal) for ordinal in range(low, high, step)]
        return Block(max(sum(sample) * count // len(sample), count))

    def _span(self, number: int) -> tuple[int, int]:
        return max(number << _SHIFT, self.first), min((number + 1) << _SHIFT, self.end)

    def _starts(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate((block.total for block in self._blocks), initial=0))
        return self._tops


def _blocks_end(end: int, first: int) -> int:
    return ((end - 1) >> _SHIFT) + 1 if end > first else first >> _SHIFT
