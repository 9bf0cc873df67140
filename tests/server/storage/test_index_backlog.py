"""What search has not seen yet is kept while it is little; the rest is read when its turn has come."""

from __future__ import annotations

from uuid import uuid4

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage.index_backlog import IndexBacklog
from mrccsc_shared.entry import EntryKind

HOT, QUIET, OTHER = 7, 8, 9


def entry(conv: int, seq: int, kind: EntryKind = "message", text: str | None = None) -> EntryRow:
    """An entry as a commit leaves it: nothing in it is shared with another."""
    data: dict[str, object] | None = {"emoji": "👍", "on": True} if kind == "reaction" else None
    return EntryRow(conv, seq, kind, 10**6, 10**12 + seq, str(uuid4()), uuid4().bytes * 2, text, data=data)


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
