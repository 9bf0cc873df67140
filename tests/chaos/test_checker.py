"""The checker finds each broken invariant in a doctored history, and nothing in the history as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.checker import judge
from tests.chaos.checker.violation import names
from tests.chaos.history import Recorder, read
from tests.chaos.history_editing import History, pick, renumber
from tests.chaos.history_mutations import DOCTORS
from tests.chaos.sample_history import CONV, Story


def tell() -> Story:
    """Ann and Bob talk; Bob's line breaks; Cat comes and goes; a fault strikes."""
    story = Story()
    ann, bob, cat = (story.comes(name, user) for name, user in (("ann", 1), ("bob", 2), ("cat", 3)))
    story.founds(ann)
    story.invites(ann, bob)
    first = story.says(ann, "hello")
    story.says(bob, "hi")
    story.edits(ann, first, "hello all")
    story.marks(bob, 4)
    story.leaves_line(bob)
    story.members.remove(bob)
    story.says(ann, "are you there?")
    story.members.append(bob)
    story.resumes(bob)
    story.strikes("nothing")
    story.invites(ann, cat)
    story.says(cat, "and me")
    story.removes(ann, cat)
    story.is_refused(cat, "what?", "not_found")
    story.says(bob, "gone")
    return story


@pytest.fixture
def good() -> History:
    # By way of JSON, so that no two records share a part.
    history: History = json.loads(json.dumps(tell().ends()))
    return history


def test_a_good_history_is_found_good(good: History) -> None:
    assert [one.story(good) for one in judge(good)] == []


def test_a_tail_may_begin_anew_where_from_moved(good: History) -> None:
    """Several words of the server come at once, before the client takes in the first: the last is of something else."""
    grew = next(one for one in pick(good, "grew", client="bob") if one["first"] == 4)
    views = [{"conv": CONV, "head": 4, "from": 3, "read": 0}, {"conv": CONV + 1, "head": 9, "from": 1, "read": 0}]
    frames = [{"type": "conversation", "conversation": view} for view in views]
    told = [{"t": grew["t"], "what": "heard", "client": "bob", "line": 1, "frame": frame} for frame in frames]
    at = good.index(grew) + 1
    good[at:at] = [*told, {"t": grew["t"], "what": "restart", "client": "bob", "conv": CONV, "cursor": 4}]
    renumber(good)
    assert [one.story(good) for one in judge(good)] == []


def test_what_everybody_sees_of_a_group_lets_nobody_in(good: History) -> None:
    """A join that is asked for again, and was undone meanwhile, is answered with the group as it looks from outside."""
    shown = pick(good, "heard", "conversation", client="cat")[0]
    outside = {"conv": CONV, "kind": "group", "head": 1, "from": 1, "read": 1}
    told = {**shown, "frame": {"type": "conversation", "re": 9, "conversation": outside}}
    good.insert(good.index(shown), told)
    renumber(good)
    assert [one.story(good) for one in judge(good)] == []
    outside["role"] = "member"
    assert "I6" in names(judge(good))


def test_an_ack_may_come_after_a_view_that_has_it_already(good: History) -> None:
    """Who came back into a group while their own words were stored hears of those late; once, and nothing else is."""
    ack = pick(good, "heard", "ack", client="bob")[-1]
    view = {"type": "conversation", "conversation": {"conv": CONV, "head": ack["frame"]["seq"], "from": 1, "read": 0}}
    told = {**ack, "frame": view}
    at = good.index(ack)
    gone = {**ack, "frame": {"type": "conversation.gone", "conv": CONV, "reason": "removed"}}
    good[at:at] = [gone, told]
    renumber(good)
    assert [one.story(good) for one in judge(good)] == []
    entry = {**ack, "frame": {**ack["frame"], "type": "entry", "kind": "join", "by": 2, "user": 2}}
    good.insert(at + 2, entry)
    renumber(good)
    assert "I7" in names(judge(good))


def test_an_ack_may_come_before_the_view_of_what_one_came_back_into(good: History) -> None:
    """The view is read later and has more: what follows it is next, whatever was acked before."""
    ack = pick(good, "heard", "ack", client="ann")[1]
    seq = ack["frame"]["seq"]
    behind = next(one for one in pick(good, "heard", client="ann") if one["frame"].get("seq") == seq + 1)
    gone = {**ack, "frame": {"type": "conversation.gone", "conv": CONV, "reason": "removed"}}
    good.insert(good.index(ack), gone)
    view = {"conv": CONV, "head": seq + 1, "from": 1, "read": 0}
    behind["frame"] = {"type": "conversation", "conversation": view}
    renumber(good)
    assert "I6" not in names(judge(good))
    view["head"] = seq
    renumber(good)
    assert "I6" in names(judge(good))


def test_what_changed_nothing_may_change_something_when_it_is_asked_for_again() -> None:
    """A client that crashed before its outbox heard of the ack asks again; what it takes back is there by now."""
    story = Story()
    ann = story.comes("ann", 1)
    story.founds(ann)
    first = story.says(ann, "hello")
    again = story.takes_back(ann, first)
    story.puts(ann, first)
    story.says(ann, "more")
    story.takes_back(ann, first, again)
    history = story.ends()
    assert [one.story(history) for one in judge(history)] == []


def test_what_is_asked_for_again_before_its_refusal_is_heard_counts_by_the_last_answer(good: History) -> None:
    """Who was let in again meanwhile has it stored by the second attempt; the first alone would not be."""
    said = next(one for one in pick(good, "said", "message.send", client="ann") if one["frame"]["text"] == "hello")
    at = good.index(said)
    first = {**said, "frame": {**said["frame"], "id": 99}}
    refused = {**said, "what": "heard", "frame": {"type": "error", "re": 99, "code": "not_found"}}
    good[at : at + 1] = [first, said, refused]
    renumber(good)
    assert [one.story(good) for one in judge(good)] == []
    good[at + 1 : at + 3] = [refused]
    ack = pick(good, "heard", "ack", client="ann", seq=3)[0]
    ack["frame"]["re"] = 99
    renumber(good)
    assert "I3" in names(judge(good))


def test_what_is_read_of_a_line_that_is_gone_begins_no_presence(good: History) -> None:
    lost = next(one for one in good if one["what"] == "lost" and one["client"] == "bob")
    ready = pick(good, "heard", "session.ready", client="bob")[0]
    good.insert(good.index(lost) + 1, {**ready, "t": lost["t"]})
    renumber(good)
    assert [one for one in names(judge(good)) if one == "I14"] == []


def test_a_history_survives_its_way_to_disk_and_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history.jsonl")
    recorder.note("run", text="今天 \n\u2028")
    recorder.note("end")
    recorder.close()
    assert read(tmp_path / "history.jsonl") == recorder.records


@pytest.mark.parametrize(("invariant", "doctor"), DOCTORS, ids=[doctor.__name__ for _, doctor in DOCTORS])
def test_a_doctored_history_is_found_out(good: History, invariant: str, doctor: Callable[[History], None]) -> None:
    doctor(good)
    violations = judge(good)
    assert invariant in names(violations)
    story = next(one for one in violations if one.invariant == invariant).story(good)
    assert story.startswith(f"{invariant}: ")
    assert "\n" in story, "a story shows the lines of the history that it is about"


def test_every_invariant_has_a_doctor() -> None:
    assert {invariant for invariant, _ in DOCTORS} == {*(f"I{number}" for number in range(1, 16)), "F1", "F2"}
