"""What search has not seen yet is kept while it is little; the rest is read when its turn has come."""

from __future__ import annotations

import tracemalloc
from uuid import uuid4

import pytest

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage import index_backlog
from mrccsc_server.storage.index_backlog import IndexBacklog
from mrccsc_shared.entry import EntryKind

HOT, QUIET, OTHER = 7, 8, 9


def entry(conv: int, seq: int, kind: EntryKind = "message", text: str | None = None) -> EntryRow:
    """An entry as a commit leaves it: nothing in it is shared with another."""
    data: dict[str, object] | None = {"emoji": "👍", "on": True} if kind == "reaction" else None
    return EntryRow(conv, seq, kind, 10**6, 10**12 + seq, str(uuid4()), uuid4().bytes * 2, text, data=data)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("reaction", None), ("delete", None), ("message", "ok"), ("message", "語" * 99)],
    ids=["reactions", "deletions", "words", "texts"],
)
@pytest.mark.parametrize("convs", [1, 50])
def test_no_more_memory_is_held_than_is_allowed(
    kind: EntryKind, text: str | None, convs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_backlog, "HELD", 500_000)
    backlog = IndexBacklog()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5_000):
            backlog.add_entries([entry(number % convs, 1_000 + number, kind, text and f"{number} {text}")])
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 1.2 * index_backlog.HELD
    assert len(backlog) == convs
    assert None in backlog.take(convs, 5_000).values(), "what came beyond must be read"


def test_what_was_taken_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_backlog, "HELD", 10_000)
    backlog = IndexBacklog()
    for start in range(0, 500, 5):
        entries = [entry(HOT, seq) for seq in range(start, start + 5)]
        backlog.add_entries(entries)
        assert backlog.take(9, 9) == {HOT: entries}


def test_what_is_left_of_a_conversation_waits_behind_the_others() -> None:
    backlog = IndexBacklog()
    entries = [entry(HOT, seq) for seq in range(9)]
    other = entry(OTHER, 1)
    backlog.add_entries([*entries, other])
    assert backlog.take(9, 4) == {HOT: entries[:4]}
    assert backlog.take(9, 4) == {OTHER: [other], HOT: entries[4:7]}
    assert backlog.take(9, 4) == {HOT: entries[7:]}


def test_what_is_at_hand_takes_no_room_from_what_must_be_read_and_waits_longer() -> None:
    backlog = IndexBacklog()
    entries = [entry(HOT, seq) for seq in range(9)]
    backlog.add([QUIET])
    backlog.add_entries(entries)
    backlog.add([OTHER])
    assert backlog.take(9, 9) == {QUIET: None}
    assert backlog.take(9, 9) == {HOT: entries}
    assert backlog.take(9, 9) == {OTHER: None}
