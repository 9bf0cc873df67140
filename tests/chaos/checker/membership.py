"""I11: nothing is written or delivered outside a membership, or below a member's ``from``."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.trace import StoredLog, Trace
from tests.chaos.checker.violation import Violation, found


def check_writers(trace: Trace) -> Iterator[Violation]:
    """Nothing by a non-member gets a seq: not after the leave entry, not before the join."""
    for log in trace.stored.values():
        for entry in log.entries.values():
            by, seq = entry["by"], entry["seq"]
            if entry["kind"] != "create" and not any(first <= seq <= last for first, last in log.spans.get(by, [])):
                spans = log.spans.get(by, [])
                left = max((last for _, last in spans if last < seq), default=None)
                why = "was never a member" if left is None else f"was a member no more after entry {left:g}"
                text = f"entry {seq} ({entry['kind']}) of conversation {log.conv} is by user {by}, who {why}"
                asked = trace.by_cid.get(entry.get("cid", ""))
                yield found("I11", text, log.record, None if asked is None else asked.invoke)


def check_readers(trace: Trace) -> Iterator[Violation]:
    """No connection is given an entry that its user may not read."""
    asked: dict[str, float] = {}
    for said in trace.by_what["said"]:
        asked.setdefault(said["frame"].get("cid", ""), said["t"])
    told: set[tuple[str, int]] = set()
    for record, entry in trace.sightings:
        log = trace.stored.get(entry["conv"])
        client = record["client"]
        if log is None or (client, log.conv) in told:
            continue
        user, seq = trace.users[client], entry["seq"]
        if not any(_readable(log, span, seq, record["t"], asked) for span in log.spans.get(user, [])):
            told.add((client, log.conv))
            spans = [(first, "on" if last == float("inf") else last) for first, last in log.spans.get(user, [])]
            text = f"{client} was given entry {seq} of conversation {log.conv}, but user {user} was a member only"
            yield found("I11", f"{text} in {spans or 'never'}", record)


def _readable(log: StoredLog, span: tuple[int, float], seq: int, at: float, asked: dict[str, float]) -> bool:
    first, last = span
    begun = asked.get(log.entries[first].get("cid", ""), 0.0) if first in log.entries else 0.0
    return begun <= at and seq <= last and (seq >= first or not log.private_always)
