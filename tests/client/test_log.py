"""However entries and pages arrive, what is held is one contiguous tail in its present state."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mrccsc_tui.state.log import Log, amended
from mrccsc_tui.state.models import Amendment, Entry, Message, Notice

CONV = 7


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """A log as the server keeps it: each entry as it was when it was made."""
    entries: list[Entry] = [Notice(CONV, 1, 1, 0, None, "create")]
    for seq in range(2, draw(st.integers(2, 30)) + 1):
        place = CONV, seq, draw(st.integers(1, 3)), seq, None
        targets = [entry.seq for entry in entries if isinstance(entry, Message)]
        kind = draw(st.sampled_from(["message", "message", "edit", "delete", "reaction", "join"]))
        if kind in ("edit", "delete", "reaction") and targets:
            target = draw(st.sampled_from(targets))
            deleted = any(
                isinstance(one, Amendment) and one.target == target and one.kind == "delete" for one in entries
            )
            if not deleted:
                word = draw(st.sampled_from(["👍", "x"])) if kind == "reaction" else f"edit {seq}"
                text = "" if kind == "delete" else word
                entries.append(Amendment(*place, kind, target, text, text, on=draw(st.booleans())))
                continue
        if kind == "join":
            entries.append(Notice(*place, "join", user=2, reason="joined"))
        else:
            entries.append(Message(*place, text=f"text {seq}", raw=f"text {seq}", rev=seq))
    return entries


def as_of(entries: list[Entry], head: int) -> dict[int, Entry]:
    """What a server shows of its log when ``head`` is the newest entry."""
    shown: dict[int, Entry] = {}
    for entry in entries[:head]:
        shown[entry.seq] = entry
        if isinstance(entry, Amendment):
            message = shown[entry.target]
            assert isinstance(message, Message)
            for seq, other in shown.items():
                superseded = isinstance(other, Amendment) and other.kind == "edit" and other.target == entry.target
                if superseded and seq < entry.seq and entry.kind != "reaction":
                    shown[seq] = replace(other, text="", raw="", mentions=())
            shown[entry.target] = amended(message, entry)
    return shown


@given(logs(), st.data())
def test_the_tail_is_contiguous_and_up_to_date_in_whatever_order_things_arrive(
    entries: list[Entry], data: st.DataObject
) -> None:
    first_head = data.draw(st.integers(0, len(entries)))
    log = Log(first_head)
    undelivered = list(range(first_head + 1, len(entries) + 1))
    seen = first_head
    while log.cursor < len(entries) or log.tail_start > 1:
        if undelivered and data.draw(st.booleans()):
            # Live entries come as they were made, in order or not, perhaps twice.
            at = data.draw(st.integers(0, min(2, len(undelivered) - 1)))
            seq = undelivered[at]
            if data.draw(st.booleans()):
                undelivered.pop(at)
            seen = max(seen, seq)
            log.receive(entries[seq - 1])
        elif log.tail_start > 1 and data.draw(st.booleans()):
            # A page that was read at any time since what was held then, and arrives only now.
            read_at = data.draw(st.integers(log.tail_start - 1, max(seen, log.tail_start - 1)))
            size = data.draw(st.integers(1, 5))
            page = as_of(entries, max(read_at, first_head))
            before = log.tail_start
            wanted = [page[seq] for seq in range(max(1, before - size), before)]
            assert log.prepend(wanted)
        elif log.cursor < len(entries):
            # The gap is closed by a page as of now.
            page = as_of(entries, len(entries))
            for seq in range(log.cursor + 1, min(log.cursor + 3, len(entries)) + 1):
                log.receive(page[seq])
            seen = len(entries)
        check(log)
    present = as_of(entries, len(entries))
    assert log.rows == [entry for entry in present.values() if not isinstance(entry, Amendment)]
    assert (log.tail_start, log.cursor) == (1, len(entries))


def check(log: Log) -> None:
    seqs = [row.seq for row in log.rows]
    assert seqs == sorted(set(seqs))
    assert not seqs or (log.tail_start <= seqs[0] and seqs[-1] <= log.cursor)


def message(seq: int, text: str = "text", **fields: object) -> Message:
    return Message(CONV, seq, 1, seq, None, text=text, raw=text, **{"rev": seq, **fields})  # type: ignore[arg-type]


def test_a_page_that_does_not_end_right_below_the_tail_is_not_taken() -> None:
    log = Log(10)
    assert not log.prepend([message(8), message(9)])
    assert not log.prepend([message(8), message(10)])
    assert not log.prepend([])
    assert log.prepend([message(9), message(10)])
    assert not log.prepend([message(9), message(10)])
    assert [row.seq for row in log.rows] == [9, 10]


def test_entries_ahead_wait_and_join_when_the_gap_is_closed() -> None:
    log = Log(0)
    assert log.receive(message(3)) == []
    assert log.seen == 3
    assert [entry.seq for entry, _ in log.receive(message(1))] == [1]
    assert [entry.seq for entry, _ in log.receive(message(2))] == [2, 3]
    assert log.receive(message(2)) == []


def test_a_change_that_the_message_has_already_is_ignored() -> None:
    log = Log(0)
    log.receive(message(1, "edited", rev=2, edited=2))
    log.receive(Amendment(CONV, 2, 1, 2, None, "edit", 1, "edited", "edited"))
    log.receive(Amendment(CONV, 3, 2, 3, None, "reaction", 1, "👍", "👍", on=True))
    held = log.message(1)
    assert held is not None
    assert (held.text, held.rev, held.reactions[0].users) == ("edited", 3, (2,))
    log.receive(Amendment(CONV, 4, 1, 4, None, "delete", 1))
    held = log.message(1)
    assert held is not None
    assert (held.text, held.raw, held.reactions, held.deleted, held.rev) == ("", "", (), True, 4)


def test_the_text_of_a_superseded_edit_is_not_taken_for_an_empty_message() -> None:
    log = Log(0)
    log.receive(message(1, "old"))
    log.receive(Amendment(CONV, 2, 1, 2, None, "edit", 1))
    held = log.message(1)
    assert held is not None
    assert (held.text, held.rev) == ("old", 2)
    log.receive(Amendment(CONV, 3, 1, 3, None, "edit", 1, "new", "new"))
    held = log.message(1)
    assert held is not None
    assert held.text == "new"


def test_whom_a_message_mentioned_at_first_is_remembered_through_edits() -> None:
    log = Log(0)
    log.receive(message(1, mentions=(5,)))
    log.receive(Amendment(CONV, 2, 1, 2, None, "edit", 1, "no names", "no names"))
    held = log.message(1)
    assert held is not None
    assert held.mentions == ()
    assert log.mentioned_at_first(held) == (5,)
    assert Log(0).mentioned_at_first(message(9, edited=10, rev=10)) is None
