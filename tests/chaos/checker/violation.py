"""What a checker finds: which invariant is broken, in words, and the lines of the history that show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.history import Record, brief

SHOWN = 8
"""Lines that a story has at most."""


@dataclass(frozen=True)
class Violation:
    """A broken invariant. ``lines`` are numbers of records, the earliest first."""

    invariant: str
    message: str
    lines: tuple[int, ...] = ()

    def story(self, records: Sequence[Record]) -> str:
        """The minimal story: what is wrong, and the records that show it."""
        shown = [brief(records[number - 1]) for number in sorted(set(self.lines))[:SHOWN]]
        return "\n".join([f"{self.invariant}: {self.message}", *shown])


def found(invariant: str, message: str, *shown: Record | int | None) -> Violation:
    """A violation with the records (or their numbers) that show it."""
    numbers = (one if isinstance(one, int) else one["n"] for one in shown if one is not None)
    return Violation(invariant, message, tuple(numbers))


def names(violations: Iterable[Violation]) -> list[str]:
    """Which invariants are broken, each once, in order."""
    return sorted({one.invariant for one in violations}, key=lambda name: int(name.lstrip("IF") or 0))
