"""Hints as lines: what comes from Redis can be anything."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.cluster.redis.hints import Beat, Bye, Gap, Malformed, pack, say, unpack
from mrccsc_server.cluster.redis.outgoing import BACKLOG, CALL_BYTES, CALL_HINTS, Outgoing
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import (
    Command,
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    PresenceHint,
    SessionsEnded,
    UserHint,
    ViewHint,
)
from mrccsc_shared.codec import encode_entry
from mrccsc_shared.entry import Entry
from tests.server.cluster.actors import message

IDS = st.integers(1, 2**53 - 1)
FRAMES = st.dictionaries(st.text(max_size=5), st.text(max_size=5)).map(lambda _: b'{"type":"pong"}\n')
USERS = st.lists(IDS, min_size=1).map(tuple)


def view_hint(users: tuple[int, ...], conv: int) -> ViewHint:
    return ViewHint(users, conv, b'{"type":"conversation","conversation":{"conv":%d,"title":"a"}}\n' % conv)


def contact_hint(users: tuple[int, ...], other: int) -> ContactHint:
    return ContactHint(users, other, b'{"type":"contact","contact":{"user":{"user":%d},"relation":"none"}}\n' % other)


HINTS: st.SearchStrategy[Hint] = st.one_of(
    st.builds(message, IDS, st.integers(1, 2**50), st.text(st.characters(exclude_categories=["Cs"]))),
    st.builds(HeadHint, IDS, IDS),
    st.builds(UserHint, USERS, FRAMES),
    st.builds(view_hint, USERS, IDS),
    st.builds(contact_hint, USERS, IDS),
    st.builds(PresenceHint, IDS, USERS),
    st.builds(ConversationHint, IDS, FRAMES, IDS),
    st.builds(SessionsEnded, IDS, st.lists(IDS).map(tuple)),
)

ENTRY: Entry = {
    "conv": 5, "seq": 7, "kind": "message", "by": 1, "at": 0, "cid": "4d1f9e92-2c1f-4f1c-9a44-0123456789ab",
    "text": "a", "rev": 7,
}  # fmt: skip


@given(HINTS)
def test_a_hint_is_one_line_and_comes_back(hint: Hint) -> None:
    parcel = pack(hint)
    assert parcel is not None
    assert b"\n" not in parcel.line
    assert unpack(parcel.line) == hint


@given(IDS, st.integers(1, 2**50), st.text(st.characters(exclude_categories=["Cs"])))
def test_an_entry_goes_to_clients_as_it_came(conv: int, seq: int, text: str) -> None:
    said = message(conv, seq, text)
    parcel = pack(said)
    assert parcel is not None
    heard = unpack(parcel.line)
    assert isinstance(heard, EntryHint)
    assert isinstance(heard.outcome, Stored)
    assert isinstance(said.outcome, Stored)
    assert heard.outcome.line == said.outcome.line


@pytest.mark.parametrize(
    "more",
    [b',"gone":"left"}', b',"later":{"x":1}}', b',"entry":' + encode_entry(ENTRY | {"text": "b"})[:-1] + b"}"],  # type: ignore[arg-type]
)
def test_an_entry_with_more_than_itself_is_one_line_for_clients(more: bytes) -> None:
    heard = unpack(b'1e{"entry":' + encode_entry(ENTRY)[:-1] + more)
    assert isinstance(heard, EntryHint)
    assert isinstance(heard.outcome, Stored)
    assert heard.outcome.line == encode_entry(heard.outcome.entry)


@pytest.mark.parametrize(
    "later",
    [{"kind": "pin"}, {"kind": "role", "user": 2, "role": "moderator"}, {"kind": "leave", "user": 2, "reason": "x"}],
)
def test_an_entry_that_only_a_later_node_knows_is_refused_and_read_from_the_database(later: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        unpack(b'1e{"entry":' + encode_entry(ENTRY | later)[:-1] + b"}")  # type: ignore[arg-type]


@pytest.mark.parametrize("word", [Beat("x", 3), Gap(), Bye("x"), Command("move", 3)])
def test_a_word_among_nodes_comes_back(word: Beat | Gap | Bye | Command) -> None:
    assert unpack(say(word)) == word


@pytest.mark.parametrize("hint", [view_hint((8, 9), 5), contact_hint((8, 9), 5), UserHint((8, 9), b'{"type":"x"}\n')])
def test_every_frame_for_users_has_the_form_that_all_releases_read(hint: ViewHint | ContactHint | UserHint) -> None:
    parcel = pack(hint)
    assert parcel is not None
    assert parcel.keys == b"u:8 u:9"
    assert parcel.line == b"1u[8,9] " + hint.line[:-1]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"conversation"}',
        b'{"type":"conversation","conversation":{"conv":0}}',
        b'{"type":"conversation","conversation":{"conv":18446744073709551616}}',
        b'{"type":"contact","contact":{"user":7}}',
        b'{"type":"contact","contact":{"user":{"user":"x"}}}',
    ],
)
def test_a_frame_that_does_not_say_what_it_is_of_is_malformed(frame: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(b"1u[8] " + frame)


@given(st.binary())
def test_anything_is_read_or_malformed(line: bytes) -> None:
    for start in (b"", b"1", b"1e", b"1u[1] ", b"1c[1,2] ", b"1b", b"1d"):
        try:
            unpack(start + line)
        except Malformed:
            continue


@given(HINTS, st.integers(0, 400), st.binary(max_size=3))
def test_a_hint_that_was_tampered_with_is_read_or_malformed(hint: Hint, at: int, noise: bytes) -> None:
    parcel = pack(hint)
    assert parcel is not None
    try:
        unpack(parcel.line[:at] + noise + parcel.line[at + 1 :])
    except Malformed:
        return


@pytest.mark.parametrize("line", [b"", b"2e{}", b"1z{}", b"1", b"x", b"\xff"])
def test_what_another_release_says_is_passed_over(line: bytes) -> None:
    assert unpack(line) is None


def filled(limit: int, *hints: Hint) -> tuple[Outgoing, Counter[str]]:
    counters: Counter[str] = Counter()
    outgoing = Outgoing(limit, counters)
    for hint in hints:
        parcel = pack(hint)
        assert parcel is not None
        outgoing.put(parcel)
    return outgoing, counters


def test_a_call_takes_a_bounded_part_in_order() -> None:
    hints = [message(5, seq, "x" * 1_000) for seq in range(1, 900)]
    outgoing, counters = filled(16 * BACKLOG, *hints)
    taken = []
    while outgoing:
        part = outgoing.take()
        assert sum(parcel.size for parcel in part) <= CALL_BYTES
        taken += part
    assert [unpack(parcel.line) for parcel in taken] == hints
    assert outgoing.size == 0
    assert not counters
    outgoing, _ = filled(16 * BACKLOG, *[HeadHint(5, seq) for seq in range(1, 3_000)])
    assert len(outgoing.take()) == CALL_HINTS


def test_a_single_big_hint_is_taken() -> None:
    outgoing, _ = filled(16 * BACKLOG, UserHint((1,), b'"%s"' % (b"x" * CALL_BYTES)), HeadHint(5, 1))
    assert [len(outgoing.take()), len(outgoing.take())] == [1, 1]


def test_beyond_the_backlog_only_heads_are_kept() -> None:
    frame = UserHint((1,), b'{"type":"pong"}\n')
    hints: list[Hint] = [frame]
    for seq in range(1, 400):
        hints += [message(5, seq, "x" * 8_000), message(6, seq, "x" * 8_000)]
        if seq == 100:
            hints.append(frame)
    outgoing, counters = filled(16 * BACKLOG, *hints)
    assert outgoing.size <= 2 * BACKLOG
    kept: list[object] = []
    while outgoing:
        kept += [unpack(parcel.line) for parcel in outgoing.take()]
    assert kept.count(frame) == 2
    assert len(kept) == len(hints) - counters["hints_condensed"]
    assert not counters["hints_dropped"]
    last = {5: 0, 6: 0}
    for word in kept:
        if isinstance(word, HeadHint):
            assert word.head > last[word.conv]
            last[word.conv] = word.head
    assert kept[-1] == message(6, 399, "x" * 8_000) or last[6] == 399


def test_what_does_not_fit_is_dropped_and_remembered() -> None:
    frames: list[Hint] = [UserHint((1,), b'{"x":"%s"}\n' % (b"x" * 1_000)) for _ in range(3_000)]
    outgoing, counters = filled(BACKLOG, *frames)
    assert outgoing.size <= BACKLOG
    assert outgoing.dropped
    assert counters["hints_dropped"] == 3_000 - len(outgoing)
