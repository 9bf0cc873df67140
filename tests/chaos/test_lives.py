"""A history in which a backup was restored is judged as lives of a store, each for itself."""

from __future__ import annotations

import json

import pytest

from tests.chaos.checker import judge
from tests.chaos.checker.lives import lives
from tests.chaos.checker.violation import names
from tests.chaos.history_editing import History, pick, renumber
from tests.chaos.sample_history import Story


def tell() -> Story:
    """Ann and Bob talk; what is said after the backup is lost with the first life of the store, and said anew."""
    story = Story()
    ann, bob = story.comes("ann", 1), story.comes("bob", 2)
    story.founds(ann)
    story.invites(ann, bob)
    story.says(ann, "kept")
    story.note("backup")
    story.says(bob, "lost")
    story.leaves_line(ann)
    story.leaves_line(bob)
    story.keeps()
    del story.log[3:]
    story.note("restored")
    for person in (ann, bob):
        story.returns(person, "e2")
    story.says(ann, "new")
    story.strikes("nothing")
    story.says(bob, "and on")
    return story


@pytest.fixture
def good() -> History:
    # By way of JSON, so that no two records share a part.
    history: History = json.loads(json.dumps(tell().ends()))
    return history


def test_what_is_lost_by_definition_is_not_held_against_anybody(good: History) -> None:
    assert [one.story(good) for one in judge(good)] == []
    assert [[record["entries"][-1]["text"] for record in pick(life, "stored")] for life in lives(good)] == [
        ["lost"],
        ["and on"],
    ]


def test_what_was_acked_before_the_backup_must_be_there(good: History) -> None:
    acked = next(one for one in pick(good, "heard", "ack") if one["frame"]["seq"] == 3)
    other = next(one for one in pick(good, "stored")[-1]["entries"] if one["seq"] == 3)
    assert acked["frame"]["cid"] == other["cid"]
    other["cid"] = "another"
    assert "I1" in names(judge(good))


def test_what_was_acked_in_the_first_life_must_have_been_there_then(good: History) -> None:
    first = pick(good, "stored")[0]
    first["entries"].pop()
    first["head"] -= 1
    assert "I1" in names(judge(good))


def test_a_cursor_of_the_old_epoch_must_not_be_served(good: History) -> None:
    pick(good, "heard", "session.ready", client="bob")[-1]["frame"]["reset"] = False
    assert "I6" in names(judge(good))


def test_the_epoch_must_be_another_one(good: History) -> None:
    for one in pick(good, "heard", "session.ready"):
        one["frame"]["epoch"] = "e"
    assert "I6" in names(judge(good))


def test_nothing_of_the_old_life_is_shown_in_the_new_one(good: History) -> None:
    at = max(place for place, one in enumerate(good) if one["what"] == "restart" and one["client"] == "bob")
    del good[at]
    renumber(good)
    assert {"I6", "I7"} & set(names(judge(good)))
