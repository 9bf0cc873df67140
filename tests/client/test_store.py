"""What frames do to the store: each has one reducer, everything is safe to show, counts are right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrccsc_shared.codec import decode_frame, encode
from mrccsc_shared.messages import FRAMES
from mrccsc_tui.sanitize import text
from mrccsc_tui.state.changes import ConversationChanged, Gap, Settled, Stale, Stranger, Unsure
from mrccsc_tui.state.models import FORMER, Message, Notice, Pending, Person
from mrccsc_tui.state.reducers import ANSWER_ONLY, REDUCERS
from mrccsc_tui.state.reducers.reading import mark
from mrccsc_tui.state.reducers.register import reducer
from mrccsc_tui.state.store import Store
from mrccsc_tui.state.wire import (
    dump_contact,
    dump_conversation,
    dump_entry,
    read_contact,
    read_conversation,
    read_entry,
)
from tests.client.fakes import conversation, entry, message, ready
from tests.shared.generation import FRAMES as DEFINITIONS
from tests.shared.generation import instances

Frame = dict[str, Any]


@pytest.fixture
def store() -> Store:
    """Ann's store, in one conversation with Bob that has one entry."""
    store = Store()
    store.apply(ready({"id": 1, "type": "session.login"}))
    return store


def kinds(changes: object) -> list[str]:
    return [type(one).__name__ for one in changes]  # type: ignore[attr-defined]


def test_every_frame_has_exactly_one_reducer_or_is_only_an_answer() -> None:
    known = {*FRAMES, "entry"}
    assert REDUCERS.keys() | ANSWER_ONLY == known
    assert not REDUCERS.keys() & ANSWER_ONLY
    with pytest.raises(ValueError, match="taken care of"):
        reducer("ack")(lambda *_: iter(()))
    with pytest.raises(ValueError, match="taken care of"):
        reducer("pong")(lambda *_: iter(()))


@settings(max_examples=60)
@given(st.sampled_from(sorted(REDUCERS.keys() & DEFINITIONS.keys())).flatmap(lambda kind: instances(DEFINITIONS[kind])))
def test_no_well_formed_frame_breaks_a_reducer(wire: Frame) -> None:
    store = Store()
    store.apply(ready({"id": 1, "type": "session.login"}))
    frame = decode_frame(encode(wire))
    assert frame is not None
    requests = {
        "group.members": {"type": "group.members", "conv": 5, "limit": 9},
        "ack": {"type": "message.send", "conv": 5, "cid": "x", "text": "hello"},
        "history.page": {"type": "history.get", "conv": 5, "before": 2, "limit": 9},
    }
    store.apply(frame, requests.get(frame["type"]))
    for held in store.conversations.values():
        assert held.tail_start <= held.cursor + 1
        assert len(held.title) <= 64


def test_every_string_of_a_peer_is_made_safe_on_its_way_in(store: Store) -> None:
    evil = "\x1b]0;x\x07"
    user = {"user": 9, "username": evil, "display_name": evil}
    store.apply({"type": "contact", "contact": {"user": user, "relation": "incoming"}})
    store.apply({"type": "presence", "user": 9, "status": "away", "text": evil})
    wire = conversation(6, kind="group", title=evil, topic=evil, last=message(1, evil, conv=6))
    store.apply({"type": "conversation", "conversation": wire})
    store.apply(entry(message(2, evil, conv=6, reactions={evil: [9]})))
    store.apply(entry({"conv": 6, "seq": 3, "kind": "change", "by": 9, "at": 3, "title": evil, "topic": evil}))
    store.apply(
        entry({"conv": 6, "seq": 4, "kind": "reaction", "by": 9, "at": 4, "target": 2, "emoji": evil, "on": True})
    )
    safe = "␛]0;x␇"
    person, held, said = store.person(9), store.conversations[6], store.message(6, 2)
    presence = store.presence(9)
    assert said is not None
    assert presence is not None
    assert (person.username, person.display_name, presence.text) == (safe, safe, safe)
    assert (held.title, held.topic) == (safe, safe)
    assert (said.text, said.raw, said.reactions[0].emoji, said.reactions[0].raw) == (safe, evil, safe, evil)
    change = store.timeline(6)[-1]
    assert isinstance(change, Notice)
    assert (change.title, change.topic) == (safe, safe)
    for shown in (person, held, presence, change, said):
        assert "\x1b" not in repr(shown)


def test_messages_by_others_count_and_nothing_else_does(store: Store) -> None:
    store.apply(entry(message(2, by=2, mentions=[1])))
    store.apply(entry(message(3, by=1, mentions=[1])))
    store.apply(entry({"conv": 5, "seq": 4, "kind": "edit", "by": 2, "at": 4, "target": 2, "text": "no mention"}))
    store.apply(
        entry({"conv": 5, "seq": 5, "kind": "reaction", "by": 2, "at": 5, "target": 3, "emoji": "x", "on": True})
    )
    store.apply(entry({"conv": 5, "seq": 6, "kind": "delete", "by": 2, "at": 6, "target": 2}))
    store.apply(entry(message(7, by=2)))
    held = store.conversations[5]
    assert (held.unread, held.mentions, held.head) == (2, 1, 7)
    # A mention counts as of when the message was new.
    store.apply({"type": "read.marked", "conv": 5, "user": 1, "seq": 1})
    assert store.conversations[5].mentions == 1
    store.apply({"type": "read.marked", "conv": 5, "user": 1, "seq": 2})
    held = store.conversations[5]
    assert (held.unread, held.mentions, held.read) == (1, 0, 2)
    store.apply({"type": "read.marked", "conv": 5, "user": 1, "seq": 1})
    assert store.conversations[5].read == 2


def test_counts_of_a_snapshot_and_entries_up_to_its_head_are_not_added(store: Store) -> None:
    changes = store.apply({"type": "conversation", "conversation": conversation(head=3, read=1, unread=2)})
    assert Gap(5, 1) in changes
    assert store.apply(entry(message(2)))
    assert store.apply(entry(message(3)))
    assert store.conversations[5].unread == 2
    store.apply(entry(message(4)))
    assert store.conversations[5].unread == 3
    # A snapshot that was made before what is known already.
    store.apply({"type": "conversation", "conversation": conversation(head=3, read=1, unread=2, muted=True)})
    held = store.conversations[5]
    assert (held.unread, held.head, held.muted) == (3, 4, True)


def test_counts_that_cannot_be_known_are_asked_for(store: Store) -> None:
    store.apply({"type": "conversation", "conversation": conversation(8, head=100, read=10, unread=90, peer=3)})
    changes = store.apply({"type": "read.marked", "conv": 8, "user": 1, "seq": 50})
    assert Stale(8) in changes
    changes = store.apply({"type": "read.marked", "conv": 8, "user": 1, "seq": 100})
    assert Stale(8) not in changes
    assert store.conversations[8].unread == 0


def test_an_unread_line_survives_snapshots_until_the_server_has_heard_of_it(store: Store) -> None:
    store.marking.add(5)
    list(mark(store, store.conversations[5], 1, 1))
    store.apply({"type": "conversation", "conversation": conversation()})
    assert store.conversations[5].unread_from == 1
    store.marking.clear()
    changes = store.apply({"type": "conversation", "conversation": conversation()})
    assert store.conversations[5].unread_from is None
    assert ConversationChanged(5) in changes


def test_an_own_word_is_settled_by_its_acknowledgement_or_by_its_echo(store: Store) -> None:
    first = Pending("6b9f2a3c-0000-4000-8000-000000000001", 5, "send", 0, "hi", "hi")
    store.put_pending(first)
    request = {"type": "message.send", "conv": 5, "cid": first.cid, "text": "hi @bob", "reply_to": 1}
    answer = {"type": "ack", "re": 1, "conv": 5, "cid": first.cid, "seq": 2, "at": 9, "duplicate": False}
    changes = store.apply(answer, request)
    assert Settled(5, first.cid, 2) in changes
    assert Unsure(5, 2) in changes
    held = store.message(5, 2)
    assert held is not None
    assert (held.text, held.by, held.at, held.reply_to, held.rev) == ("hi @bob", 1, 9, 1, 2)
    store.put_pending(first)
    assert Settled(5, first.cid, 3) in store.apply(entry(message(3, by=1, cid=first.cid)))
    assert store.pending(5) == ()
    # An echo of somebody else's with the same cid is none.
    store.put_pending(first)
    store.apply(entry(message(4, by=2, cid=first.cid)))
    assert store.pending(5) == (first,)


def test_members_follow_the_log_once_they_are_loaded(store: Store) -> None:
    wire = conversation(6, kind="group", title="Tea", role="owner", members=2, head=1)
    del wire["peer"]
    store.apply({"type": "conversation", "conversation": wire})
    bob = {"user": 2, "username": "bob", "display_name": "Bob"}
    ann = {"user": 1, "username": "ann", "display_name": "Ann"}
    request = {"type": "group.members", "conv": 6, "limit": 1}
    store.apply({"type": "group.members", "re": 1, "members": [{"user": ann, "role": "owner"}], "more": True}, request)
    assert store.members(6) is None
    request["after"] = 1
    store.apply(
        {"type": "group.members", "re": 2, "members": [{"user": bob, "role": "member"}], "more": False}, request
    )
    members = store.members(6)
    assert members is not None
    assert {user: one.role for user, one in members.items()} == {1: "owner", 2: "member"}
    store.apply(entry({"conv": 6, "seq": 2, "kind": "role", "by": 1, "at": 2, "user": 2, "role": "owner"}))
    assert {user: one.role for user, one in members.items()} == {1: "admin", 2: "owner"}
    assert store.conversations[6].role == "admin"
    store.apply(entry({"conv": 6, "seq": 3, "kind": "leave", "by": 2, "at": 3, "user": 2, "reason": "left"}))
    assert set(members) == {1}
    assert store.conversations[6].members == 1
    changes = store.apply(entry({"conv": 6, "seq": 4, "kind": "join", "by": 7, "at": 4, "user": 7, "reason": "joined"}))
    assert Stranger(6, 7) in changes
    assert store.members(6) is None
    assert store.person(7) == Person(7, "", FORMER)


def test_a_new_name_shows_everywhere(store: Store) -> None:
    bob = {"user": 2, "username": "bob", "display_name": "Robert"}
    store.apply({"type": "contact", "contact": {"user": bob, "relation": "friend", "conv": 5}})
    assert store.person(2).display_name == "Robert"
    assert store.conversations[5].title == "Robert"
    assert store.contacts[2].person.display_name == "Robert"
    store.apply({"type": "ok", "re": 1}, {"type": "account.update", "display_name": "Anna"})
    assert store.me is not None
    assert store.me.display_name == "Anna"


def test_reading_one_part_of_the_log_ends_when_another_begins(store: Store) -> None:
    wire = conversation(6, kind="group", title="Tea", head=10)
    store.apply({"type": "conversation", "conversation": wire})
    store.apply(entry(message(11, conv=6)))
    # Removed and invited again while the line was down: `from` is another now.
    again = ready({"id": 1, "type": "session.resume"}, conversations=[conversation(), {**wire, "from": 20, "head": 21}])
    assert "TailRestarted" in kinds(store.apply(again))
    held = store.conversations[6]
    assert (held.start, held.tail_start, held.cursor) == (20, 22, 21)
    assert not store.timeline(6)


def entries() -> st.SearchStrategy[Frame]:
    names = ["Message", "Edit", "Delete", "Reaction", "Join", "Leave", "Role", "Change", "Create"]
    return st.sampled_from(names).flatmap(lambda name: instances(f"{name}Entry"))


@given(entries())
def test_an_entry_survives_its_way_to_disk_and_back(wire: Frame) -> None:
    one = read_entry(wire)
    assert read_entry(dump_entry(one)) == one
    frame = decode_frame(encode({"type": "entry", **dump_entry(one)}))
    assert frame is not None
    assert read_entry(frame) == one
    if isinstance(one, Message):
        assert one.text == text(one.raw)


@given(instances("Conversation"), instances("Contact"))
def test_facts_survive_their_way_to_disk_and_back(wire: Frame, contact: Frame) -> None:
    one = read_conversation(wire)
    assert read_conversation(dump_conversation(one)) == one
    other = read_contact({key: value for key, value in contact.items() if key != "presence"})
    assert read_contact(dump_contact(other)) == other
