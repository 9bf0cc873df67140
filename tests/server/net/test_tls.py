"""TLS, and those who mistake one port for the other."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from mrccsc_server.net import intake
from mrccsc_server.net.listener import NEEDS_TLS, load_tls
from tests.server.net.conftest import Certificates, Stage
from tests.waiting import wait_until


async def test_a_client_chats_over_tls(stage: Stage, certificates: Certificates) -> None:
    node = await stage.node(certificates.server)
    peer = await (await stage.peer(node, certificates.client)).sign_in()
    assert peer.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    peer.write(b"".join(b'{"type":"ping","id":%d}\n' % number for number in range(5_000)))
    assert [(await peer.read())["re"] for _ in range(5_000)] == list(range(5_000))
    peer.write(b"x" * 70_000)
    await peer.end("protocol_error")


async def test_who_speaks_plain_on_the_tls_port_is_told(stage: Stage, certificates: Certificates) -> None:
    node = await stage.node(certificates.server)
    peer = await stage.peer(node, welcome=False)
    peer.ask(1)
    assert (await peer.end("protocol_error"))["reason"] == NEEDS_TLS
    assert node.metrics.malformed["foreign"] == 1
    await wait_until(lambda: node.admission.total == 0)
    assert await stage.peer(node, certificates.client)


async def test_who_speaks_tls_on_the_plain_port_is_told(stage: Stage, certificates: Certificates) -> None:
    node = await stage.node()
    raw = socket.socket()
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", node.port))
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        certificates.client.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    await loop.sock_sendall(raw, outgoing.read())
    received = b""
    while chunk := await loop.sock_recv(raw, 65_536):
        received += chunk
    raw.close()
    assert intake.NOT_TLS.encode() in received
    assert node.metrics.closes["protocol_error"] == 1


async def test_nothing_older_than_tls_1_2(stage: Stage, certificates: Certificates) -> None:
    assert certificates.server.minimum_version == ssl.TLSVersion.TLSv1_2
    node = await stage.node(certificates.server)
    raw = await stage.peer(node, welcome=False)
    # A hello of TLS 1.0 with one cipher and no extensions.
    raw.write(bytes.fromhex("160301002d0100002903 01".replace(" ", "")) + bytes(32) + bytes.fromhex("000002002f0100"))
    answer = await raw.reader.read()
    assert answer[:1] in (b"\x15", b""), "an alert, or nothing"
    await wait_until(lambda: node.metrics.connections["tls_failed"] == 1)
    await wait_until(lambda: node.admission.total == 0)


@pytest.mark.parametrize("beginning", [b"", b"\x16\x03\x01"], ids=["silent", "half a hello"])
async def test_a_handshake_has_a_time_limit(stage: Stage, certificates: Certificates, beginning: bytes) -> None:
    node = await stage.node(certificates.server, sign_in_time=0.2)
    peer = await stage.peer(node, welcome=False)
    peer.write(beginning)
    await peer.rest()
    await wait_until(lambda: node.admission.total == 0)
    assert node.metrics.connections["tls_failed"] == 1


async def test_a_reset_within_the_handshake_harms_nobody(stage: Stage, certificates: Certificates) -> None:
    node = await stage.node(certificates.server)
    for beginning in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
        peer = await stage.peer(node, welcome=False)
        peer.write(beginning)
        await peer.writer.drain()
        peer.writer.transport.abort()
    await wait_until(lambda: node.admission.total == 0)
    assert await stage.peer(node, certificates.client)


def test_a_key_that_does_not_fit_is_an_os_error(certificates: Certificates, tmp_path: Path) -> None:
    other = Certificates(tmp_path)
    with pytest.raises(OSError, match=r"mismatch|MISMATCH"):
        load_tls(certificates.certificate, other.key)
    with pytest.raises(OSError, match=r"."):
        load_tls(tmp_path / "missing", other.key)
