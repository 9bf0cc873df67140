"""A history, sorted by what the checks ask of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.chaos.history import Record


def lets_in(view: dict[str, Any]) -> bool:
    """Whether a view is of a conversation that its reader is in: a group without a role is what everybody sees of it,
    and answers a join that was undone before it was asked for again.
    """
    return view.get("kind") != "group" or "role" in view


@dataclass
class Operation:
    """Something that a client was asked to do, and what it heard of it. ``outcome``: ok, fail, unknown."""

    invoke: Record
    end: Record | None = None

    @property
    def outcome(self) -> str:
        """What the client knows; an operation that never ended is unknown."""
        return "unknown" if self.end is None else str(self.end["what"])

    def __getattr__(self, name: str) -> Any:
        return self.invoke.get(name)


@dataclass
class Acknowledgement:
    """One ``ack`` frame, with the request that it answers."""

    record: Record
    request: Record | None
    client: str
    user: int
    frame: dict[str, Any]


@dataclass
class StoredLog:
    """A conversation as it is in the store at the end."""

    record: Record
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def conv(self) -> int:
        """Its id."""
        return int(self.record["conv"])

    @property
    def head(self) -> int:
        """Its highest seq as the store says."""
        return int(self.record["head"])

    @cached_property
    def amendments(self) -> dict[int, list[dict[str, Any]]]:
        """By the seq of a message: the entries that change it, in order."""
        by_target: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for entry in self.entries.values():
            if entry["kind"] in {"edit", "delete", "reaction"}:
                by_target[entry["target"]].append(entry)
        return by_target

    @cached_property
    def private_always(self) -> bool:
        """Whether ``from`` was the own latest join for all of its life."""
        changed = any(entry["kind"] == "change" and "visibility" in entry for entry in self.entries.values())
        return self.record["kind"] == "group" and self.record.get("visibility") == "private" and not changed

    @cached_property
    def spans(self) -> dict[int, list[tuple[int, float]]]:
        """By user: when they were members, as pairs of the first and the last seq (the leave entry itself)."""
        open_at: dict[int, int] = {}
        spans: dict[int, list[tuple[int, float]]] = defaultdict(list)
        if self.record["kind"] == "direct":
            return {int(user): [(1, float("inf"))] for user in self.record["members"]}
        for seq in sorted(self.entries):
            entry = self.entries[seq]
            if entry["kind"] == "create":
                open_at[entry["by"]] = seq
            elif entry["kind"] == "join":
                open_at.setdefault(entry["user"], seq)
            elif entry["kind"] == "leave" and entry["user"] in open_at:
                spans[entry["user"]].append((open_at.pop(entry["user"]), seq))
        for user, seq in open_at.items():
            spans[user].append((seq, float("inf")))
        return spans

    def members(self) -> list[int]:
        """Who is a member at the end."""
        return [user for user, spans in self.spans.items() if spans[-1][1] == float("inf")]


class Trace:
    """All that the checks need, found once."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.run: Record = records[0]
        self.by_what: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self.by_what[record["what"]].append(record)
        # A client that never came to sign in is nobody's.
        self.users: dict[str, int] = defaultdict(int)
        self.users.update({one["client"]: one["user"] for one in self.by_what["user"]})
        self.stored: dict[int, StoredLog] = {}
        for record in self.by_what["stored"]:
            self.stored[record["conv"]] = StoredLog(record, {entry["seq"]: entry for entry in record["entries"]})

    def bound(self, name: str) -> float:
        """A bound of the contract, in the unit of its name, as the run was made with."""
        return float(self.run["bounds"][name])

    @cached_property
    def quiet(self) -> float:
        """When the faults and the load had ended; the end of the history when that was not told."""
        told = self.by_what["quiet"]
        return float(told[0]["t"] if told else self.records[-1]["t"])

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """By ``op``."""
        found: dict[str, Operation] = {}
        for record in self.records:
            if record["what"] == "invoke":
                found[record["op"]] = Operation(record)
            elif record["what"] in {"ok", "fail", "unknown"} and record["op"] in found:
                found[record["op"]].end = record
        return found

    @cached_property
    def by_cid(self) -> dict[str, Operation]:
        """Operations by the cid of what they wrote."""
        return {one.invoke["cid"]: one for one in self.operations.values() if one.invoke.get("cid")}

    @cached_property
    def requests(self) -> dict[tuple[str, int, int], Record]:
        """What clients said, by (client, line, id)."""
        return {
            (one["client"], one["line"], one["frame"]["id"]): one
            for one in self.by_what["said"]
            if "id" in one["frame"]
        }

    def request_of(self, heard: Record) -> Record | None:
        """The request that a frame answers."""
        number = heard["frame"].get("re")
        return None if number is None else self.requests.get((heard["client"], heard["line"], number))

    def heard(self, *kinds: str) -> Iterator[Record]:
        """Frames of some types, in the order in which they came."""
        return (one for one in self.by_what["heard"] if one["frame"]["type"] in kinds)

    @cached_property
    def acknowledgements(self) -> list[Acknowledgement]:
        """All ``ack`` frames."""
        return [
            Acknowledgement(one, self.request_of(one), one["client"], self.users[one["client"]], one["frame"])
            for one in self.heard("ack")
        ]

    @cached_property
    def sightings(self) -> list[tuple[Record, dict[str, Any]]]:
        """Every entry that any connection was given: live, missed, in a page or found."""
        seen: list[tuple[Record, dict[str, Any]]] = []
        for record in self.heard("entry", "session.ready", "history.page", "search.results"):
            frame = record["frame"]
            match frame["type"]:
                case "entry":
                    seen.append((record, frame))
                case "history.page":
                    seen.extend((record, entry) for entry in frame["entries"])
                case "search.results":
                    seen.extend((record, entry) for entry in frame["hits"])
                case "session.ready":
                    seen.extend((record, entry) for one in frame["missed"] for entry in one["entries"])
        return seen
