"""Bytes ⇄ lines: however a stream is cut, the lines are the same, and no peer makes us hold more than the cap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_shared.framing import LineSplitter, LineTooLong

CAP = 64

lines = st.lists(
    st.binary(max_size=CAP - 1).filter(lambda line: b"\n" not in line and not line.endswith(b"\r")), max_size=20
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


@given(
    lines=lines, ends=st.lists(st.sampled_from([b"\n", b"\n\n", b"\r\n", b"\n\r\n"])), places=st.lists(st.integers(0))
)
def test_any_cutting_gives_the_same_lines(lines: list[bytes], ends: list[bytes], places: list[int]) -> None:
    ends = (ends + [b"\n"] * len(lines))[: len(lines)]
    lines = [line[: CAP - 1 - len(end)] for line, end in zip(lines, ends, strict=True)]
    lines = [line.rstrip(b"\r") for line in lines]
    stream = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    splitter = LineSplitter(CAP)
    got = [line for piece in cut(stream, places) for line in splitter.feed(piece)]
    assert got == [line for line in lines if line]
    assert splitter.pending == 0


@given(data=st.binary(max_size=400), places=st.lists(st.integers(0)))
def test_any_cutting_of_any_bytes_ends_alike(data: bytes, places: list[int]) -> None:
    def run(pieces: list[bytes]) -> tuple[list[bytes], bool]:
        splitter = LineSplitter(CAP)
        got: list[bytes] = []
        for piece in pieces:
            try:
                got += splitter.feed(piece)
            except LineTooLong as error:
                return got + error.args[0], True
            assert splitter.pending < CAP
        return got, False

    assert run(cut(data, places)) == run([data]) == run([data[n : n + 1] for n in range(len(data))])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_cap_counts_the_whole_line(end: bytes) -> None:
    fits = b"x" * (CAP - len(end))
    assert LineSplitter(CAP).feed(fits + end) == [fits]
    with pytest.raises(LineTooLong):
        LineSplitter(CAP).feed(b"x" + fits + end)


def test_lines_before_the_long_one_are_kept() -> None:
    splitter = LineSplitter(CAP)
    with pytest.raises(LineTooLong) as caught:
        splitter.feed(b"one\ntwo\n" + b"x" * CAP)
    assert caught.value.args[0] == [b"one", b"two"]


def test_an_endless_line_is_noticed_at_the_cap() -> None:
    splitter = LineSplitter(CAP)
    for _ in range(CAP - 1):
        assert splitter.feed(b"x") == []
    with pytest.raises(LineTooLong):
        splitter.feed(b"x")


def test_the_cap_may_grow_between_calls() -> None:
    splitter = LineSplitter(8)
    assert splitter.feed(b"small\n") == [b"small"]
    splitter.cap = CAP
    assert splitter.feed(b"x" * 32 + b"\n") == [b"x" * 32]


def test_one_byte_at_a_time_costs_linear_work() -> None:
    """Four times the bytes cost about four times the pieces held, not sixteen: the parts are joined as they grow."""
    splitter = LineSplitter(1 << 20)
    for _ in range(100_000):
        splitter.feed(b"x")
    assert splitter.feed(b"\n") == [b"x" * 100_000]
