"""What a server is asked and what it answers, however its bytes are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.storage.database import Row, Unstorable
from mrccsc_server.storage.mysql.answers import Answer, Result, question
from mrccsc_server.storage.mysql.errors import Conflict, Failed, Lost

LARGEST = 0xFFFFFF
MORE, IN_TRANSACTION = 8, 1
END, ERROR = 0xFE, 0xFF

INTEGER, TEXT, BYTES, DECIMAL = (8, 63), (253, 45), (252, 63), (246, 63)
"""Type and character set of columns."""

Value = int | str | bytes | None


def number(value: int) -> bytes:
    for first, width, bound in ((0xFC, 2, 1 << 16), (0xFD, 3, 1 << 24), (0xFE, 8, 1 << 64)):
        if value < 251:
            return bytes((value,))
        if value < bound:
            return bytes((first,)) + value.to_bytes(width, "little")
    raise AssertionError


def text(value: bytes) -> bytes:
    return number(len(value)) + value


def column(name: str, kind: tuple[int, int]) -> bytes:
    kind_byte, charset = kind
    names = b"".join(text(part.encode()) for part in ("def", "chat", "t", "talk", name, name))
    return names + b"\x0c" + charset.to_bytes(2, "little") + bytes(4) + bytes((kind_byte,)) + bytes(5)


def cell(value: Value) -> bytes:
    if value is None:
        return b"\xfb"
    return text(value if isinstance(value, bytes) else str(value).encode())


@dataclass
class Told:
    """A result as a server may tell it."""

    found: int = 0
    ident: int = 0
    columns: Sequence[tuple[int, int]] = ()
    rows: Sequence[Row] = ()
    info: bytes = b""

    @property
    def result(self) -> Result:
        return Result(list(self.rows), len(self.rows), 0) if self.columns else Result((), self.found, self.ident)

    def bodies(self, status: int) -> Iterator[bytes]:
        flags = status.to_bytes(2, "little")
        if not self.columns:
            yield b"\0" + number(self.found) + number(self.ident) + flags + bytes(2) + self.info
            return
        yield number(len(self.columns))
        for index, kind in enumerate(self.columns):
            yield column(f"c{index}", kind)
        yield bytes((END, 0, 0)) + flags
        for row in self.rows:
            yield b"".join(map(cell, row))
        yield bytes((END, 0, 0)) + flags


def packets(bodies: Sequence[bytes], first: int = 1) -> bytes:
    """As they travel."""
    made = []
    for body in bodies:
        for at in range(0, len(body) + 1, LARGEST):
            part = body[at : at + LARGEST]
            made.append(len(part).to_bytes(3, "little") + bytes(((first + len(made)) % 256,)) + part)
    return b"".join(made)


def bodies(told: Sequence[Told], status: int = 2, *, ended: bool = True) -> list[bytes]:
    return [
        body
        for index, result in enumerate(told)
        for body in result.bodies(status if ended and index == len(told) - 1 else status | MORE)
    ]


def error(code: int, message: str, mark: bytes = b"#HY000") -> bytes:
    return bytes((ERROR,)) + code.to_bytes(2, "little") + mark + message.encode()


def read(data: bytes, cuts: Sequence[int] = (), first: int = 1) -> Answer:
    """The answer in these bytes, fed in pieces. It ends with the last of them."""
    answer = Answer(first)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert [answer.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert not answer.surplus
    return answer


VALUES: dict[tuple[int, int], st.SearchStrategy[Value]] = {
    INTEGER: st.integers(-(2**63), 2**64 - 1),
    TEXT: st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from([250, 251, 65_535, 65_536]).map("x".__mul__),
    BYTES: st.binary(max_size=40) | st.integers(0, 255).map(lambda byte: bytes((byte,)) * 300),
    DECIMAL: st.sampled_from(["1.50", "-7"]),
}


@st.composite
def with_rows(draw: st.DrawFn) -> Told:
    columns = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in columns))
    return Told(columns=columns, rows=draw(st.lists(row, max_size=5)))


NUMBERS = st.integers(0, 300) | st.integers(0, 2**63)
TOLD = st.builds(Told, found=NUMBERS, ident=NUMBERS, info=st.sampled_from([b"", b"Records: 2"])) | with_rows()


@given(st.lists(TOLD, min_size=1, max_size=6), st.lists(st.integers(1, 3_000), max_size=20), st.integers(1, 300))
def test_an_answer_is_the_same_however_it_is_cut(told: list[Told], cuts: list[int], first: int) -> None:
    answer = read(packets(bodies(told, 2 | IN_TRANSACTION), first), cuts, first)
    assert answer.results == [result.result for result in told]
    assert answer.error is None
    assert answer.status == 2 | IN_TRANSACTION


@given(st.lists(TOLD, min_size=1, max_size=3))
def test_an_answer_may_come_byte_by_byte(told: list[Told]) -> None:
    data = packets(bodies(told))
    if len(data) < 10_000:
        assert read(data, range(len(data))).results == [result.result for result in told]


@pytest.mark.parametrize("other", [INTEGER, TEXT, BYTES])
def test_a_head_that_begins_like_one_before_is_read_for_itself(other: tuple[int, int]) -> None:
    for kind in (TEXT, other, BYTES, other):
        value = {INTEGER: 7, TEXT: "7", BYTES: b"7"}[kind]
        told = Told(columns=[INTEGER, kind], rows=[(1, value)])
        for first in (1, 2, 1):
            assert read(packets(bodies([told]), first), first=first).results == [told.result]


def test_a_head_that_is_known_is_numbered_like_others() -> None:
    told = packets(bodies([Told(columns=[INTEGER], rows=[(1,)])]))
    assert read(told).results
    with pytest.raises(Lost):
        Answer(2).feed(told)


def test_more_packets_than_numbers() -> None:
    told = Told(columns=[INTEGER, TEXT], rows=[(row, f"row {row}") for row in range(1_000)])
    assert read(packets(bodies([told])), range(0, 20_000, 7)).results == [told.result]


@pytest.mark.parametrize("size", [LARGEST - 7, LARGEST - 5, LARGEST - 4, LARGEST + 1, 2 * LARGEST - 9, 2 * LARGEST + 9])
def test_a_row_that_is_longer_than_a_packet(size: int) -> None:
    told = Told(columns=[BYTES, INTEGER], rows=[(b"x" * size, 7), (b"y", 8)])
    data = packets(bodies([told, Told(found=3)]))
    assert read(data, range(0, len(data), 65_536)).results == [told.result, Result((), 3, 0)]


def test_a_row_may_begin_like_the_end_of_rows() -> None:
    told = Told(columns=[BYTES], rows=[(b"z" * (1 << 24),)])
    data = packets(bodies([told]))
    assert bytes((END,)) + (1 << 24).to_bytes(8, "little") in data
    assert read(data, [100]).results == [told.result]


@given(st.lists(TOLD, max_size=3), st.lists(st.integers(1, 300), max_size=10))
def test_an_error_ends_the_answer_and_leaves_what_was_before(told: list[Told], cuts: list[int]) -> None:
    made = [*bodies(told, 2 | IN_TRANSACTION, ended=False), error(1213, "Deadlock found")]
    answer = read(packets(made), cuts)
    assert answer.results == [result.result for result in told]
    assert answer.status == (2 | IN_TRANSACTION | MORE if told else 0)
    assert isinstance(answer.error, Conflict)
    assert str(answer.error) == "Deadlock found (1213)"


@pytest.mark.parametrize("upto", [1, 2, 3, 4])
def test_an_error_may_come_in_the_middle_of_a_result(upto: int) -> None:
    told = bodies([Told(columns=[INTEGER], rows=[(1,), (2,)])])[:upto]
    answer = read(packets([*told, error(1317, "Query execution was interrupted", b"")]))
    assert answer.results == []
    assert isinstance(answer.error, Lost)
    assert answer.error.message == "Query execution was interrupted"


def test_what_a_value_was_refused_for_is_not_told() -> None:
    answer = read(packets([error(1062, "Duplicate entry 'secret' for key")]))
    assert isinstance(answer.error, Unstorable)
    assert "secret" not in str(answer.error)


@given(st.lists(TOLD, min_size=1, max_size=3), st.data())
def test_packets_out_of_order_are_no_answer(told: list[Told], data: st.DataObject) -> None:
    made = bodies(told)
    skipped = data.draw(st.integers(0, len(made) - 1))
    with pytest.raises(Lost):
        Answer(1).feed(packets(made[:skipped]) + packets(made[skipped:], skipped + 2))


def test_a_server_that_asks_for_a_file_is_refused() -> None:
    with pytest.raises(Failed, match="file"):
        Answer(1).feed(packets([b"\xfb/etc/passwd"]))


@pytest.mark.parametrize(
    "made",
    [
        [b""],
        [b"\0"],
        [b"\0\1\2\3"],
        [b"\1", b"def"],
        [*bodies([Told(columns=[INTEGER])])[:3], b"\5"],
        [*bodies([Told(columns=[INTEGER])])[:3], b"\3abc"],
        [*bodies([Told(columns=[TEXT])])[:3], b"\1\xff"],
        [*bodies([Told(columns=[TEXT, TEXT])])[:4], b"\1a"],
        [*bodies([Told(columns=[INTEGER])])[:3], b"\xfe\0"],
    ],
)  # fmt: skip
def test_nonsense_is_no_answer(made: list[bytes]) -> None:
    with pytest.raises(Failed, match="no sense"):
        Answer(1).feed(packets(made))


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    whole: list[Callable[[], object]] = []
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        answer = Answer(data[3] if len(data) > 3 else 0)
        try:
            ended = any(answer.feed(piece) for piece in pieces)
        except Failed as failed:
            whole.append(type(failed))
        else:
            whole.append(repr((ended, answer.results, answer.status, str(answer.error))))
    assert whole[0] == whole[1]


def test_what_comes_after_the_end_is_noticed() -> None:
    answer = Answer(1)
    assert answer.feed(packets(bodies([Told(found=1)])) + b"\7")
    assert answer.surplus
    assert answer.results == [Result((), 1, 0)]


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (0, [1]),
        (100, [101]),
        (LARGEST - 2, [LARGEST - 1]),
        (LARGEST - 1, [LARGEST, 0]),
        (LARGEST, [LARGEST, 1]),
        (2 * LARGEST - 1, [LARGEST, LARGEST, 0]),
    ],
)
def test_a_question_goes_on_in_further_packets(size: int, lengths: list[int]) -> None:
    statements = b"x" * size
    asked = question(statements)
    assert [int.from_bytes(packet[:3], "little") for packet in asked] == lengths
    assert [packet[3] for packet in asked] == list(range(len(lengths)))
    assert [len(packet) - 4 for packet in asked] == lengths
    assert b"".join(packet[4:] for packet in asked) == b"\3" + statements
