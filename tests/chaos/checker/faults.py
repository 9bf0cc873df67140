"""Whether the faults of a run prove anything: each was seen to bite, with enough that was acknowledged around it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

WINDOW = 20.0
"""Seconds before and after a fault in which what was acked counts as around it."""


@dataclass
class Strike:
    """One fault. ``recoveries``: seconds from its end until each client had something acked again."""

    begin: Record
    end: Record | None = None
    bite: Record | None = None
    before: int = 0
    after: int = 0
    recoveries: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The kind of fault."""
        return str(self.begin["fault"])


def strikes(trace: Trace) -> list[Strike]:
    """The faults of a run in the order in which they began."""
    by_id: dict[int, Strike] = {}
    for record in trace.by_what["fault"]:
        match record["phase"]:
            case "begin":
                by_id[record["id"]] = Strike(record)
            case "bite":
                by_id[record["id"]].bite = record
            case "end":
                by_id[record["id"]].end = record
    acks = [one.record["t"] for one in trace.acknowledgements]
    for strike in by_id.values():
        begun = strike.begin["t"]
        ended = trace.quiet if strike.end is None else strike.end["t"]
        strike.before = bisect_left(acks, begun) - bisect_left(acks, begun - WINDOW)
        strike.after = bisect_right(acks, ended + WINDOW) - bisect_right(acks, ended)
        strike.recoveries = list(_recoveries(trace, ended))
    return list(by_id.values())


def _recoveries(trace: Trace, ended: float) -> Iterator[float]:
    """Seconds until each client that asked for something within the window had it acked, at or after ``ended``."""
    first: dict[str, float] = {}
    for one in trace.acknowledgements:
        if ended <= one.record["t"] <= ended + 3 * WINDOW:
            first.setdefault(one.client, one.record["t"] - ended)
    return iter(first.values())


def check_faults(trace: Trace) -> Iterator[Violation]:
    """F2: a fault that was not seen to bite, or that hit an idle system, proves nothing."""
    need = int(trace.bound("around"))
    for strike in strikes(trace):
        if strike.bite is None:
            yield found("F2", f"the fault {strike.name} was not seen to bite", strike.begin, strike.end)
        if min(strike.before, strike.after) < need:
            text = f"around the fault {strike.name} too little was acked: {strike.before} before, {strike.after} after"
            yield found("F2", f"{text}; {need} are needed", strike.begin, strike.end)


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
