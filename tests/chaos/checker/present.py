"""I1 of present states: a message is in the store as the entries say that changed it, and in no other way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation, found

Entry = dict[str, Any]

_GONE = ("text", "reactions", "mentions")
"""What a deleted message does not have."""


def check_present(trace: Trace) -> Iterator[Violation]:
    """I1: messages are as their amendments say; of what was deleted or superseded no text is left."""
    for log in trace.stored.values():
        for entry in log.entries.values():
            if entry["kind"] == "message" and (wrong := _wrong(entry, log.amendments.get(entry["seq"], ()))):
                text = f"message {entry['seq']} of conversation {log.conv} is in the store with {wrong}"
                yield found("I1", text, log.record)
    told: set[tuple[int, int]] = set()
    for record, entry in trace.sightings:
        left = [name for name in _GONE if entry.get(name)] if entry.get("deleted") else []
        if left and (entry["conv"], entry["seq"]) not in told:
            told.add((entry["conv"], entry["seq"]))
            text = f"{record['client']} was given the deleted message {entry['seq']} of conversation {entry['conv']}"
            yield found("I1", f"{text} with its {left[0]}", record)


def check_texts(trace: Trace) -> Iterator[Violation]:
    """I1: the database itself keeps no text that no entry shows."""
    for record in trace.by_what["texts"]:
        if record["left"]:
            yield found(
                "I1", f"texts that were deleted or superseded are in the database: {record['left'][:3]}", record
            )


def _wrong(message: Entry, amendments: Sequence[Entry]) -> str | None:
    """What does not follow, in words."""
    edits = [one for one in amendments if one["kind"] == "edit"]
    deleted = any(one["kind"] == "delete" for one in amendments)
    rev = amendments[-1]["seq"] if amendments else message["seq"]
    if message["rev"] != rev:
        return f"rev {message['rev']}; the last entry that changed it is {rev}"
    if bool(message.get("deleted")) != deleted:
        return f"deleted: {message.get('deleted')}; its entries say {deleted}"
    if deleted and (left := [name for name in _GONE if message.get(name)]):
        return f"its {left[0]}, though it was deleted"
    kept = [one["seq"] for one in edits if one["text"] and (deleted or one is not edits[-1])]
    if kept:
        return f"the text of its edit {kept[0]}, which a later entry supersedes"
    if deleted:
        return None
    if edits and (message["text"], message.get("edited")) != (edits[-1]["text"], edits[-1]["at"]):
        return "another text or time than its last edit"
    if not edits and message.get("edited"):
        return "the mark of an edit, and there was none"
    reactions = {emoji: sorted(users) for emoji, users in message.get("reactions", {}).items()}
    if reactions != _reactions(amendments):
        return f"reactions {reactions}; its entries say {_reactions(amendments)}"
    return None


def _reactions(amendments: Sequence[Entry]) -> dict[str, list[int]]:
    users: dict[str, set[int]] = defaultdict(set)
    for one in amendments:
        if one["kind"] == "reaction":
            (users[one["emoji"]].add if one["on"] else users[one["emoji"]].discard)(one["by"])
    return {emoji: sorted(some) for emoji, some in users.items() if some}
