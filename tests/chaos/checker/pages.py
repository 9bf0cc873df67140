"""I6 of pages: what is read back has no hole, neither inside nor where it begins and ends."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.trace import StoredLog, Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record


def check_pages(trace: Trace) -> Iterator[Violation]:
    """I6: a page begins or ends where it was asked for, has no hole inside, and says truly whether there is more."""
    for record in trace.heard("history.page"):
        request = trace.request_of(record)
        log = trace.stored.get(record["frame"]["conv"])
        if request is None or log is None:
            continue
        # Where the log may begin for the reader: at its own beginning, or where they came in.
        starts = {1, *(first for first, _ in log.spans.get(trace.users[record["client"]], []))}
        if wrong := _wrong(record["frame"], request["frame"], starts):
            text = f"{record['client']} was given a page of conversation {log.conv} that {wrong}"
            yield found("I6", text, request, record)


def _wrong(page: Record, asked: Record, starts: set[int]) -> str | None:
    seqs = [entry["seq"] for entry in page["entries"]]
    head, before, after = page["head"], asked.get("before"), asked.get("after")
    if not seqs:
        if before is not None:
            return f"is empty before {before}" if min(before, head + 1) > max(starts) else None
        return f"is empty after {after}; the head is {head}" if after is not None and after < head else None
    first, last = seqs[0], seqs[-1]
    if seqs != list(range(first, last + 1)):
        return f"has holes between {first} and {last}"
    if last > head:
        return f"ends at {last}, above its head {head}"
    if before is not None and last != min(before - 1, head):
        return f"ends at {last}; what is before {before} was asked for"
    if after is not None and first != after + 1 and first not in starts:
        return f"begins at {first}; what is after {after} was asked for"
    if after is None and asked.get("around") is None and before is None and last != head:
        return f"ends at {last}; the newest were asked for, and the head is {head}"
    if not page["more"] and asked.get("around") is None:
        if after is not None and last != head:
            return f"ends at {last} and says that there is no more; the head is {head}"
        if after is None and first not in starts:
            return f"begins at {first} and says that there is no more before it"
    return None


def check_complete(trace: Trace) -> Iterator[Violation]:
    """I13: who signs in afresh and reads back can see all that is stored, from where they may read on."""
    for record in trace.by_what["view"]:
        if record["fresh"]:
            for conv, rows in record["logs"].items():
                log = trace.stored.get(int(conv))
                facts = record["facts"][conv]
                if log is not None and (wrong := _lacks(log, rows, record["tails"][conv], facts["start"])):
                    text = f"{record['client']} reads conversation {conv} back and finds {wrong}"
                    yield found("I13", text, record, log.record)


READ_BACK = 1_500
"""Entries that a view has read back at least."""


def _lacks(log: StoredLog, rows: list[Record], tail: int, start: int) -> str | None:
    if tail > max(start, log.head - READ_BACK):
        return f"nothing before {tail}; it may read from {start} on"
    shown = {row["seq"] for row in rows}
    for seq, entry in log.entries.items():
        if seq >= tail and entry["kind"] not in {"edit", "delete", "reaction"} and seq not in shown:
            return f"no entry {seq}"
    return None
