"""How input is made: the well-formed, and what becomes of it on a bad day."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"

Check = Callable[[bytes], None]
Target = tuple[Check, st.SearchStrategy[bytes]]

MOST = 70_000
"""Bytes of one input: more than any line of a client may have."""

_SCRAPS = [
    b'"', b"\\", b"[", b"]", b"{", b"}", b":", b",", b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"-1",
    b"\n", b"\r\n", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"9" * 20, b"9" * 5_000,
    b"[" * 500, b'{"a":' * 500, b"9223372036854775808", b"\x1b[2J", b"\x1b]52;c;eA==\x07", b"\xc2\x9b",
    b"\xe2\x80\xae", b"\xe2\x80\xa8", b"%", b"%00", b"//", b"@", b"::", b"#", b"?", b"PROXY ",
    b"\r\n\r\n\x00\r\nQUIT\n",
]  # fmt: skip

EDITS = st.lists(
    st.tuples(
        st.integers(0, MOST),
        st.integers(0, 40),
        st.one_of(st.binary(max_size=6), st.sampled_from(_SCRAPS), st.just(b"")),
    ),
    max_size=4,
)
"""Where something is cut out, how much, and what is put there instead."""


def damage(data: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """``data`` with some of it cut out and other things put in."""
    for at, length, scrap in edits:
        place = at % (len(data) + 1)
        data = data[:place] + scrap + data[place + length :]
    return data[:MOST]


def damaged(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What is well formed, as it is or damaged; or anything at all."""
    return st.one_of(whole, st.builds(damage, whole, EDITS), st.binary(max_size=200))


def as_json(value: object) -> bytes:
    """One line without its end."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def seeds(name: str) -> list[bytes]:
    """What the corpus has for a target, in a fixed order."""
    return [file.read_bytes() for file in sorted((CORPUS / name).glob("*"))]


def pieces(data: bytes) -> tuple[list[bytes], bytes]:
    """The pieces in which a stream arrives, and the whole of it. The first byte says how it is cut: an input is all."""
    if not data:
        return [], b""
    size, stream = data[0] % 32 + 1, data[1:]
    if len(stream) > 4_096:
        size *= 256
    return [stream[at : at + size] for at in range(0, len(stream), size)], stream
