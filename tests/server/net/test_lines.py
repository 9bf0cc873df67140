"""Every way in which bytes can fail to be good lines."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

import pytest

from mrccsc_server.net import intake
from tests.server.net.conftest import Node, Peer, Stage
from tests.waiting import wait_until

PING = b'{"type":"ping","id":1}'


async def a_client(stage: Stage, **limits: float) -> tuple[Node, Peer]:
    node = await stage.node(**limits)
    return node, await (await stage.peer(node)).sign_in()


async def a_stranger(stage: Stage, **limits: float) -> tuple[Node, Peer]:
    node = await stage.node(**limits)
    return node, await stage.peer(node)


async def test_a_line_at_the_cap_is_taken(stage: Stage) -> None:
    _, peer = await a_client(stage)
    peer.write(PING + b" " * (65_535 - len(PING)) + b"\n")
    assert await peer.read() == {"type": "ok", "re": 1}


async def test_a_line_over_the_cap_closes_after_its_neighbours_are_answered(stage: Stage) -> None:
    node, peer = await a_client(stage)
    peer.ask(5).ask(6).write(PING + b" " * (65_536 - len(PING)) + b"\n").ask(7)
    assert await peer.read() == {"type": "ok", "re": 5}
    assert await peer.read() == {"type": "ok", "re": 6}
    last = await peer.end("protocol_error")
    assert "65536" in last["reason"]
    assert last["reconnect"] is False
    assert node.metrics.malformed["too_long"] == 1


async def test_answers_that_are_due_come_before_the_close(stage: Stage) -> None:
    node, peer = await a_client(stage)
    node.dispatcher.holding = True
    peer.ask(5).write(b"x" * 70_000)
    await wait_until(lambda: node.dispatcher.waiting)
    node.dispatcher.release()
    assert await peer.read() == {"type": "ok", "re": 5}
    await peer.end("protocol_error")


async def test_an_endless_line_closes_without_its_end(stage: Stage) -> None:
    _, peer = await a_client(stage)
    peer.write(b"x" * 3_000_000)
    frames = await peer.rest()
    # So much is still on its way that the last line may be lost to a reset; the connection is closed in any case.
    assert [frame["code"] for frame in frames] in (["protocol_error"], [])


async def test_before_sign_in_lines_are_short(stage: Stage) -> None:
    node, peer = await a_stranger(stage)
    peer.write(PING + b" " * (4_095 - len(PING)) + b"\n")
    assert await peer.read() == {"type": "ok", "re": 1}
    peer.write(PING + b" " * (4_096 - len(PING)) + b"\n").ask(2)
    assert "4096" in (await peer.end("protocol_error"))["reason"]
    assert [request.id for request in node.dispatcher.requests] == [1]


async def test_before_sign_in_a_line_without_end_is_cut_at_the_small_cap(stage: Stage) -> None:
    _, peer = await a_stranger(stage)
    peer.write(b"{" * 4_096)
    await peer.end("protocol_error")


@pytest.mark.parametrize("order", [("type", "id", "token", "cursors"), ("cursors", "token", "id", "type")])
async def test_a_resume_may_be_long_whatever_the_order_of_its_fields(stage: Stage, order: tuple[str, ...]) -> None:
    node, peer = await a_stranger(stage)
    cursors = {str(conv): 1 for conv in range(1_000_000, 1_004_000)}
    fields = {"type": "session.resume", "id": 3, "token": "t", "cursors": cursors}
    line = json.dumps({key: fields[key] for key in order}).encode()
    for start in range(0, len(line), 5_000):
        peer.write(line[start : start + 5_000])
        await asyncio.sleep(0)
    await wait_until(lambda: node.registry.budget.free < node.limits.resume_budget)
    peer.write(b"\n")
    assert await peer.read() == {"type": "ok", "re": 3}
    assert node.registry.budget.free == node.limits.resume_budget


async def test_a_long_line_that_only_pretends_to_resume_is_refused(stage: Stage) -> None:
    node, peer = await a_stranger(stage)
    peer.ask(1, "session.login", username='"cursors" "session.resume"', password="x" * 1_000, device=None)
    assert (await peer.read())["re"] == 1
    _, other = node, await stage.peer(node)
    pad = " " * 5_000
    other.write(b'{"type":"ping",%s"id":1,"x":"session.resume"}\n' % pad.encode())
    await other.end("protocol_error")


async def test_long_resumes_share_a_bounded_budget(stage: Stage) -> None:
    node = await stage.node(resume_budget=65_536)
    first, second = await stage.peer(node), await stage.peer(node)
    head = b'{"type":"session.resume","id":1,"token":"t","cursors":{'
    first.write(head + b" " * 60_000)
    await wait_until(lambda: node.registry.budget.free < 10_000)
    second.write(head + b" " * 20_000)
    assert (await second.end("overloaded"))["after"] > 0
    first.write(b"}}\n")
    assert (await first.read())["re"] == 1


async def test_one_byte_at_a_time(stage: Stage) -> None:
    _, peer = await a_stranger(stage)
    for byte in PING + b"\n":
        peer.write(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0)
    assert await peer.read() == {"type": "ok", "re": 1}


async def test_empty_lines_and_carriage_returns_are_nothing(stage: Stage) -> None:
    node, peer = await a_stranger(stage)
    peer.write(b"\n\r\n\n" * 1_000 + PING + b"\r\n\n")
    assert await peer.read() == {"type": "ok", "re": 1}
    assert not node.metrics.malformed


async def test_half_a_line_then_fin(stage: Stage) -> None:
    node, peer = await a_stranger(stage)
    peer.ask(4).write(PING)
    peer.writer.write_eof()
    assert await peer.read() == {"type": "ok", "re": 4}
    await peer.end("protocol_error")
    assert node.metrics.malformed["cut_off"] == 1


async def test_fin_after_a_request_waits_for_the_answer(stage: Stage) -> None:
    node, peer = await a_stranger(stage)
    node.dispatcher.holding = True
    peer.ask(4)
    peer.writer.write_eof()
    await wait_until(lambda: node.dispatcher.waiting)
    node.dispatcher.release()
    assert await peer.rest() == [{"type": "ok", "re": 4}]


async def test_rst_inside_a_line(stage: Stage) -> None:
    node = await stage.node()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", node.port)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(PING[:10])
    await wait_until(lambda: node.metrics.connections.total() == 20 and node.admission.total == 0)


async def test_rst_with_answers_under_way(stage: Stage) -> None:
    node = await stage.node()
    node.dispatcher.holding = True
    with socket.create_connection(("127.0.0.1", node.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall((PING + b"\n") * 3)
        await wait_until(lambda: len(node.dispatcher.waiting) == 3)
    await wait_until(lambda: node.dispatcher.closed_)
    node.dispatcher.release()
    node.dispatcher.closed_[0].send(b"late\n")


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", intake.NOT_HTTP),
        (b"POST /x HTTP/1.1\r\n\r\n", intake.NOT_HTTP),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), intake.NOT_TLS),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", intake.NO_PROXY),
        (b"PROXY UNKNOWN\r\n", intake.NO_PROXY),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12), intake.NO_PROXY),
    ],
    ids=["HTTP", "HTTP POST", "TLS", "PROXY", "PROXY UNKNOWN", "PROXY v2"],
)
async def test_who_speaks_another_protocol_is_told_at_once(stage: Stage, hello: bytes, reason: str) -> None:
    node, peer = await a_stranger(stage)
    peer.write(hello)
    assert (await peer.end("protocol_error"))["reason"] == reason
    assert node.metrics.malformed["foreign"] == 1


async def test_too_many_lines_that_are_no_json_close(stage: Stage) -> None:
    node, peer = await a_client(stage, malformed=3)
    peer.write(b"rubbish\n" * 5)
    frames = await peer.rest()
    assert [frame["type"] for frame in frames] == ["error", "error", "error", "closing"]
    assert frames[-1]["code"] == "protocol_error"
    assert node.metrics.malformed["not_json"] == 3
    assert node.metrics.errors["invalid"] == 3


BAD_JSON = {
    "100k nested brackets, as far as a line goes": b"[" * 65_000,
    "nested in a field": b'{"type":"ping","id":1,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "raw surrogate": b'{"type":"\xed\xa0\x80","id":1}',
    "UTF-16": '{"type":"ping","id":1}'.encode("utf-16"),
    "invalid UTF-8": b'{"type":"ping\xff","id":1}',
    "a raw NUL": b'{"type":"ping","id":1,"x":"\x00"}',
    "root is a list": b'[{"type":"ping","id":1}]',
    "root is a number": b"17",
    "root is null": b"null",
    "two objects": PING + PING,
    "half an object": PING[:-1],
    "infinity": b'{"type":"ping","id":1,"x":-Infinit}',
}


@pytest.mark.parametrize("line", BAD_JSON.values(), ids=BAD_JSON.keys())
async def test_what_is_no_json_object_is_refused_without_re(stage: Stage, line: bytes) -> None:
    _, peer = await a_client(stage)
    peer.write(line.replace(b"\n", b"") + b"\n").ask(9)
    refusal = await peer.read()
    assert (refusal["type"], refusal["code"], refusal.get("re")) == ("error", "invalid", None)
    assert await peer.read() == {"type": "ok", "re": 9}


BAD_REQUESTS = {
    "NaN": (b'{"type":"read.mark","id":1,"conv":NaN,"seq":1}', "invalid"),
    "Infinity": (b'{"type":"read.mark","id":1,"conv":Infinity,"seq":1}', "invalid"),
    "1e400": (b'{"type":"read.mark","id":1,"conv":1e400,"seq":1}', "invalid"),
    "a float": (b'{"type":"read.mark","id":1,"conv":1.0,"seq":1}', "invalid"),
    "true for an integer": (b'{"type":"read.mark","id":1,"conv":true,"seq":1}', "invalid"),
    "a string for an integer": (b'{"type":"read.mark","id":1,"conv":"1","seq":1}', "invalid"),
    "5,000 digits": (b'{"type":"read.mark","id":1,"conv":' + b"9" * 5_000 + b',"seq":1}', "invalid"),
    "2^63": (b'{"type":"read.mark","id":1,"conv":9223372036854775808,"seq":1}', "invalid"),
    "2^53": (b'{"type":"read.mark","id":1,"conv":9007199254740992,"seq":1}', "invalid"),
    "a lone surrogate": (b'{"type":"ping","id":1,"\\ud800":1}', "invalid"),
    "10,000 keys": (b'{"type":"ping","id":1' + b"".join(b',"%d":1' % n for n in range(6_000)) + b"}", "invalid"),
    "an unknown field": (b'{"type":"ping","id":1,"secret":1}', "invalid"),
    "an unknown type": (b'{"type":"secret","id":1}', "unknown_type"),
    "no type": (b'{"id":1}', "invalid"),
    "a cid that is no UUID": (b'{"type":"message.send","id":1,"conv":1,"cid":"secret","text":"x"}', "invalid"),
    "a forged seq": (b'{"type":"message.send","id":1,"conv":1,"cid":"secret","text":"x","seq":1}', "invalid"),
}


@pytest.mark.parametrize(("line", "code"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
async def test_a_bad_request_is_refused_with_its_id_and_without_its_words(stage: Stage, line: bytes, code: str) -> None:
    node, peer = await a_client(stage)
    peer.write(line + b"\n").ask(9)
    refusal = await peer.read()
    assert (refusal["type"], refusal["code"], refusal["re"]) == ("error", code, 1)
    assert "secret" not in json.dumps(refusal)
    assert await peer.read() == {"type": "ok", "re": 9}
    assert node.metrics.malformed["bad_request"] == 1


async def test_of_duplicate_keys_the_last_wins(stage: Stage) -> None:
    _, peer = await a_client(stage)
    peer.write(b'{"type":"nonsense","id":1,"type":"ping","id":2}\n')
    assert await peer.read() == {"type": "ok", "re": 2}
