"""A history in which a backup was restored: the store had several lives, each with an epoch of its own.

What was acknowledged after a backup was begun is lost by definition when it is restored; what was acknowledged before
must be there. A client that comes back with the old epoch is told to begin anew: no wrong cursor is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

_LASTING = {"run", "user", "open", "said", "invoke"}
"""What holds in later lives too: who is who, and what was asked for."""


def lives(records: Sequence[Record]) -> list[list[Record]]:
    """A history for each life of the store. A later one has, of those before it, what still holds."""
    found_lives: list[list[Record]] = []
    life: list[Record] = []
    for record in records:
        if record["what"] == "restored":
            found_lives.append(life)
            begun = next((one["n"] for one in reversed(life) if one["what"] == "backup"), 0)
            life = [one for one in life if one["what"] in _LASTING or (one["n"] < begun and _is_outcome(one))]
        else:
            life.append(record)
    return [*found_lives, life]


def _is_outcome(record: Record) -> bool:
    return record["what"] == "ok" or (record["what"] == "heard" and record["frame"]["type"] == "ack")


def check_epochs(trace: Trace) -> Iterator[Violation]:
    """I6: each life has an epoch of its own, and whoever resumes from another one is told to reset."""
    current: tuple[str, Record] | None = None
    old: set[str] = set()
    for record in trace.records:
        if record["what"] == "restored" and current is not None:
            old.add(current[0])
            current = None
        elif record["what"] == "heard" and record["frame"]["type"] == "session.ready":
            frame = record["frame"]
            known, shown = (frame["epoch"], record) if current is None else current
            current = known, shown
            if frame["epoch"] != known or known in old:
                yield found(
                    "I6", f"{record['client']} was told the epoch {frame['epoch']} of another life", shown, record
                )
            request = trace.request_of(record)
            asked = frame["epoch"] if request is None else request["frame"].get("epoch", frame["epoch"])
            if asked != frame["epoch"] and not frame["reset"]:
                yield found("I6", f"{record['client']} resumed from another epoch and was not reset", request, record)
