"""The PROXY protocol: who is believed, and every way in which a header can be wrong."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.net import intake, proxies
from mrccsc_server.net.proxies import REASONS, UNTRUSTED
from mrccsc_server.net.proxy import V1_MAX, V2, V2_MAX, ProxyError, ProxyHeader
from tests.server.net.conftest import Node, Peer, Stage
from tests.server.net.test_tls import Certificates
from tests.waiting import wait_until

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
ELSEWHERE = [ipaddress.ip_network("192.0.2.0/24")]

ports = st.integers(0, 65_535)
fours = st.ip_addresses(v=4)
sixes = st.ip_addresses(v=6)


def v1(source: object, port: int, destination: object = "192.0.2.9", family: str = "TCP4") -> bytes:
    return f"PROXY {family} {source} {destination} {port} 443\r\n".encode()


def v2(source: str, port: int, *, command: int = 0x21, family: int | None = None, extra: bytes = b"") -> bytes:
    address = ipaddress.ip_address(source)
    kind = family if family is not None else (0x11 if address.version == 4 else 0x21)
    fields = address.packed * 2 + struct.pack("!HH", port, 443) + extra
    return V2 + bytes([command, kind]) + struct.pack("!H", len(fields)) + fields


def parse(data: bytes) -> tuple[ProxyHeader, int]:
    header = ProxyHeader()
    return header, header.feed(data)


# -- the parser


@given(fours, ports, st.binary(max_size=64))
def test_version_1_of_ipv4(source: ipaddress.IPv4Address, port: int, rest: bytes) -> None:
    line = v1(source, port)
    header, taken = parse(line + rest)
    assert (header.done, header.source, taken) == (True, (str(source), port), len(line))


@given(sixes, ports)
def test_version_1_of_ipv6(source: ipaddress.IPv6Address, port: int) -> None:
    header, _ = parse(v1(source, port, "2001:db8::1", "TCP6"))
    assert header.source == (str(source), port)


@given(st.one_of(fours, sixes), ports, st.binary(max_size=300), st.binary(max_size=64))
def test_version_2(source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, extra: bytes, rest: bytes) -> None:
    whole = v2(str(source), port, extra=extra)
    header, taken = parse(whole + rest)
    assert (header.done, header.source, taken) == (True, (str(source), port), len(whole))


@given(st.sampled_from([v1("192.0.2.1", 1), v2("192.0.2.1", 1), v2("2001:db8::1", 1)]), st.data())
def test_any_way_of_cutting_it_gives_the_same(whole: bytes, data: st.DataObject) -> None:
    header = ProxyHeader()
    rest = whole + b"first line\n"
    taken = 0
    while not header.done:
        size = data.draw(st.integers(1, 40))
        taken += header.feed(rest[taken : taken + size])
        assert header.begun
    assert taken == len(whole)
    assert header.source is not None


@pytest.mark.parametrize(
    "whole",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff whatever 1 2\r\n",
        v2("192.0.2.1", 1, command=0x20),
        V2 + b"\x20\x00\x00\x00",
        V2 + b"\x21\x00\x00\x00",
        V2 + b"\x21\x31\x00\xd8" + bytes(216),
    ],
)
def test_the_balancer_speaks_for_itself(whole: bytes) -> None:
    header, taken = parse(whole)
    assert (header.done, header.source, taken) == (True, None, len(whole))


BAD = [
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
    b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 somewhere 1 2\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n",
    b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 \xd9\xa1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n\r\n",
    v2("192.0.2.1", 1, command=0x22),
    v2("192.0.2.1", 1, command=0x11),
    v2("192.0.2.1", 1, family=0x12),
    v2("192.0.2.1", 1, family=0xFF),
    v2("192.0.2.1", 1, family=0x21),
    V2 + b"\x21\x11\x00\x0b" + bytes(11),
]


@pytest.mark.parametrize("whole", BAD)
def test_a_bad_header(whole: bytes) -> None:
    with pytest.raises(ProxyError) as caught:
        parse(whole)
    assert caught.value.fault == "bad"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"type":"ping","id":1}\n', "missing"),
        (b"\x16\x03\x01", "missing"),
        (b"PROXIES", "missing"),
        (b"proxy ", "missing"),
        (b"\r\n\r\n\x01", "missing"),
        (b"PROXY TCP4 " + b"1" * (V1_MAX - 11), "too_long"),
        (V2 + b"\x21\x11\xff\xff", "too_long"),
        (V2 + b"\x20\x00" + struct.pack("!H", V2_MAX - 15), "too_long"),
    ],
)
def test_what_is_none(data: bytes, fault: str) -> None:
    with pytest.raises(ProxyError) as caught:
        parse(data)
    assert caught.value.fault == fault


@given(st.binary(min_size=1, max_size=3_000) | st.builds(lambda rest: b"PROXY " + rest, st.binary(max_size=200)))
def test_anything_at_all_is_bounded(data: bytes) -> None:
    header = ProxyHeader()
    try:
        taken = header.feed(data)
    except ProxyError:
        return
    assert 0 < taken <= min(len(data), V2_MAX)


# -- real sockets


async def through(stage: Stage, node: Node, header: bytes) -> Peer:
    peer = await stage.peer(node, welcome=False)
    peer.write(header)
    assert await peer.read() == {"type": "welcome"}
    return peer


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (v1("203.0.113.7", 5), "203.0.113.7"),
        (v2("203.0.113.7", 5), "203.0.113.7"),
        (v1("2001:db8:1:2:3::4", 5, "::1", "TCP6"), "2001:db8:1:2::/64"),
        (v2("2001:db8:1:2:3::4", 5), "2001:db8:1:2::/64"),
        (v2("::ffff:203.0.113.7", 5), "203.0.113.7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (v2("203.0.113.7", 5, command=0x20), "127.0.0.1"),
    ],
)
async def test_who_the_header_names_is_who_counts(stage: Stage, header: bytes, address: str) -> None:
    node = await stage.node(proxies=LOOPBACK)
    peer = await through(stage, node, header + b'{"type":"ping","id":1}\n')
    assert (await peer.read())["re"] == 1
    assert node.connection.address == address


async def test_one_byte_at_a_time(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK)
    peer = await stage.peer(node, welcome=False)
    for byte in v1("203.0.113.7", 5) + b'{"type":"ping","id":1}\n':
        peer.write(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0)
    assert await peer.read() == {"type": "welcome"}
    assert (await peer.read())["re"] == 1
    assert node.connection.address == "203.0.113.7"


async def test_addresses_behind_one_balancer_are_throttled_apart(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK, silent_per_address=1)
    await through(stage, node, v1("203.0.113.7", 5))
    crowd = await stage.peer(node, welcome=False)
    crowd.write(v1("203.0.113.7", 6))
    await crowd.end("overloaded")
    await through(stage, node, v1("203.0.113.8", 5))


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"type":"ping","id":1}\n', "missing"),
        (BAD[1], "bad"),
        (BAD[-1], "bad"),
        (b"PROXY " + b"x" * 3_000, "too_long"),
        (V2 + b"\x21\x11\xff\xff" + bytes(60_000), "too_long"),
    ],
)
async def test_without_a_good_header_it_closes_and_says_why(stage: Stage, data: bytes, fault: str) -> None:
    node = await stage.node(proxies=LOOPBACK)
    peer = await stage.peer(node, welcome=False)
    peer.write(data)
    frames = await peer.rest()
    # Much of what was sent stays unread, so the line may be lost to a reset; small things are read.
    if len(data) < 1_000:
        assert frames[-1]["reason"] == REASONS[fault]
    assert [frame["type"] for frame in frames] in ([], ["closing"])
    assert node.metrics.proxied[fault] == 1
    assert node.admission.total == 0


async def test_half_a_header_and_then_the_end(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK)
    peer = await stage.peer(node, welcome=False)
    peer.write(b"PROXY TCP4 203").writer.write_eof()
    assert (await peer.end("protocol_error"))["reason"] == REASONS["cut_off"]
    assert node.metrics.proxied["cut_off"] == 1


async def test_a_header_has_a_time_limit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "HEADER_TIME", 0.2)
    node = await stage.node(proxies=LOOPBACK)
    silent, slow = [await stage.peer(node, welcome=False) for _ in range(2)]
    slow.write(b"PROXY ")
    for peer in (silent, slow):
        assert (await peer.end("protocol_error"))["reason"] == REASONS["late"]
    assert node.metrics.proxied["late"] == 2


async def test_a_second_header_is_refused(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK)
    for second in (v1("192.0.2.1", 1), v2("192.0.2.1", 1)):
        peer = await through(stage, node, v1("203.0.113.7", 5) + second)
        assert (await peer.end("protocol_error"))["reason"] == intake.NO_PROXY


async def test_nobody_else_is_believed_or_let_in(stage: Stage) -> None:
    node = await stage.node(proxies=ELSEWHERE)
    for data in (v1("203.0.113.7", 5), b'{"type":"ping","id":1}\n', b""):
        peer = await stage.peer(node, welcome=False)
        peer.write(data)
        assert (await peer.end("protocol_error"))["reason"] == UNTRUSTED
    assert node.metrics.proxied["untrusted"] == 3
    assert not node.dispatcher.opened_


async def test_a_look_whether_somebody_listens_is_no_news(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    node = await stage.node(proxies=LOOPBACK)
    with caplog.at_level(logging.DEBUG, "mrccsc_server"):
        for _ in range(3):
            socket.create_connection(("127.0.0.1", node.port)).close()
        reset = socket.create_connection(("127.0.0.1", node.port))
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        await wait_until(lambda: node.metrics.proxied["probe"] >= 3)
    assert not [record for record in caplog.records if record.name.startswith("mrccsc")]
    assert await through(stage, node, v1("203.0.113.7", 5))


async def test_missing_headers_warn_once_a_minute(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    node = await stage.node(proxies=LOOPBACK)
    for _ in range(3):
        peer = await stage.peer(node, welcome=False)
        peer.ask(1)
        await peer.end("protocol_error")
    assert [record.levelname for record in caplog.records if record.name.startswith("mrccsc")] == ["WARNING"]
    assert "127.0.0.1" in caplog.text


async def test_connections_without_their_header_yet_are_capped(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK, connections=3)
    waiting = [await stage.peer(node, welcome=False) for _ in range(3)]
    await wait_until(lambda: len(node.listener._greetings) == 3)
    late = await stage.peer(node, welcome=False)
    await late.end("overloaded")
    for peer in waiting:
        peer.write(v1("203.0.113.7", 5))
        assert await peer.read() == {"type": "welcome"}


async def test_with_tls_the_header_comes_before_the_handshake(stage: Stage, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    node = await stage.node(certificates.server, proxies=LOOPBACK)
    loop = asyncio.get_running_loop()
    raw = socket.socket()
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", node.port))
    await loop.sock_sendall(raw, v2("203.0.113.7", 5))
    reader, writer = await asyncio.open_connection(sock=raw, ssl=certificates.client, server_hostname="localhost")
    assert await Peer(reader, writer).read() == {"type": "welcome"}
    assert node.connection.address == "203.0.113.7"
    writer.transport.abort()


async def test_stopping_ends_those_about_to_come_in(stage: Stage) -> None:
    node = await stage.node(proxies=LOOPBACK)
    peer = await stage.peer(node, welcome=False)
    await wait_until(lambda: node.listener._greetings)
    node.listener.stop()
    await peer.rest()
    await wait_until(lambda: not node.listener._greetings)
    node.listen()
    assert await through(stage, node, v1("203.0.113.7", 5))
