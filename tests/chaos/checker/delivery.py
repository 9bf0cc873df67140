"""I6, I7, I10 on the wire: what connections were given has no holes, comes once, and comes in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.checker.trace import Trace, lets_in
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

OUTBOX = {"send", "edit", "delete", "react"}
"""What goes through the outbox."""

Stream = dict[int, tuple[int | None, Record]]
"""By conversation: the seq up to which a connection has it (``None``: not known), and the record that says so."""


def check_connections(trace: Trace) -> Iterator[Violation]:
    """I6, I7 on the wire: each connection gets a conversation's entries in seq order, each once, without a hole."""
    streams: dict[tuple[str, int], Stream] = defaultdict(dict)
    for record in trace.by_what["heard"]:
        stream, frame = streams[record["client"], record["line"]], record["frame"]
        match frame["type"]:
            case "session.ready":
                stream.clear()
                yield from _caught_up(trace, record)
                stream.update({one["conv"]: (one["head"], record) for one in frame["conversations"]})
            case "conversation" if lets_in(frame["conversation"]):
                one = frame["conversation"]
                stream.setdefault(one["conv"], (one["head"], record))
            case "conversations":
                for one in frame["conversations"]:
                    stream.setdefault(one["conv"], (None, record))
            case "conversation.gone":
                stream.pop(frame["conv"], None)
            case "entry" | "ack" if frame["type"] == "entry" or not frame["duplicate"]:
                yield from _next(stream, record)


def _next(stream: Stream, record: Record) -> Iterator[Violation]:
    conv, seq = record["frame"]["conv"], record["frame"]["seq"]
    if record["frame"]["type"] == "ack" and conv not in stream:
        # Said before a removal and stored after the return from it, of which the connection is still to be told.
        return
    before, shown = stream.get(conv, (None, None))
    if before is not None and seq <= before and _is_late(record, shown):
        return
    stream[conv] = max(seq, before or 0), record
    if before is None or seq == before + 1:
        return
    place = f"{record['client']} (line {record['line']}) was given entry {seq} of conversation {conv}"
    if seq <= before:
        yield found("I7", f"{place} again: it was at {before} already", shown, record)
    else:
        yield found("I6", f"{place} right after {before}: {seq - before - 1} entries are missing", shown, record)


def _is_late(record: Record, shown: Record | None) -> bool:
    """Whether this is an ack for what stood in the conversation already when the connection was shown it."""
    views = {"session.ready", "conversation"}
    return record["frame"]["type"] == "ack" and shown is not None and shown["frame"]["type"] in views


def _caught_up(trace: Trace, record: Record) -> Iterator[Violation]:
    """A resume from cursors is answered completely, or says that it is not."""
    request = trace.request_of(record)
    frame = record["frame"]
    if request is None or frame["reset"]:
        return
    cursors = {int(conv): cursor for conv, cursor in request["frame"].get("cursors", {}).items()}
    missed = {one["conv"]: one for one in frame["missed"]}
    for one in frame["conversations"]:
        conv, head, cursor = one["conv"], one["head"], cursors.get(one["conv"])
        if cursor is None or (cursor >= head and conv not in missed):
            continue
        part = missed.get(conv, {"entries": [], "limited": False})
        seqs = [entry["seq"] for entry in part["entries"]]
        first = seqs[0] if part["limited"] and seqs else max(cursor + 1, one["from"])
        if seqs != list(range(first, head + 1)) and not (part["limited"] and not seqs):
            text = f"{record['client']} resumed conversation {conv} from {cursor}; the head is {head}, but it was given"
            told = "limited" if part["limited"] else "not limited, no reset"
            yield found("I6", f"{text} {_ranges(seqs)} ({told})", request, record)


def check_reach(trace: Trace) -> Iterator[Violation]:
    """I10: after the faults have ended, all live members reach the head, and in time.

    A client is judged by what it shows at the end, when it says its view: what it has by then, and since when.
    """
    tails: dict[str, dict[int, tuple[int, Record]]] = defaultdict(dict)
    online: dict[str, float] = {}
    opened: dict[str, Record] = {}
    committed = _committed(trace)
    for record in trace.records:
        client = record.get("client", "")
        match record["what"]:
            case "open":
                opened[client] = record
                tails[client] = {int(conv): (span[1], record) for conv, span in record["held"].items()}
            case "close":
                opened.pop(client, None)
            case "heard" if record["frame"]["type"] == "session.ready":
                online[client] = record["t"]
            case "grew":
                tails[client][record["conv"]] = record["last"], record
            case "added" | "restart":
                tails[client][record["conv"]] = record["cursor"], record
            case "gone":
                tails[client].pop(record["conv"], None)
            case "view" if client in opened and not record["fresh"]:
                since = max(trace.quiet, online.get(client, 0.0))
                yield from _reached(trace, record, tails[client], since, committed)
                del opened[client]
    for client, record in opened.items():
        if not record.get("probe") and trace.by_what["view"]:
            yield found("I10", f"{client} was there in the end, but nobody has looked at what it shows", record)


def _reached(
    trace: Trace, view: Record, tails: dict[int, tuple[int, Record]], since: float, committed: dict[int, float]
) -> Iterator[Violation]:
    client, bound = view["client"], trace.bound("reach")
    for log in trace.stored.values():
        if trace.users[client] not in log.members():
            continue
        tail, record = tails.get(log.conv, (0, view))
        due = max(since, committed.get(log.conv, 0.0)) + bound
        if tail != log.head:
            text = f"{client} is at {tail} of conversation {log.conv} in the end; the head is {log.head}"
            yield found("I10", text, record, view)
        elif record["t"] > due:
            text = f"{client} reached the head of conversation {log.conv} {record['t'] - due + bound:.1f} s late"
            yield found("I10", f"{text}; {bound:g} s are allowed", record)


def check_ended(trace: Trace) -> Iterator[Violation]:
    """I10: what was put into an outbox has come to an end, whatever became of the client meanwhile."""
    viewed = {one["client"] for one in trace.by_what["view"]}
    for one in trace.operations.values():
        if one.act in OUTBOX and one.end is None and one.client in viewed:
            text = (
                f"{one.client} was asked to {one.act} (cid {one.cid}), and was there in the end: it is neither stored"
            )
            yield found("I10", f"{text} nor refused", one.invoke)


def _committed(trace: Trace) -> dict[int, float]:
    """By conversation: when its last entry was acked."""
    return {one.frame["conv"]: one.record["t"] for one in trace.acknowledgements if not one.frame["duplicate"]}


def _ranges(seqs: list[int]) -> str:
    return "nothing" if not seqs else f"{seqs[0]}…{seqs[-1]} ({len(seqs)} entries)"
