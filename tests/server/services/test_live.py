"""Delivery on a node: whatever is committed while a session opens, it hears everything after its snapshot once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.domain.operations import Send
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Account
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival
from mrccsc_server.services.session import HELD_MAX, Session
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode

ALICE, BOB = 1, 2
CONV = 7


class Ears:
    """A connection that remembers what it was sent."""

    address = ""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.closed: CloseCode | None = None

    def send(self, line: bytes) -> None:
        self.lines.append(json.loads(line))

    def close(self, code: CloseCode) -> None:
        self.closed = code

    def seqs(self, conv: int = CONV) -> list[int]:
        return [line["seq"] for line in self.lines if line["type"] == "entry" and line["conv"] == conv]

    def types(self) -> list[str]:
        return [line["type"] for line in self.lines]


class Wanted:
    """Remembers what the node was told to fetch."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, *tuple[int, ...]]] = []

    def behind(self, conv: int) -> None:
        self.asked.append(("behind", conv))

    def entered(self, conv: int) -> None:
        self.asked.append(("entered", conv))

    def unseen(self, conv: int, user: int) -> None:
        self.asked.append(("unseen", conv, user))


class Group:
    """The truth about one group: what the store would answer, and what is committed."""

    def __init__(self) -> None:
        self.head = 1
        self.members = {ALICE}

    def message(self) -> Stored:
        self.head += 1
        return Stored({**self._base("message"), "text": "…", "rev": self.head})  # type: ignore[typeddict-item]

    def join(self, user: int) -> Stored:
        self.head += 1
        self.members.add(user)
        entry = {**self._base("join"), "user": user, "reason": "joined"}
        return Stored(entry, view=self.view(self.head - 1))  # type: ignore[arg-type]

    def leave(self, user: int) -> Stored:
        self.head += 1
        self.members.discard(user)
        entry = {**self._base("leave"), "user": user, "reason": "left"}
        return Stored(entry, gone="left")  # type: ignore[arg-type]

    def view(self, head: int) -> Any:
        return {"conv": CONV, "kind": "group", "title": "t", "head": head}

    def heads(self, user: int) -> dict[int, int]:
        return {CONV: self.head} if user in self.members else {}

    def _base(self, kind: str) -> dict[str, Any]:
        return {"conv": CONV, "seq": self.head, "kind": kind, "by": ALICE, "at": 0, "cid": ""}


def session(user: int, ears: Ears) -> Session:
    return Session(ears, 1, Account(user, f"user{user}", f"User {user}", "hash"))


def opened(live: Live, user: int, group: Group) -> tuple[Session, Ears]:
    ears = Ears()
    new = session(user, ears)
    live.enter(new)
    live.watch(new, group.heads(user))
    live.release(new, encode({"type": "ready"}), group.heads(user))
    return new, ears


@given(st.lists(st.sampled_from(["message", "join", "leave"]), max_size=12), st.data())
def test_nothing_falls_between_the_snapshot_and_live_delivery(acts: list[str], data: st.DataObject) -> None:
    """Bob opens a session while he and others act; the steps of opening fall at any moments between the acts."""
    moments = sorted(data.draw(st.lists(st.integers(0, len(acts)), min_size=4, max_size=4)))
    live, group = Live(Wanted()), Group()
    opened(live, ALICE, group)
    ears = Ears()
    bob = session(BOB, ears)
    ids: dict[int, int] = {}
    heads: dict[int, int] = {}
    read_at = 0
    story: list[tuple[str, int]] = []

    def opening(step: int) -> None:
        nonlocal ids, heads, read_at
        if step == 0:
            live.enter(bob)
            ids = group.heads(BOB)
        elif step == 1:
            live.watch(bob, ids)
        elif step == 2:
            heads = group.heads(BOB)
            read_at = group.head
            story.clear()
        else:
            live.release(bob, encode({"type": "ready"}), heads)

    for place in range(len(acts) + 1):
        for step, moment in enumerate(moments):
            if moment == place:
                opening(step)
        if place == len(acts):
            break
        act = acts[place]
        if act == "message":
            stored = group.message()
        elif act == "join" and BOB not in group.members:
            stored = group.join(BOB)
        elif act == "leave" and BOB in group.members:
            stored = group.leave(BOB)
        else:
            continue
        live.deliver(Arrival(stored))
        story.append((stored.entry["kind"], stored.entry["seq"]))

    inside = CONV in heads
    expected: list[tuple[str, int]] = []
    for kind, seq in story:
        if kind == "join":
            inside = True
            expected.append(("conversation", seq - 1))
        if inside:
            expected.append(("entry", seq))
        if kind == "leave":
            inside = False
            expected.append(("conversation.gone", 0))
    heard = [(line["type"], line.get("seq") or line.get("conversation", {}).get("head", 0)) for line in ears.lines[1:]]
    assert ears.lines[0] == {"type": "ready"}
    # A whole stay that had ended before the snapshot may be told, as coming and going; never a part of one.
    while CONV not in heads and heard[:1] and heard[0][0] == "conversation" and heard[0][1] < read_at:
        heard = heard[heard.index(("conversation.gone", 0)) + 1 :]
    assert heard == expected


def test_the_asking_connection_is_acked_and_the_other_devices_get_the_entry() -> None:
    live, group = Live(Wanted()), Group()
    first, ears = opened(live, ALICE, group)
    _, others = opened(live, ALICE, group)
    live.deliver(Arrival(group.message(), first, acked=True))
    live.deliver(Arrival(group.message(), first))
    assert ears.seqs() == [3]
    assert others.seqs() == [2, 3]


def test_who_joins_hears_the_entry_before_the_answer_and_other_devices_get_the_conversation_first() -> None:
    live, group = Live(Wanted()), Group()
    first, ears = opened(live, BOB, group)
    _, others = opened(live, BOB, group)
    live.deliver(Arrival(group.join(BOB), first, done=lambda _: None))
    assert ears.types() == ["ready", "entry"]
    assert others.types() == ["ready", "conversation", "entry"]
    assert others.lines[1]["conversation"]["head"] == others.lines[2]["seq"] - 1


def test_a_late_or_doubled_hint_has_no_effect() -> None:
    live, group = Live(Wanted()), Group()
    _, ears = opened(live, ALICE, group)
    first, second = group.message(), group.message()
    for stored in (first, first, second, first, second):
        live.deliver(Arrival(stored))
    assert ears.seqs() == [2, 3]


def test_what_is_ahead_waits_for_what_is_missing() -> None:
    wanted, group = Wanted(), Group()
    live = Live(wanted)
    first, ears = opened(live, ALICE, group)
    _, others = opened(live, BOB, group)
    group.members.add(BOB)
    missing, own, ahead = group.message(), group.message(), group.message()
    answered: list[int] = []
    live.deliver(Arrival(own, first, acked=True, done=lambda _: answered.append(own.entry["seq"])))
    live.deliver(Arrival(ahead))
    assert (ears.seqs(), answered, live.hole(CONV)) == ([], [], (1, 2))
    assert ("behind", CONV) in wanted.asked
    live.deliver(Arrival(missing), fetched=True)
    assert (ears.seqs(), answered, live.hole(CONV)) == ([2, 4], [3], None)
    assert others.seqs() == []


def test_a_commit_that_is_seen_elsewhere_first_is_acked_all_the_same() -> None:
    """The entry is fetched before the commit's own answer: the session that asked gets the ack and no entry."""
    live, group = Live(Wanted()), Group()
    first, ears = opened(live, ALICE, group)
    _, others = opened(live, ALICE, group)
    operation = Send(conv=CONV, by=ALICE, cid="", digest=b"", text="…")
    stored, after = group.message(), group.message()
    live.committing.begin([CONV], [operation])
    live.deliver(Arrival(stored), fetched=True)
    live.deliver(Arrival(Stored({**after.entry, "by": BOB})))  # type: ignore[typeddict-item]
    assert ears.seqs() == others.seqs() == []
    assert live.hole(CONV) is None
    live.deliver(Arrival(stored, first, acked=True, done=lambda _: ears.lines.append({"type": "ack", "seq": 2})))
    live.end_commit([CONV])
    assert [line["seq"] for line in ears.lines[1:]] == [2, 3]
    assert ears.seqs() == [3]
    assert others.seqs() == [2, 3]


def test_a_commit_that_failed_holds_nothing_up() -> None:
    live, group = Live(Wanted()), Group()
    _, ears = opened(live, ALICE, group)
    operation = Send(conv=CONV, by=ALICE, cid="", digest=b"", text="…")
    live.committing.begin([CONV], [operation])
    live.deliver(Arrival(group.message()), fetched=True)
    assert ears.seqs() == []
    live.end_commit([CONV])
    assert ears.seqs() == [2]


def test_who_was_told_of_more_than_is_delivered_here_is_told_nothing_twice() -> None:
    live, group = Live(Wanted()), Group()
    _, ears = opened(live, ALICE, group)
    late = [group.message(), group.message()]
    _, others = opened(live, ALICE, group)
    for stored in (*late, group.message()):
        live.deliver(Arrival(stored))
    assert ears.seqs() == [2, 3, 4]
    assert others.seqs() == [4]


def test_a_snapshot_that_is_behind_is_read_again() -> None:
    """Two sessions open a conversation that was not live: the one with the older snapshot would miss an entry."""
    live, group = Live(Wanted()), Group()
    slow_ears = Ears()
    slow, quick = session(ALICE, slow_ears), session(BOB, Ears())
    group.members.add(BOB)
    for each in (slow, quick):
        live.enter(each)
        live.watch(each, [CONV])
    old = group.heads(ALICE)
    live.deliver(Arrival(group.message()))
    assert live.release(quick, encode({"type": "ready"}), group.heads(BOB))
    assert not live.release(slow, encode({"type": "ready"}), old)
    assert slow_ears.lines == []
    live.deliver(Arrival(group.message()))
    assert live.release(slow, encode({"type": "ready"}), {CONV: 2})
    assert slow_ears.seqs() == [3]


def test_a_snapshot_from_between_two_stays_that_were_heard_of_is_read_again() -> None:
    """What is held of an earlier stay does not make up for what nobody here has heard of since the snapshot."""
    live, group = Live(Wanted()), Group()
    group.members.add(BOB)
    opened(live, BOB, group)
    ears = Ears()
    waiting = session(BOB, ears)
    live.enter(waiting)
    live.watch(waiting, group.heads(BOB))
    live.deliver(Arrival(group.message()))
    live.deliver(Arrival(group.leave(BOB)))
    group.join(BOB)
    between = group.heads(BOB)
    group.leave(BOB)
    live.deliver(Arrival(Stored(group.join(BOB).entry)))
    live.settle_in(CONV, live.admit(CONV, [BOB]), {BOB: group.view(group.head)})
    assert not live.release(waiting, encode({"type": "ready"}), between)
    assert ears.lines == []
    assert live.release(waiting, encode({"type": "ready"}), group.heads(BOB))
    live.deliver(Arrival(group.message()))
    assert ears.seqs() == [group.head]


def test_a_snapshot_is_read_again_where_what_is_held_does_not_follow_on_it() -> None:
    """Nothing is known any more of how far a conversation was delivered that nobody here is in; what is held tells."""
    live, group = Live(Wanted()), Group()
    group.members.add(BOB)
    slow_ears = Ears()
    slow, quick = session(BOB, slow_ears), session(BOB, Ears())
    for each in (slow, quick):
        live.enter(each)
        live.watch(each, group.heads(BOB))
    old = group.heads(BOB)
    live.deliver(Arrival(group.message()))
    assert live.release(quick, encode({"type": "ready"}), group.heads(BOB))
    live.deliver(Arrival(group.leave(BOB)))
    assert not live.conversations
    assert not live.release(slow, encode({"type": "ready"}), old)
    assert slow_ears.lines == []
    assert live.release(slow, encode({"type": "ready"}), group.heads(BOB))
    assert slow_ears.types() == ["ready"]


@pytest.mark.parametrize("watched", [False, True], ids=["snapshot after the stay", "memberships read within it"])
def test_who_was_shown_a_later_stay_while_opening_is_told_how_it_ends(watched: bool) -> None:
    """The leave of the stay before comes late, when a view of the later one was read: the user is in all the same."""
    live, group = Live(Wanted()), Group()
    ears = Ears()
    first, opening = session(BOB, Ears()), session(BOB, ears)
    live.enter(first)
    live.enter(opening)
    live.deliver(Arrival(Stored(group.join(BOB).entry)))
    newcomers = live.admit(CONV, [BOB])
    assert live.release(first, encode({"type": "ready"}), group.heads(BOB))
    live.deliver(Arrival(group.leave(BOB)))
    unheard = [group.join(BOB)]
    live.settle_in(CONV, newcomers, {BOB: group.view(group.head)})
    assert live.members(CONV) == [BOB]
    if watched:
        live.watch(opening, group.heads(BOB))
    unheard.append(group.leave(BOB))
    live.deliver(Arrival(unheard[-1]))
    assert live.release(opening, encode({"type": "ready"}), group.heads(BOB))
    for stored in unheard:
        live.deliver(Arrival(stored), fetched=True)
    assert ears.types() == ["ready", "conversation", "entry", "conversation.gone"]
    assert ears.seqs() == [group.head]
    assert not live.conversations


def test_old_news_bring_nobody_into_a_conversation() -> None:
    """The hint of a join may come when the stay has ended: the database is asked instead."""
    wanted, group = Wanted(), Group()
    live = Live(wanted)
    _, ears = opened(live, BOB, group)
    live.deliver(Arrival(group.join(BOB)))
    assert ears.types() == ["ready"]
    assert wanted.asked == [("unseen", CONV, BOB)]
    assert live.admit(CONV, [BOB]) == [BOB]
    live.deliver(Arrival(group.leave(BOB)))
    live.settle_in(CONV, [BOB], {})
    assert ears.types() == ["ready"]
    assert not live.conversations


def test_a_session_that_waits_too_long_for_its_snapshot_is_sent_away() -> None:
    live, group = Live(Wanted()), Group()
    opened(live, ALICE, group)
    ears = Ears()
    waiting = session(ALICE, ears)
    live.enter(waiting)
    live.watch(waiting, group.heads(ALICE))
    for _ in range(HELD_MAX + 1):
        live.deliver(Arrival(group.message()))
    assert ears.closed is CloseCode.OVERLOADED
    assert ears.lines == []


def test_the_last_session_leaves_nothing_behind() -> None:
    live, group = Live(Wanted()), Group()
    first, _ = opened(live, ALICE, group)
    second, _ = opened(live, ALICE, group)
    assert not live.leave(first)
    assert live.leave(second)
    assert not live.leave(second)
    assert not live.users
    assert not live.conversations
