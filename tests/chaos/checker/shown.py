"""I6, I7 in the clients: each tail grows by the next seq, or begins anew where the server's word allows it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checker.trace import Trace, lets_in
from tests.chaos.checker.violation import Violation, found
from tests.chaos.history import Record


class Tail:
    """What one client was told and shows of one conversation.

    ``start`` is the last ``from`` that it was told, ``heads`` where the server said that a tail may begin, and ``anew``
    what allows the one that is held to be dropped for another: limited, reset, or a ``from`` that moved.
    """

    def __init__(self) -> None:
        self.cursor: int | None = None
        self.start: int | None = None
        self.heads: set[int] = set()
        self.anew: Record | None = None
        self.shown: Record | None = None
        self.told: Record | None = None

    def hear(self, view: dict[str, int], record: Record) -> None:
        """The server told how the conversation stands."""
        if self.start not in {None, view["from"]}:
            self.anew = record
        self.start = view["from"]
        self.heads.add(view["head"])
        self.told = record


class Shelf:
    """The tails of one client."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.tails: dict[int, Tail] = {}

    def tail(self, conv: int) -> Tail:
        """One of them."""
        return self.tails.setdefault(conv, Tail())

    def open(self, record: Record) -> None:
        """The client starts with what its disk has."""
        self.tails.clear()
        for conv, (_, cursor, start) in record["held"].items():
            tail = self.tail(int(conv))
            tail.cursor, tail.start, tail.shown = cursor, start, record

    def begin_session(self, record: Record) -> None:
        """A session began."""
        frame = record["frame"]
        if frame["reset"]:
            for tail in self.tails.values():
                tail.anew = record
        for one in frame["missed"]:
            if one["limited"]:
                tail = self.tail(one["conv"])
                tail.anew = record
                tail.heads |= {entry["seq"] - 1 for entry in one["entries"][:1]}
        for view in frame["conversations"]:
            self.tail(view["conv"]).hear(view, record)

    def begin_tail(self, record: Record) -> Iterator[Violation]:
        """The client holds a new, empty tail."""
        conv, cursor = record["conv"], record["cursor"]
        tail = self.tail(conv)
        place = f"{self.client} began conversation {conv} anew at {cursor}"
        if tail.cursor is not None and tail.anew is None:
            yield found("I6", f"{place} (it had it up to {tail.cursor}) untold", tail.shown, tail.told, record)
        elif cursor not in tail.heads:
            yield found("I6", f"{place}, where no server had said that it may", tail.told, record)
        tail.anew = None
        tail.cursor, tail.shown = cursor, record

    def grow(self, record: Record) -> Iterator[Violation]:
        """The client shows more."""
        conv, first, last = record["conv"], record["first"], record["last"]
        tail = self.tail(conv)
        cursor = first - 1 if tail.cursor is None else tail.cursor
        if first != cursor + 1:
            name, how = ("I7", "again") if first <= cursor else ("I6", "with a hole before it")
            text = f"{self.client} showed entry {first} of conversation {conv} {how}: its tail ended at {cursor}"
            yield found(name, text, tail.shown, record)
        tail.cursor, tail.shown = max(last, cursor), record

    def end_tail(self, record: Record) -> None:
        """The client shows the conversation no more. What it was told may be of the next time already."""
        tail = self.tail(record["conv"])
        tail.cursor, tail.anew = None, None


def check_clients(trace: Trace) -> Iterator[Violation]:
    """I6, I7: a client's tail grows by the next seq, or begins anew where and when the server's word allows it."""
    shelves: dict[str, Shelf] = {}
    for record in trace.records:
        client = record.get("client", "")
        shelf = shelves.setdefault(client, Shelf(client))
        match record["what"]:
            case "open":
                shelf.open(record)
            case "heard":
                frame = record["frame"]
                match frame["type"]:
                    case "session.ready":
                        shelf.begin_session(record)
                    case "conversation" if lets_in(frame["conversation"]):
                        shelf.tail(frame["conversation"]["conv"]).hear(frame["conversation"], record)
                    case "conversations":
                        for view in frame["conversations"]:
                            shelf.tail(view["conv"]).hear(view, record)
            case "added" | "restart":
                yield from shelf.begin_tail(record)
            case "grew":
                yield from shelf.grow(record)
            case "gone":
                shelf.end_tail(record)


def check_views(trace: Trace) -> Iterator[Violation]:
    """I7 at the end: no client shows a seq or a cid twice."""
    for record in trace.by_what["view"]:
        for conv, rows in record["logs"].items():
            seqs = [row["seq"] for row in rows]
            cids = [row["cid"] for row in rows if "cid" in row]
            if len(set(seqs)) < len(seqs) or seqs != sorted(seqs):
                yield found("I7", f"{record['client']} shows conversation {conv} out of order or twice", record)
            elif len(set(cids)) < len(cids):
                yield found("I7", f"{record['client']} shows one cid of conversation {conv} twice", record)
