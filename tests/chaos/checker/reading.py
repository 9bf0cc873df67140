"""I12, I13: read marks only grow, and a client that was cut and came back knows what a fresh one does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.chaos.checker.trace import Trace, lets_in
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record


def check_marks(trace: Trace) -> Iterator[Violation]:
    """I12: no client shows a falling mark, none is above the head, and an acknowledged one is never lost.

    On the wire an older mark may follow a newer one, where what was read from the store overtakes an event: so what
    counts there is that an answer is not older than what was acknowledged before it was asked for.
    """
    acked: dict[tuple[int, int], tuple[int, Record]] = {}
    asked: dict[tuple[str, int, int], tuple[Record, dict[tuple[int, int], tuple[int, Record]]]] = {}
    seen: dict[int, int] = defaultdict(int)
    sure_of: dict[int, int] = {}
    for record in trace.records:
        if record["what"] == "said" and "id" in record["frame"]:
            if record["frame"]["type"] == "read.mark":
                # What is above the head does not count; a head that somebody has seen is there.
                sure_of[record["n"]] = min(record["frame"]["seq"], seen[record["frame"]["conv"]])
            if record["frame"]["type"] in {"session.resume", "session.login", "conversation.list"}:
                asked[record["client"], record["line"], record["frame"]["id"]] = record, dict(acked)
            continue
        if record["what"] != "heard":
            continue
        frame, user = record["frame"], trace.users[record["client"]]
        for conv, head in _heads(frame):
            seen[conv] = max(seen[conv], head)
        request = trace.request_of(record)
        if frame["type"] == "ok" and request is not None and request["frame"]["type"] == "read.mark":
            if "unread" not in request["frame"]:
                conv, seq = request["frame"]["conv"], sure_of[request["n"]]
                if seq > acked.get((user, conv), (0, record))[0]:
                    acked[user, conv] = seq, record
            continue
        _, promised = asked.get((record["client"], record["line"], frame.get("re", -1)), (None, {}))
        for conv, read, head in _marks(frame, user):
            if head is not None and read > head:
                text = f"{record['client']} was told a read mark of {read} in conversation {conv} of head {head}"
                yield found("I12", text, record)
            sure, shown = promised.get((user, conv), (0, None))
            if head is not None and read < min(sure, head):
                text = f"user {user} marked {sure} as read in conversation {conv}, and later it was {read}"
                yield found("I12", text, shown, record)
    yield from _shown_marks(trace)
    yield from _final_marks(trace, acked)


def _heads(frame: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """What a frame says about how far conversations have come: (conv, seq)."""
    match frame["type"]:
        case "session.ready" | "conversations":
            yield from ((one["conv"], one["head"]) for one in frame["conversations"])
        case "conversation":
            yield frame["conversation"]["conv"], frame["conversation"]["head"]
        case "entry" | "ack":
            yield frame["conv"], frame["seq"]
        case "history.page":
            yield frame["conv"], frame["head"]


def _marks(frame: dict[str, Any], user: int) -> Iterator[tuple[int, int, int | None]]:
    """What a frame says about the user's own marks: (conv, read, head)."""
    match frame["type"]:
        case "session.ready" | "conversations":
            yield from ((one["conv"], one["read"], one["head"]) for one in frame["conversations"])
        case "conversation" if lets_in(frame["conversation"]):
            one = frame["conversation"]
            yield one["conv"], one["read"], one["head"]
        case "read.marked" if frame["user"] == user:
            yield frame["conv"], frame["seq"], None


def _shown_marks(trace: Trace) -> Iterator[Violation]:
    shown: dict[tuple[str, int], Record] = {}
    for record in trace.records:
        key = record.get("client", ""), record.get("conv", 0)
        match record["what"]:
            case "mark":
                before = shown.get(key)
                if before is not None and record["read"] < before["read"]:
                    text = (
                        f"{key[0]} showed conversation {key[1]} as read up to {before['read']}, then {record['read']}"
                    )
                    yield found("I12", text, before, record)
                shown[key] = record
            case "gone" | "added" | "restart":
                shown.pop(key, None)
            case "open":
                shown = {other: one for other, one in shown.items() if other[0] != key[0]}


def _final_marks(trace: Trace, acked: dict[tuple[int, int], tuple[int, Record]]) -> Iterator[Violation]:
    for log in trace.stored.values():
        for name, member in log.record["members"].items():
            user, read = int(name), member["read"]
            if read > log.head:
                yield found(
                    "I12", f"user {user} has read {read} of conversation {log.conv} of head {log.head}", log.record
                )
            sure, shown = acked.get((user, log.conv), (0, None))
            if read < min(sure, log.head):
                text = f"user {user} marked {sure} as read in conversation {log.conv}; the store has {read}"
                yield found("I12", text, shown, log.record)


def check_same(trace: Trace) -> Iterator[Violation]:
    """I13: what a device holds in the end, by cache, resume and events, is what a fresh sign-in shows."""
    fresh = {trace.users[one["client"]]: one for one in trace.by_what["view"] if one["fresh"]}
    for record in trace.by_what["view"]:
        expected = fresh.get(trace.users[record["client"]])
        if record["fresh"]:
            yield from _as_stored(trace, record)
        elif expected is not None:
            for difference in _differences(record, expected):
                yield found("I13", f"{record['client']} {difference}", record, expected)


def _differences(record: Record, expected: Record) -> Iterator[str]:
    for conv in sorted({*record["facts"], *expected["facts"]}, key=int):
        mine, right = record["facts"].get(conv), expected["facts"].get(conv)
        if mine is None or right is None:
            yield f"{'lacks' if mine is None else 'still has'} conversation {conv}"
            continue
        for name, value in right.items():
            if mine.get(name) != value:
                yield f"has {name} {mine.get(name)!r} of conversation {conv}; a fresh sign-in shows {value!r}"
        # Neither need have read back to the beginning of a long log.
        begin = max(record["tails"][conv], expected["tails"][conv])
        held = {row["seq"]: row for row in record["logs"][conv] if row["seq"] >= begin}
        for row in (row for row in expected["logs"][conv] if row["seq"] >= begin):
            if held.pop(row["seq"], None) != row:
                yield f"has another entry {row['seq']} of conversation {conv} than a fresh sign-in shows"
                break
        else:
            if held:
                yield f"has entries {sorted(held)[:5]} of conversation {conv} that a fresh sign-in does not show"


def _as_stored(trace: Trace, record: Record) -> Iterator[Violation]:
    """A fresh sign-in shows what the store has."""
    for conv, rows in record["logs"].items():
        log = trace.stored.get(int(conv))
        if log is None:
            yield found("I13", f"{record['client']} shows conversation {conv}, which the store does not have", record)
            continue
        for row in rows:
            stored = log.entries.get(row["seq"], {})
            wrong = [name for name in ("kind", "by", "at", "cid", "text", "rev") if row.get(name) != stored.get(name)]
            if wrong:
                text = f"{record['client']} shows entry {row['seq']} of conversation {conv} with another {wrong[0]}"
                yield found("I13", f"{text} than the store has", record, log.record)
                break
