"""Lines ⇄ models: what is well formed survives the trip, what is not is refused in words of our own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrccsc_shared import codec
from mrccsc_shared.entry import MessageEntry
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import MAX_ID, MAX_REACTION_KINDS, MAX_REACTIONS, MAX_SERVER_LINE, Limits
from mrccsc_shared.messages import Request
from mrccsc_shared.text import mentioned_names
from tests.shared import generation

FEW = settings(max_examples=25)
"""There are many kinds of messages, and each gets its own examples."""

CID = "3d594650-3436-453a-8ab3-2f1ec5f3a3a3"
SECRET = "hunter2-swordfish"

LONGEST_TEXT = 16_384
"""Bytes: the largest ``max_text`` that may be configured."""


def without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if item is not None}


def refusal(line: bytes | str) -> codec.BadRequest:
    with pytest.raises(codec.BadRequest) as caught:
        codec.decode_request(line if isinstance(line, bytes) else line.encode())
    return caught.value


def example(kind: str) -> dict[str, Any]:
    """One plain instance of a request with all its fields, valid in every one."""
    values: dict[str, Any] = {
        "cid": CID,
        "username": "alice",
        "password": "long enough",
        "old": "long enough",
        "new": "long enough",
        "text": "x",
        "emoji": "👍",
        "title": "x",
        "topic": "x",
        "query": "x",
        "token": "x",
        "epoch": "x",
        "cursors": {"1": 1},
        "visibility": "public",
        "role": "admin",
        "display_name": "x",
        "invite": "x",
        "device": {"id": CID, "name": "x"},
        "muted": True,
        "on": True,
        "everywhere": True,
        "unread": True,
        "cursor": "x",
        "limit": 10,
        "status": "away",
    }
    names = [name for name in Request.by_type[kind].model_fields if name not in ("type", "id")]
    if kind == "history.get":
        names = ["conv", "before", "limit"]
    made = {name: values.get(name, CID if kind == "message.send" and name == "after" else 1) for name in names}
    return {"type": kind, "id": 1, **made}


def integer_fields(kind: str) -> list[str]:
    return [name for name, value in example(kind).items() if type(value) is int]


class TestRoundTrip:
    @pytest.mark.parametrize("kind", sorted(generation.REQUESTS))
    @FEW
    @given(data=st.data())
    def test_of_requests(self, kind: str, data: st.DataObject) -> None:
        raw = data.draw(generation.instances(generation.REQUESTS[kind]))
        line = codec.encode(raw)
        request = codec.decode_request(line[:-1])
        assert without_none(request.model_dump(exclude_unset=True)) == without_none(raw) | {"type": kind}
        assert codec.decode_request(codec.encode(request.model_dump(exclude_none=True))[:-1]) == request
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1

    @pytest.mark.parametrize("kind", sorted(generation.FRAMES))
    @FEW
    @given(data=st.data())
    def test_of_frames(self, kind: str, data: st.DataObject) -> None:
        raw = data.draw(generation.instances(generation.FRAMES[kind]))
        line = codec.encode(raw)
        assert codec.decode_frame(line[:-1]) == raw
        assert json.loads(line) == raw, "any other JSON reader sees the same"
        assert line.count(b"\n") == 1

    @given(entry=generation.instances("Entry"))
    def test_of_entries(self, entry: dict[str, Any]) -> None:
        frame = {"type": "entry", **entry}
        assert codec.decode_frame(codec.encode(frame)[:-1]) == frame

    @given(text=st.text())
    def test_of_any_text(self, text: str) -> None:
        line = codec.encode({"type": "message.send", "id": 1, "conv": 1, "cid": CID, "text": text})
        assert line.count(b"\n") == 1
        request = codec.decode_request(line[:-1])
        assert request.model_dump()["text"] == text


class TestStrictness:
    @pytest.mark.parametrize("kind", sorted(Request.by_type))
    def test_the_example_is_good(self, kind: str) -> None:
        assert codec.decode_request(json.dumps(example(kind)).encode()).type == kind

    @pytest.mark.parametrize("kind", sorted(Request.by_type))
    @pytest.mark.parametrize(
        "bad",
        [
            "true",
            '"1"',
            "1.0",
            "1.5",
            "-1",
            str(2**53),
            str(2**63),
            "NaN",
            "Infinity",
            "1e400",
            "[]",
            "{}",
            "9" * 5_000,
        ],
    )
    def test_an_integer_is_an_integer_in_range(self, kind: str, bad: str) -> None:
        for name in integer_fields(kind):
            marked = json.dumps({**example(kind), name: "MARK"}).replace('"MARK"', bad)
            error = refusal(marked)
            assert error.code == ErrorCode.INVALID
            assert error.re == (None if name == "id" else 1)

    @pytest.mark.parametrize("kind", sorted(Request.by_type))
    def test_strings_and_booleans_are_not_converted(self, kind: str) -> None:
        for name, value in example(kind).items():
            if name != "type" and isinstance(value, str | bool):
                for bad in (1, 0, [value], {"x": value}, "true" if isinstance(value, bool) else True):
                    assert refusal(json.dumps({**example(kind), name: bad})).code == ErrorCode.INVALID

    @pytest.mark.parametrize("kind", sorted(Request.by_type))
    def test_unknown_fields_are_refused(self, kind: str) -> None:
        error = refusal(json.dumps({**example(kind), SECRET: SECRET}))
        assert (error.code, error.re) == (ErrorCode.INVALID, 1)

    def test_unknown_fields_inside_are_refused(self) -> None:
        device = {"id": CID, "name": "x", SECRET: 1}
        assert refusal(json.dumps({**example("session.login"), "device": device})).code == ErrorCode.INVALID

    def test_many_unknown_fields_are_refused_at_once(self) -> None:
        assert refusal(json.dumps({**example("ping"), **{f"k{n}": n for n in range(10_000)}})).re == 1

    def test_of_duplicate_keys_the_last_counts(self) -> None:
        request = codec.decode_request(b'{"type":"nonsense","id":1,"id":2,"type":"ping"}')
        assert (request.type, request.id) == ("ping", 2)
        assert refusal(b'{"type":"ping","id":1,"type":"nonsense"}').code == ErrorCode.UNKNOWN_TYPE

    @pytest.mark.parametrize(
        "bad",
        [
            CID.upper(),
            CID.replace("-", ""),
            f"{{{CID}}}",
            CID[:-1],
            CID + "\n",
            " " + CID,
            "urn:uuid:" + CID,
            "",
            "x" * 36,
            CID.replace("3", "３"),
        ],
    )
    def test_a_cid_has_one_form(self, bad: str) -> None:
        error = refusal(json.dumps({**example("message.send"), "cid": bad}))
        assert (error.code, error.re) == (ErrorCode.INVALID, 1)

    @pytest.mark.parametrize("key", ["0", "-1", "01", " 1", "1 ", "x", "", "1.0", "1e3", "١", "9" * 17])
    def test_a_cursor_is_for_a_conversation(self, key: str) -> None:
        assert refusal(json.dumps({**example("session.resume"), "cursors": {key: 1}})).code == ErrorCode.INVALID

    def test_a_hundred_thousand_cursors(self) -> None:
        cursors = {str(conv): 1 for conv in range(1, 100_001)}
        line = json.dumps({"type": "session.resume", "id": 1, "token": "x", "cursors": cursors}).encode()
        assert len(codec.decode_request(line).model_dump()["cursors"]) == 100_000

    @pytest.mark.parametrize("unread", ["false", "1", '"true"'])
    def test_unread_is_true_or_absent(self, unread: str) -> None:
        assert refusal(f'{{"type":"read.mark","id":1,"conv":1,"seq":1,"unread":{unread}}}').re == 1

    def test_pages_have_one_direction(self) -> None:
        for places in (("before", "after"), ("before", "around"), ("after", "around"), ("before", "after", "around")):
            line = {"type": "history.get", "id": 1, "conv": 1, "limit": 1, **dict.fromkeys(places, 1)}
            assert refusal(json.dumps(line)).code == ErrorCode.INVALID

    @pytest.mark.parametrize("limit", [0, 201])
    def test_pages_have_a_size(self, limit: int) -> None:
        assert refusal(json.dumps({**example("history.get"), "limit": limit})).code == ErrorCode.INVALID


class TestId:
    @pytest.mark.parametrize("number", [0, 1, 2**31, 2**32, MAX_ID])
    def test_comes_back_with_every_refusal(self, number: int) -> None:
        for line in (
            {"type": "ping", "id": number, "x": 1},
            {"type": "nonsense", "id": number},
            {"id": number},
            {"type": 1, "id": number},
            {"type": "message.send", "id": number},
            {"type": "message.send", "id": number, "conv": "x"},
        ):
            assert refusal(json.dumps(line)).re == number

    @pytest.mark.parametrize("bad", ["-1", str(2**53), "1.0", "true", '"1"', "null", "[]", "1e3"])
    def test_is_not_made_up(self, bad: str) -> None:
        assert refusal(f'{{"type":"session.list","id":{bad}}}').re is None
        assert refusal(f'{{"type":"nonsense","id":{bad}}}').re is None

    def test_is_required_but_for_notices(self) -> None:
        for kind in Request.by_type:
            line = {name: value for name, value in example(kind).items() if name != "id"}
            if kind in ("ping", "typing", "read.mark"):
                assert codec.decode_request(json.dumps(line).encode()).id is None
            else:
                assert refusal(json.dumps(line)).re is None

    @pytest.mark.parametrize(
        "line", ['{"type":"ping","id":7,"x":%s}' % ("9" * 5_000), '{"type":"ping","id":7,"x":"\\ud800"}']
    )
    def test_comes_back_where_only_a_value_is_beyond_us(self, line: str) -> None:
        error = refusal(line)
        assert (error.code, error.re) == (ErrorCode.INVALID, 7)


class TestMalformed:
    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b" ",
            b"x",
            b"1",
            b"null",
            b'"ping"',
            b"[]",
            b'[{"type":"ping","id":1}]',
            b'{"type":"ping"',
            b"{}{}",
            b"{'type':'ping'}",
            b'{"type":"ping","id":1,}',
            b'{"id":1,"x":"\xff"}',
            b"\xff\xfe{\0}\0",
            '{"type":"ping","id":1}'.encode("utf-16"),
            b'\xef\xbb\xbf{"type":"ping","id":1}',
            b"\0",
            b"GET / HTTP/1.1",
            b"\x16\x03\x01\x02\x00",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" * 100_000 + b"]" * 100_000,
            b'{"x":"\x01","id":1}',
            b'{"type":"\xed\xa0\x80","id":1}',
        ],
        ids=lambda line: ascii(line[:20]),
    )
    def test_is_what_is_no_object(self, line: bytes) -> None:
        with pytest.raises((codec.Malformed, codec.BadRequest)) as caught:
            codec.decode_request(line)
        if isinstance(caught.value, codec.BadRequest):
            assert caught.value.re is None
            assert line[:1] == b"{", "only an object is a request to refuse"

    @given(line=st.binary(max_size=200))
    def test_bytes_by_chance_are_refused_and_no_more(self, line: bytes) -> None:
        with pytest.raises((codec.Malformed, codec.BadRequest)):
            codec.decode_request(line)
        with pytest.raises(codec.Malformed):
            codec.decode_frame(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET) | st.just(f"x{SECRET}y"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([SECRET, "id", "name", "1"]), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", sorted(Request.by_type))
@FEW
@given(data=st.data())
def test_no_refusal_repeats_the_input(kind: str, data: st.DataObject) -> None:
    names = [*example(kind), SECRET]
    broken = data.draw(st.dictionaries(st.sampled_from(names), JSON, min_size=1, max_size=4))
    line = json.dumps({**example(kind), **broken}).encode()
    told = complaint(line)
    if told is not None:
        assert SECRET not in f"{told} {told.args}"
        assert told.__cause__ is None
        assert told.__suppress_context__, "a log must not show what pydantic repeats"


def complaint(line: bytes) -> Exception | None:
    try:
        codec.decode_request(line)
    except (codec.BadRequest, codec.Malformed) as error:
        return error
    return None


class TestFrames:
    def test_what_is_unknown_is_ignored(self) -> None:
        assert codec.decode_frame(b'{"type":"weather","sun":true}') is None
        frame = codec.decode_frame(b'{"type":"ok","re":1,"news":"x"}')
        assert frame == {"type": "ok", "re": 1}

    @pytest.mark.parametrize(
        "line",
        [
            b'{"type":"ok"}',
            b'{"type":"ok","re":-1}',
            b'{"type":"entry","conv":1}',
            b'{"type":1}',
            b"{}",
            b"[]",
            b"x",
            b'{"type":"ack","re":1,"conv":0,"cid":"x","seq":1,"at":1,"duplicate":false}',
            b'{"type":"entry","kind":"poem","conv":1,"seq":0,"by":1,"at":1}',
            b'{"type":"entry","kind":["poem"],"conv":1,"seq":1,"by":1,"at":1}',
            b'{"type":"closing","code":5,"reason":"x","reconnect":true}',
            b'{"type":"presence","user":1,"status":null}',
        ],
    )
    def test_what_is_broken_is_malformed(self, line: bytes) -> None:
        with pytest.raises(codec.Malformed):
            codec.decode_frame(line)


@pytest.mark.parametrize("word", ["\x01", "@ab\x01", f"@ab{'.' * 29}\x01"], ids=ascii)
def test_the_largest_message_fits_into_a_line(word: str) -> None:
    """Whatever its ids are: with the longest text that a server may allow, full of escapes or of mentions."""
    names = len(mentioned_names(word))
    words = min(LONGEST_TEXT // len(word), Limits().members // names if names else LONGEST_TEXT)
    each = [MAX_ID] * (MAX_REACTIONS // MAX_REACTION_KINDS)
    entry: MessageEntry = {
        "conv": MAX_ID,
        "seq": MAX_ID,
        "kind": "message",
        "by": MAX_ID,
        "at": MAX_ID,
        "cid": CID,
        "text": word * words + "\x01" * (LONGEST_TEXT - len(word) * words),
        "rev": MAX_ID,
        "reply_to": MAX_ID,
        "edited": MAX_ID,
        "reactions": {chr(0x1F600 + kind) + "\ufe0f" * 9: each for kind in range(MAX_REACTION_KINDS)},
        "mentions": [MAX_ID] * (words * names),
    }
    assert len(codec.encode_entry(entry)) < MAX_SERVER_LINE - 1_024
