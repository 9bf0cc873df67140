"""I5, I8, I9: everybody sees the same, in the order in which it was said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tests.chaos.checker.stored import changed_nothing
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

_FIXED = ("kind", "by", "at", "cid")


def check_agreement(trace: Trace) -> Iterator[Violation]:
    """I5: every observer has the same (kind, by, at, cid) at a seq, and the same text at the same rev."""
    states: dict[tuple[int, int, int], tuple[Any, Record]] = {}
    for log in trace.stored.values():
        last = 0
        for entry in log.entries.values():
            if entry["at"] < last:
                text = f"time runs backwards in conversation {log.conv}: entry {entry['seq']} is earlier than before"
                yield found("I5", text, log.record)
            last = entry["at"]
            if entry["kind"] == "message":
                states[log.conv, entry["seq"], entry["rev"]] = _state(entry), log.record
    told: set[tuple[int, int]] = set()
    for record, entry in trace.sightings:
        conv, seq = entry["conv"], entry["seq"]
        if (conv, seq) in told or conv not in trace.stored:
            continue
        stored = trace.stored[conv].entries.get(seq)
        if stored is None:
            told.add((conv, seq))
            text = f"{record['client']} was given entry {seq} of conversation {conv}, which is not in the store"
            yield found("I5", text, record)
            continue
        if any(entry.get(name) != stored.get(name) for name in _FIXED):
            told.add((conv, seq))
            seen, kept = ([one.get(name) for name in _FIXED] for one in (entry, stored))
            yield found("I5", f"entry {seq} of conversation {conv} was given as {seen} and stored as {kept}", record)
        elif entry["kind"] == "message":
            state, before = states.setdefault((conv, seq, entry["rev"]), (_state(entry), record))
            if state != _state(entry):
                told.add((conv, seq))
                text = f"message {seq} of conversation {conv} at rev {entry['rev']} was shown in two ways"
                yield found("I5", f"{text}: {_state(entry)} and {state}", before, record)
            elif entry["rev"] > stored["rev"]:
                told.add((conv, seq))
                text = f"message {seq} of conversation {conv} was shown at rev {entry['rev']}; the store has"
                yield found("I5", f"{text} {stored['rev']}", record)


def _state(entry: dict[str, Any]) -> tuple[Any, ...]:
    reactions = tuple(sorted((emoji, tuple(sorted(users))) for emoji, users in entry.get("reactions", {}).items()))
    return entry.get("text"), entry.get("deleted", False), entry.get("edited"), entry.get("reply_to"), reactions


def check_device_order(trace: Trace) -> Iterator[Violation]:
    """I8: what one device sends into one conversation keeps its order.

    What changed nothing when it was its turn stands where it did change something, which is where it was repeated.
    """
    places = _places(trace)
    for ack in trace.acknowledgements:
        if changed_nothing(trace, ack):
            places.pop(ack.frame["cid"], None)
    lanes: dict[tuple[str, int], list[tuple[Record, int]]] = defaultdict(list)
    for one in trace.operations.values():
        if one.act in {"send", "edit", "delete", "react"} and (seq := places.get(one.cid)) is not None:
            lanes[one.client, one.conv].append((one.invoke, seq))
    for (client, conv), sent in lanes.items():
        sent.sort(key=lambda pair: pair[0]["n"])
        for (earlier, low), (later, high) in pairwise(sent):
            if low > high:
                text = f"{client} said cid {earlier['cid']} before {later['cid']} in conversation {conv}"
                yield found("I8", f"{text}, but they are stored at {low} and {high}", earlier, later)


def check_real_time(trace: Trace) -> Iterator[Violation]:
    """I9: if A was acked before B was invoked, A stands before B."""
    places = _places(trace)
    highest: dict[int, tuple[int, Record]] = {}
    for record in trace.records:
        if record["what"] == "heard" and record["frame"]["type"] == "ack":
            frame = record["frame"]
            if not frame["duplicate"] and frame["seq"] > highest.get(frame["conv"], (0, record))[0]:
                highest[frame["conv"]] = frame["seq"], record
        elif record["what"] == "invoke" and record.get("cid") in places:
            seq, acked = highest.get(record.get("conv", 0), (0, None))
            if places[record["cid"]] <= seq:
                text = (
                    f"entry {seq} of conversation {record['conv']} was acked before cid {record['cid']} was asked for"
                )
                yield found("I9", f"{text}, which is stored at {places[record['cid']]}", acked, record)


def _places(trace: Trace) -> dict[str, int]:
    return {
        entry["cid"]: entry["seq"] for log in trace.stored.values() for entry in log.entries.values() if "cid" in entry
    }
