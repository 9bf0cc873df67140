"""Lines, requests and answers: what any well or badly behaved peer may put on the wire."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.wire.client import ABSENT, Client, cid
from tests.wire.conftest import Stage

SECRET = "s3cr3t-that-must-never-come-back"


async def test_the_server_speaks_first_and_says_what_it_takes(stage: Stage) -> None:
    someone = await stage.stranger()
    assert someone.welcome["protocol"] == 1
    assert someone.welcome["heartbeat"] == 20
    assert someone.welcome["max_line"] == 65_536
    assert someone.welcome["max_text"] == 8_192
    assert someone.welcome["registration"] == "open"
    assert "re" not in someone.welcome


async def test_a_carriage_return_and_empty_lines_do_no_harm(stage: Stage) -> None:
    someone = await stage.stranger()
    future = someone.expect_answer(1000)
    await someone.write(b'\n\r\n\n{"type":"ping","id":1000}\r\n\n')
    assert (await someone.wait(future))["type"] == "pong"


async def test_a_line_may_come_byte_by_byte(stage: Stage) -> None:
    someone = await stage.stranger()
    future = someone.expect_answer(7)
    for byte in b'{"type":"ping","id":7}\n':
        await someone.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await someone.wait(future))["re"] == 7


async def test_many_lines_in_one_segment_are_each_answered_once(stage: Stage) -> None:
    someone = await stage.stranger()
    futures = [someone.post("ping") for _ in range(10_000)]
    answers = [await someone.wait(future) for future in futures]
    assert {answer["type"] for answer in answers} == {"pong"}


async def test_ten_thousand_requests_of_a_person_in_one_segment(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    futures = [alice.post("session.list") for _ in range(10_000)]
    answers = [await alice.wait(future) for future in futures]
    assert {answer["type"] for answer in answers} == {"sessions"}


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**53 - 1])
async def test_any_id_in_range_comes_back(stage: Stage, number: int) -> None:
    someone = await stage.stranger()
    future = someone.expect_answer(number)
    await someone.write(json.dumps({"type": "ping", "id": number}).encode() + b"\n")
    assert (await someone.wait(future))["type"] == "pong"


@pytest.mark.parametrize(
    "bad",
    ["-1", "9007199254740992", "9223372036854775808", "1.0", "1.5", "true", '"1"', "[1]", "NaN", "1e400", "9" * 5_000],
)
async def test_an_id_out_of_range_or_of_another_type_is_invalid_and_not_echoed(stage: Stage, bad: str) -> None:
    (alice,) = await stage.people("alice")
    await alice.write(b'{"type":"session.list","id":%s}\n' % bad.encode())
    await alice.sees("error", code="invalid")


async def test_a_ping_without_an_id_is_not_answered(stage: Stage) -> None:
    someone = await stage.stranger()
    someone.notify("ping")
    await someone.sees_nothing()


async def test_a_request_without_an_id_is_invalid(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    alice.notify("session.list")
    await alice.sees("error", code="invalid")


async def test_of_duplicate_keys_the_last_counts(stage: Stage) -> None:
    someone = await stage.stranger()
    future = someone.expect_answer(5)
    await someone.write(b'{"type":"nonsense","id":4,"type":"ping","id":5}\n')
    assert (await someone.wait(future))["type"] == "pong"


async def test_unknown_fields_are_invalid(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    error = await alice.refused("invalid", "ping", **{SECRET: 1})
    assert SECRET not in json.dumps(error)
    await alice.refused("invalid", "session.list", colour="red")
    await alice.refused("invalid", "ping", **{f"key{number}": number for number in range(2_000)})


async def test_unknown_fields_inside_objects_are_invalid(stage: Stage) -> None:
    someone = await stage.stranger()
    await someone.refused(
        "invalid",
        "session.login",
        username="nobody",
        password="long enough",
        device={"id": cid(), "name": "a", "colour": "red"},
    )


async def test_an_unknown_type_is_named_as_such(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    error = await alice.refused("unknown_type", SECRET)
    assert SECRET not in json.dumps(error)
    await alice.refused("unknown_type", "Ping")
    await alice.refused("unknown_type", "")


@pytest.mark.parametrize("bad", ["1", "null", "true", "[]", "{}"])
async def test_a_type_that_is_no_string_is_invalid(stage: Stage, bad: str) -> None:
    (alice,) = await stage.people("alice")
    future = alice.expect_answer(77)
    await alice.write(b'{"type":%s,"id":77}\n' % bad.encode())
    assert (await alice.wait(future))["code"] == "invalid"


async def test_no_type_is_invalid(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    future = alice.expect_answer(78)
    await alice.write(b'{"id":78}\n')
    assert (await alice.wait(future))["code"] == "invalid"


NOT_OBJECTS = {
    "a number": b"1",
    "a string": b'"ping"',
    "a list": b'[{"type":"ping","id":1}]',
    "null": b"null",
    "words": b"hello there",
    "half an object": b'{"type":"ping","id":1',
    "two objects": b'{"type":"ping","id":1}{"type":"ping","id":2}',
    "single quotes": b"{'type':'ping'}",
    "brackets": b"[" * 3_000,
    "objects in objects": b'{"a":' * 600,
    "invalid UTF-8": b'{"type":"ping","id":1,"x":"\xff\xfe"}',
    "overlong UTF-8": b'{"type":"ping\xc0\x80","id":1}',
    "UTF-8 surrogate": b'{"type":"\xed\xa0\x80","id":1}',
    "UTF-16": '{"type":"ping","id":1}'.encode("utf-16-le").replace(b"\n", b""),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"type":"ping","id":1}',
    "NUL": b"\0\0\0\0",
    "raw control": b'{"type":"ping","id":1,"x":"\x01"}',
}


@pytest.mark.parametrize("line", NOT_OBJECTS.values(), ids=NOT_OBJECTS.keys())
async def test_what_is_no_json_object_is_refused_without_re(stage: Stage, line: bytes) -> None:
    someone = await stage.stranger()
    await someone.writes_rubbish(line + b"\n")
    (alice,) = await stage.people("alice")
    await alice.writes_rubbish(line + b"\n")


async def test_a_lone_surrogate_is_refused(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    line = b'{"type":"message.send","id":900,"conv":%d,"cid":"%s","text":"a \\ud800 b"}\n' % (conv, cid().encode())
    await alice.writes_rubbish(line, 900)
    await alice.says(conv, "still here")


async def test_brackets_in_a_signed_in_line(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.writes_rubbish(b'{"type":"ping","id":5,"x":' + b"[" * 60_000 + b"\n")


async def test_a_malformed_line_harms_no_neighbour_and_no_other_connection(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    before, after = alice.expect_answer(501), alice.expect_answer(502)
    await alice.write(b'{"type":"ping","id":501}\nrubbish\n{"type":"ping","id":502}\n')
    assert (await alice.wait(before))["type"] == "pong"
    assert (await alice.wait(after))["type"] == "pong"
    await alice.sees("error", code="invalid", re=ABSENT)


async def test_a_line_at_the_cap_is_taken_and_one_above_it_ends_the_connection(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    line = b'{"type":"ping","id":600}'
    future = alice.expect_answer(600)
    await alice.write(line + b" " * (65_536 - len(line) - 1) + b"\n")
    assert (await alice.wait(future))["type"] == "pong"
    await alice.write(line + b" " * (65_536 - len(line)) + b"\n")
    await alice.sees_end(code="protocol_error", reconnect=bool_)


async def test_an_endless_line_ends_the_connection(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.write(b"x" * 70_000)
    await alice.sees_end(code="protocol_error")


async def test_requests_before_the_long_line_are_answered(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    future = alice.expect_answer(601)
    await alice.write(b'{"type":"ping","id":601}\n' + b"x" * 70_000)
    assert (await alice.wait(future))["type"] == "pong"
    await alice.sees_end(code="protocol_error")


async def test_lines_before_sign_in_are_shorter(stage: Stage) -> None:
    someone = await stage.stranger()
    line = b'{"type":"ping","id":600}'
    future = someone.expect_answer(600)
    await someone.write(line + b" " * (4_096 - len(line) - 1) + b"\n")
    assert (await someone.wait(future))["type"] == "pong"
    await someone.write(line + b" " * 4_096 + b"\n")
    await someone.sees_end(code="protocol_error")


async def test_a_resume_may_be_as_long_as_any_line(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    cursors = {str(conv): 1 for conv in range(1_000_000, 1_004_000)}
    other = await alice.another(cursors=cursors)
    assert other.ready["missed"] == []
    assert other.ready["reset"] is False


async def test_half_a_line_and_a_fin(stage: Stage) -> None:
    someone = await stage.stranger()
    await someone.write(b'{"type":"pi')
    someone.half_close()
    await someone.sees_close()


async def test_a_fin_after_a_request(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.write(b'{"type":"ping"')
    alice.half_close()
    await alice.sees_close()


async def test_a_reset_inside_a_line_harms_nobody(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    for _ in range(20):
        someone = await stage.stranger()
        await someone.write(b'{"type":"session.login","id":1,"user')
        someone.abort()
    await alice.settle()


@pytest.mark.parametrize(
    "hello",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2 + b"\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
    ids=["HTTP", "TLS", "PROXY", "SSH"],
)
async def test_other_protocols_are_told_in_words(stage: Stage, hello: bytes) -> None:
    someone = await stage.stranger()
    await someone.writes_rubbish(hello)


async def test_rubbish_without_end_ends_the_connection(stage: Stage) -> None:
    someone = await stage.stranger()
    await someone.write(b"rubbish\n" * 400)
    await someone.sees_end(code="protocol_error", reconnect=False)


async def test_errors_never_repeat_the_input(stage: Stage) -> None:
    someone = await stage.stranger()
    for fields in (
        {"username": SECRET, "password": "short"},
        {"username": "alice", "password": SECRET * 20},
        {"username": "alice", "password": [SECRET]},
        {"username": [SECRET], "password": SECRET},
        {"username": "not registered", "password": SECRET},
        {"username": "alice", "password": SECRET, "device": {"id": SECRET, "name": SECRET}},
        {"username": "alice", "password": SECRET, "device": {SECRET: SECRET}},
    ):
        for kind in ("account.register", "session.login"):
            answer = await someone.answer(kind, **fields)
            if answer["type"] == "session.ready":
                someone = await stage.stranger()
                continue
            assert SECRET not in json.dumps(answer)
            assert "Traceback" not in answer["message"]
    assert SECRET not in "".join(stage.server.output)


async def test_zeros_in_strings_are_text_like_any_other(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    text = "a\0b \x1b[31m \x9b31m \x1b]52;c;AAAA\x07 [@click=app.bell]x[/] [/ [TODO] \u2028 '%_\"\\"
    ack = await alice.says(conv, text)
    await bob.sees("entry", seq=ack["seq"], text=text)
    assert (await bob.entry(conv, ack["seq"]))["text"] == text


def bool_(value: object) -> bool:
    return isinstance(value, bool)


async def test_pipelined_requests_may_mix_good_and_bad(stage: Stage) -> None:
    alice: Client = await stage.person("alice")
    good = [alice.post("ping") for _ in range(50)]
    bad = [alice.post("ping", nonsense=1) for _ in range(50)]
    good += [alice.post("ping") for _ in range(50)]
    assert {(await alice.wait(one))["type"] for one in good} == {"pong"}
    assert {(await alice.wait(one))["code"] for one in bad} == {"invalid"}
