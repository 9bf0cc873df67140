"""I14, I15: presence comes true in time, and memory and queues stay bounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record

Span = tuple[float, float]


def check_presence(trace: Trace) -> Iterator[Violation]:
    """I14: nobody is shown offline who has been connected for the bound, and in the end everybody is seen truly."""
    bound = trace.bound("presence")
    online = _online(trace)
    for record in trace.heard("presence", "session.ready"):
        for user, status in _seen(record):
            for begun, ended in online.get(user, []):
                # One connection that stood for all that time, before and after: no moving between nodes explains it.
                if status == "offline" and begun + bound < record["t"] < ended - bound / 10:
                    text = f"{record['client']} was told that user {user} is offline, who was connected since"
                    yield found("I14", f"{text} {record['t'] - begun:.0f} s", record)
    for record in trace.by_what["view"]:
        for name, status in record.get("presence", {}).items():
            spans = online.get(int(name), [])
            if any(begun + bound < record["t"] <= ended for begun, ended in spans) and status != "online":
                yield found("I14", f"{record['client']} sees user {name} as {status} in the end, who is there", record)
            last = max((ended for _, ended in spans), default=0.0)
            if status == "online" and last + bound < record["t"]:
                text = f"{record['client']} still sees user {name}, who went {record['t'] - last:.0f} s ago"
                yield found("I14", text, record)


def _seen(record: Record) -> Iterator[tuple[int, str]]:
    frame = record["frame"]
    if frame["type"] == "presence":
        yield frame["user"], frame["status"]
        return
    for contact in frame["friends"]:
        if "presence" in contact:
            yield contact["user"]["user"], contact["presence"]["status"]


def _online(trace: Trace) -> dict[int, list[Span]]:
    """By user: when each of their connections was signed in."""
    spans: dict[int, list[Span]] = defaultdict(list)
    begun: dict[tuple[str, int], float] = {}
    over: set[tuple[str, int]] = set()
    for record in trace.records:
        key = record.get("client", ""), record.get("line", 0)
        if record["what"] == "heard" and record["frame"]["type"] == "session.ready" and key not in over:
            begun[key] = record["t"]
        elif record["what"] == "lost":
            # What had come already may be read when the line is gone.
            over.add(key)
            if key in begun:
                spans[trace.users[key[0]]].append((begun.pop(key), record["t"]))
    for (client, _), since in begun.items():
        spans[trace.users[client]].append((since, float("inf")))
    return spans


def check_bounds(trace: Trace) -> Iterator[Violation]:
    """I15: no node's memory grows beyond its bound above what it began with, and no queue beyond its limit."""
    growth = trace.bound("memory_growth")
    queues = trace.run["bounds"].get("queues", {})
    first: dict[str, Record] = {}
    for node in {one["node"] for one in trace.by_what["sample"]}:
        seen = {name for one in trace.by_what["sample"] if one["node"] == node for name in one["queues"]}
        if missing := sorted(queues.keys() - seen):
            yield found("I15", f"nobody has looked at {', '.join(missing)} of {node}", trace.by_what["sample"][-1])
    for record in trace.by_what["sample"]:
        begin = first.setdefault(f"{record['node']} {record['pid']}", record)
        if record["rss"] - begin["rss"] > growth:
            text = f"{record['node']} grew from {begin['rss'] / 1e6:.0f} to {record['rss'] / 1e6:.0f} MB"
            yield found("I15", text, begin, record)
        for name, limit in queues.items():
            if record.get("queues", {}).get(name, 0) > limit:
                yield found(
                    "I15", f"{record['node']} had {record['queues'][name]} in {name}; {limit} is the cap", record
                )


def check_history(trace: Trace) -> Iterator[Violation]:
    """The history itself: time does not run backwards in it, and the end was recorded."""
    for one, other in pairwise(trace.records):
        if other["t"] < one["t"]:
            yield found("F1", "the history is not in order", one, other)
    for what in ("stored", "view"):
        if not trace.by_what[what]:
            yield found("F1", f"the history has no {what} record: the run did not come to its end", len(trace.records))
