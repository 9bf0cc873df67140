"""What both sides share: lines, requests, frames, texts."""

from __future__ import annotations

import re as regexp

from hypothesis import strategies as st
from pydantic_core import to_json

from mrccsc_shared.codec import BadRequest, Malformed, decode_frame, decode_request, encode
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.framing import LineSplitter, LineTooLong
from mrccsc_shared.limits import MAX_ID
from tests.fuzz.inputs import Target, as_json, damaged, pieces
from tests.shared.generation import FRAMES, REQUESTS, instances

CAPS = (16, 64, 4_096, 65_536)

OURS = regexp.compile(
    r"The line (is not|has)|A request has a type|The type of a request|The request (has|lacks)|Give at most one"
    r"|The field [a-z_.()]+ is not well formed|" + regexp.escape(ErrorCode.UNKNOWN_TYPE.text)
)
"""How refusals of a line begin: nothing in them is the peer's."""

REQUEST = st.sampled_from(sorted(REQUESTS.values())).flatmap(instances).map(as_json)
FRAME = st.sampled_from(sorted(FRAMES.values())).flatmap(instances).map(as_json)
LINES = st.tuples(st.binary(min_size=1, max_size=1), st.lists(st.one_of(REQUEST, st.binary(max_size=20)), max_size=6))
STREAM = LINES.map(lambda pair: pair[0] + b"\n".join(pair[1]))


def framing(data: bytes) -> None:
    """However a stream is cut, it gives the same lines; and no more is kept than the cap."""
    parts, stream = pieces(data)
    cap = CAPS[data[0] // 64] if data else CAPS[0]
    whole, broke = _split([stream], cap)
    assert _split(parts, cap) == (whole, broke)
    plain = [one.removesuffix(b"\r") for one in stream.split(b"\n")[:-1]]
    assert whole == [one for one in plain if one][: len(whole)]
    assert broke or len(whole) == sum(map(bool, plain))
    assert all(b"\n" not in one and len(one) < cap for one in whole)


def _split(parts: list[bytes], cap: int) -> tuple[list[bytes], bool]:
    splitter = LineSplitter(cap)
    lines: list[bytes] = []
    for part in parts:
        try:
            lines += splitter.feed(part)
        except LineTooLong as broken:
            return lines + broken.args[0], True
        assert splitter.pending < cap
        assert len(splitter.peek(8)) <= 8
    return lines, False


def request(data: bytes) -> None:
    """A line is a request that survives its way there and back, or is refused in our own words."""
    try:
        decoded = decode_request(data)
    except Malformed as error:
        said, code, re = str(error), ErrorCode.INVALID, None
    except BadRequest as refusal:
        said, code, re = refusal.message, refusal.code, refusal.re
    else:
        line = encode(decoded.model_dump(exclude_none=True))
        assert line.endswith(b"\n")
        assert b"\n" not in line[:-1]
        assert decode_request(line[:-1]) == decoded
        return
    assert OURS.match(said), said
    assert code in {ErrorCode.INVALID, ErrorCode.UNKNOWN_TYPE}
    assert re is None or 0 <= re <= MAX_ID


def frame(data: bytes) -> None:
    """A line of a server is a frame that survives its way there and back, unknown, or no good."""
    try:
        decoded = decode_frame(data)
    except Malformed as error:
        # A known type may be named; it is one of ours.
        said = str(error)
    else:
        assert decoded is None or decode_frame(to_json(decoded)) == decoded
        return
    assert said.isprintable()
    assert len(said) < 200


TARGETS: dict[str, Target] = {
    "framing": (framing, damaged(STREAM)),
    "request": (request, damaged(REQUEST)),
    "frame": (frame, damaged(FRAME)),
}
