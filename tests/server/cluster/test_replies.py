"""What Redis answers, in pieces of any size; and what is no answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.cluster.redis.replies import LONGEST, Answer, Broken, Failure, Replies, Simple

WORDS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))
SIMPLE: st.SearchStrategy[Simple] = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.binary(), st.none(), WORDS.map(Failure)
)
ANSWERS: st.SearchStrategy[Answer] = st.one_of(SIMPLE, st.lists(SIMPLE, max_size=4))


def encoded(answer: Answer) -> bytes:
    match answer:
        case None:
            return b"$-1\r\n"
        case Failure():
            return b"-%b\r\n" % answer.encode()
        case int():
            return b":%d\r\n" % answer
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(answer), answer)
        case list():
            return b"*%d\r\n%b" % (len(answer), b"".join(map(encoded, answer)))


@given(st.lists(ANSWERS), st.lists(st.integers(1, 9)))
def test_answers_come_whole_and_in_order_however_they_are_cut(answers: list[Answer], cuts: list[int]) -> None:
    data = b"".join(map(encoded, answers))
    replies = Replies()
    heard: list[Answer] = []
    while data:
        size = cuts.pop() if cuts else 1
        heard += replies.feed(data[:size])
        data = data[size:]
    assert heard == answers
    assert list(map(type, heard)) == list(map(type, answers))


@given(st.lists(ANSWERS))
def test_answers_that_come_together_are_all_read(answers: list[Answer]) -> None:
    assert Replies().feed(b"".join(map(encoded, answers))) == answers


def test_a_status_is_its_word_and_a_list_may_be_missing() -> None:
    assert Replies().feed(b"+OK\r\n*-1\r\n:1\r\n") == [b"OK", None, 1]


def test_a_large_string_in_small_pieces_is_joined_once() -> None:
    large = b"x" * 3_000_000
    data = encoded([b"message", b"channel", large])
    replies = Replies()
    heard: list[Answer] = []
    for at in range(0, len(data), 1_000):
        heard += replies.feed(data[at : at + 1_000])
    assert heard == [[b"message", b"channel", large]]


@pytest.mark.parametrize(
    "data",
    [
        b"?\r\n",
        b"\r\n",
        b":\r\n",
        b":one\r\n",
        b"$3\r\nabcd\r\n",
        b"$-2\r\n",
        b"$%d\r\n" % (LONGEST + 1),
        b"*1\r\n*1\r\n:1\r\n",
        b"*9999999\r\n",
        b"*-2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_breaks_the_form_is_refused(data: bytes) -> None:
    with pytest.raises(Broken):
        Replies().feed(data)


@given(st.binary())
def test_anything_is_read_or_broken(data: bytes) -> None:
    try:
        Replies().feed(data)
    except Broken:
        return
