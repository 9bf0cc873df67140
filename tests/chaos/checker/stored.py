"""I1–I4: what the store holds in the end, against what was said and acknowledged."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.checker.trace import Acknowledgement, StoredLog, Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

Entry = dict[str, Any]


def check_acknowledged(trace: Trace) -> Iterator[Violation]:
    """I1: every acked (cid, seq) is in the final log with that content, or changed by a later entry that says so."""
    first: dict[tuple[int, int, str], Acknowledgement] = {}
    for ack in trace.acknowledgements:
        conv, cid, seq = ack.frame["conv"], ack.frame["cid"], ack.frame["seq"]
        if changed_nothing(trace, ack):
            continue
        before = first.setdefault((conv, ack.user, cid), ack)
        if before.frame["seq"] != seq:
            yield found(
                "I1",
                f"cid {cid} in conversation {conv} was acked at seq {before.frame['seq']} and again at {seq}",
                before.record,
                ack.record,
            )
            continue
        wrong = _missing(trace.stored.get(conv), ack)
        if wrong:
            text = f"user {ack.user} was told that cid {cid} is entry {seq} of conversation {conv}, but {wrong}"
            yield found("I1", text, ack.request, ack.record)
    yield from _settled(trace)


def changed_nothing(trace: Trace, ack: Acknowledgement) -> bool:
    """Whether what was acked was so already: its cid stands nowhere by that, and may when it is asked for once more."""
    log = trace.stored.get(ack.frame["conv"])
    entry = None if log is None else log.entries.get(ack.frame["seq"])
    if log is None or entry is None or not ack.frame["duplicate"] or ack.request is None:
        return False
    other = entry.get("cid") != ack.frame["cid"] or entry["by"] != ack.user
    return other and _made_so(ack.request["frame"], entry, ack.user, log)


def _settled(trace: Trace) -> Iterator[Violation]:
    """What a client took as stored is there under its cid, or stands in an entry that made it so before."""
    acked = {(one.frame["conv"], one.user, one.frame["cid"]) for one in trace.acknowledgements}
    for one in trace.operations.values():
        seq = None if one.end is None else one.end.get("seq")
        if one.outcome != "ok" or seq is None or (one.conv, trace.users[one.client], one.cid) in acked:
            continue
        log = trace.stored.get(one.conv)
        entry = None if log is None else log.entries.get(seq)
        if entry is None or entry.get("cid") != one.cid:
            text = f"{one.client} showed cid {one.cid} as entry {seq} of conversation {one.conv}, which is not so"
            yield found("I1", text, one.invoke, one.end)


def _missing(log: StoredLog | None, ack: Acknowledgement) -> str | None:
    """Why an acknowledgement is not borne out, in words; ``None`` when it is."""
    frame = ack.frame
    if log is None:
        return "the store has no such conversation"
    entry = log.entries.get(frame["seq"])
    if entry is None:
        return f"the store has no such entry (the head is {log.head})"
    if entry.get("cid") != frame["cid"] or entry["by"] != ack.user:
        return f"the store has there another one: cid {entry.get('cid')} by {entry['by']}"
    if entry["at"] != frame["at"]:
        return f"the store has it at another time: {entry['at']}, not {frame['at']}"
    return _differs({} if ack.request is None else ack.request["frame"], entry, log)


def _differs(request: Entry, entry: Entry, log: StoredLog) -> str | None:
    later = [one["kind"] for one in log.amendments.get(entry["seq"], [])]
    match request.get("type"):
        case "message.send":
            if entry["kind"] != "message":
                return f"the store has a {entry['kind']} there"
            if entry.get("text") != request["text"] and not {"edit", "delete"} & set(later):
                return "the store has another text, and no entry that changed it"
            if entry.get("reply_to") != request.get("reply_to"):
                return "the store has it as an answer to something else"
        case "message.edit":
            if entry["kind"] != "edit" or entry["target"] != request["seq"]:
                return f"the store has a {entry['kind']} of {entry.get('target')} there"
            after = [one for one in log.amendments[entry["target"]] if one["seq"] > entry["seq"]]
            superseded = any(one["kind"] in {"edit", "delete"} for one in after)
            if entry["text"] != request["text"] and not (superseded and entry["text"] == ""):
                return "the store has another text for that edit, and nothing superseded it"
        case "message.delete":
            if entry["kind"] != "delete" or entry["target"] != request["seq"]:
                return f"the store has a {entry['kind']} of {entry.get('target')} there"
        case "message.react":
            asked = ("reaction", request["seq"], request["emoji"], request["on"])
            if (entry["kind"], entry.get("target"), entry.get("emoji"), entry.get("on")) != asked:
                return f"the store has a {entry['kind']} there that says something else"
    return None


def _made_so(request: Entry, entry: Entry, user: int, log: StoredLog) -> bool:
    """An act that changed nothing names the entry that had made it so."""
    match request.get("type"):
        case "message.edit":
            return entry["seq"] == request["seq"] or (entry["kind"] == "edit" and entry["target"] == request["seq"])
        case "message.delete":
            return bool(entry["kind"] == "delete" and entry["target"] == request["seq"])
        case "message.react" if entry["kind"] == "reaction":
            mine = (entry["by"], entry["target"], entry["emoji"], entry["on"])
            return mine == (user, request["seq"], request["emoji"], request["on"])
        case "message.react":
            # Nothing to take back: the message itself, or what was done to it last.
            return not request["on"] and request["seq"] in {entry["seq"], entry.get("target")}
    return False


def check_once(trace: Trace) -> Iterator[Violation]:
    """I2: each cid of a sender is in a conversation at most once, and so is each word that was said once."""
    for log in trace.stored.values():
        cids: dict[tuple[int, str], Entry] = {}
        texts: dict[tuple[int, str], Entry] = {}
        for entry in log.entries.values():
            key = entry["by"], entry.get("cid", f"none {entry['seq']}")
            other = cids.setdefault(key, entry)
            if other is not entry:
                text = f"cid {key[1]} of user {key[0]} is in conversation {log.conv} twice, at {_both(other, entry)}"
                yield found("I2", text, *_invoked(trace, key[1]))
            elif entry["kind"] == "message" and entry.get("text") and "edited" not in entry:
                said = texts.setdefault((entry["by"], entry["text"]), entry)
                if said is not entry and trace.run.get("unique_texts", True):
                    text = f"what was said once is in conversation {log.conv} twice, at {_both(said, entry)}"
                    yield found("I2", text, *_invoked(trace, key[1]))


def check_refused(trace: Trace) -> Iterator[Violation]:
    """I3: what was refused for good never appears, and nothing appears that nobody asked for.

    Where an attempt under the same cid had no answer, that one may still have been on its way: it was unknown. What
    was asked for once more, before its refusal was heard or after, counts by the last answer. But what everybody could
    see in the log before it was asked for again is not refused, whoever asks from wherever: a retry gets its seq
    (promise 2).
    """
    attempts: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for said in trace.by_what["said"]:
        if "cid" in said["frame"]:
            attempts[said["client"], said["frame"]["cid"]].append(said)
    answered = {
        (one["client"], one["line"], one["frame"]["re"])
        for one in trace.heard("ack", "error", "ok")
        if "re" in one["frame"]
    }
    unknown = {
        key
        for key, said in attempts.items()
        if any((one["client"], one["line"], one["frame"].get("id")) not in answered for one in said)
    }
    placed = _placed(trace)
    visible = _visible(trace)
    for error in trace.heard("error"):
        request, code = trace.request_of(error), error["frame"]["code"]
        if request is None or "cid" not in request["frame"]:
            continue
        client, cid = error["client"], request["frame"]["cid"]
        if code == "cid_conflict" and len({_content(one["frame"]) for one in attempts[client, cid]}) == 1:
            yield found(
                "I3", f"{client} was told that cid {cid} is of another content; it had only this", request, error
            )
        log, entry = placed.get((trace.users[client], cid), (None, None))
        if log is None or entry is None or code in {"unavailable", "overloaded", "cid_conflict"}:
            continue
        place = f"{client} was refused cid {cid} ({code}), but it is entry {entry['seq']} of conversation {log.conv}"
        seen = visible(log.conv, entry["seq"])
        if seen is not None and seen["n"] < request["n"]:
            yield found("I3", f"{place}, as could be seen before it was asked for again", seen, request, error)
        elif code != "rate_limited" and (client, cid) not in unknown and attempts[client, cid][-1]["n"] <= request["n"]:
            yield found("I3", place, request, error)
    asked = {cid for _, cid in attempts}
    watched = set(trace.users.values())
    for (by, cid), (log, entry) in placed.items():
        if by in watched and cid not in asked and entry["kind"] != "create":
            text = f"entry {entry['seq']} of conversation {log.conv} has cid {cid}, which user {by} never asked for"
            yield found("I3", text, log.record)


def _placed(trace: Trace) -> dict[tuple[int, str], tuple[StoredLog, Entry]]:
    return {
        (entry["by"], entry["cid"]): (log, entry)
        for log in trace.stored.values()
        for entry in log.entries.values()
        if "cid" in entry
    }


def _content(frame: Entry) -> tuple[tuple[str, str], ...]:
    """What a request asks for, whenever it does."""
    return tuple(sorted((name, repr(value)) for name, value in frame.items() if name not in {"id", "after"}))


def _visible(trace: Trace) -> Callable[[int, int], Record | None]:
    """When it could first be seen that a conversation has come to a seq: the record, if ever."""
    steps: dict[int, list[tuple[int, Record]]] = defaultdict(list)
    seen = [*trace.sightings, *((one.record, one.frame) for one in trace.acknowledgements)]
    for record, entry in sorted(seen, key=lambda pair: pair[0]["n"]):
        rising = steps[entry["conv"]]
        if not rising or entry["seq"] > rising[-1][0]:
            rising.append((entry["seq"], record))

    def visible(conv: int, seq: int) -> Record | None:
        rising = steps[conv]
        at = bisect_left(rising, seq, key=lambda step: step[0])
        return rising[at][1] if at < len(rising) else None

    return visible


def check_gapless(trace: Trace) -> Iterator[Violation]:
    """I4: stored seqs are exactly 1..head, and no entry was seen or acked beyond it."""
    for log in trace.stored.values():
        seqs = [entry["seq"] for entry in log.record["entries"]]
        if seqs != list(range(1, log.head + 1)):
            missing = sorted(set(range(1, log.head + 1)) - set(seqs))[:5]
            text = f"conversation {log.conv} has head {log.head} and {len(seqs)} entries; missing: {missing or 'none'}"
            yield found("I4", text, log.record)


def _both(one: Entry, other: Entry) -> str:
    return f"seq {one['seq']} and {other['seq']}"


def _invoked(trace: Trace, cid: str) -> list[Record | None]:
    one = trace.by_cid.get(cid)
    acks = [ack.record for ack in trace.acknowledgements if ack.frame["cid"] == cid]
    return [None if one is None else one.invoke, *acks[:4], *trace.by_what["stored"][:1]]
