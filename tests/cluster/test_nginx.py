"""nginx with the configuration that operators get: what it lets through, to whom, and how it says no."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from tests.client.party import Party, befriend, direct, sees
from tests.cluster.site import Site, metric
from tests.waiting import wait_until
from tools.cluster.nginx import EXAMPLE, Nginx, configure
from tools.cluster.process import accepts


async def test_the_example_is_good_as_it_is_and_with_tls(site: Site, tmp_path: Path) -> None:
    nginx, ca = encrypting(site, tmp_path)
    assert "successful" in await site.do(nginx.check)
    assert "successful" in await site.do(site.cluster.nginx.check)
    assert ca.exists()


def encrypting(site: Site, folder: Path) -> tuple[Nginx, Path]:
    """Another nginx in front of the same nodes, with TLS, and whom its clients are to trust."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    tls = (folder / "cert.pem", folder / "key.pem")
    return Nginx(folder / "nginx", [node.port for node in site.nodes], tls=tls), folder / "ca.pem"


def test_only_ports_and_paths_are_substituted() -> None:
    example = EXAMPLE.read_text().splitlines()
    configured = configure(EXAMPLE.read_text(), [1, 2, 3], 4).splitlines()
    changed = [(old, new) for old, new in zip(example, configured, strict=True) if old != new]
    assert [new.split()[:2] for _, new in changed] == [
        ["server", "127.0.0.1:1"],
        ["server", "127.0.0.1:2"],
        ["server", "127.0.0.1:3"],
        ["listen", "127.0.0.1:4"],
    ]


async def test_tls_ends_at_nginx(party: Party, site: Site, tmp_path: Path) -> None:
    nginx, ca = encrypting(site, tmp_path)
    await site.do(nginx.start)
    try:
        ann = await party.person("ann")
        bob = ChatClient(Profile("bob", "127.0.0.1", nginx.tls_port, tls=True, ca=ca))
        party.clients.append(bob)
        await bob.start()
        await bob.register(f"bob-{tmp_path.name[-8:]}".lower().replace("_", "-"), "correct horse")
        await befriend(ann, bob)
        conv = await direct(ann, bob)
        bob.send(conv, "through TLS")
        await sees(ann, conv, "through TLS")
        assert bob.status.encrypted
        # Whoever takes one port for the other does not get in.
        reader, writer = await asyncio.open_connection("127.0.0.1", nginx.tls_port)
        writer.write(b'{"type":"ping","id":1}\n')
        assert b"welcome" not in await reader.read()
        writer.close()
        with pytest.raises((ssl.SSLError, OSError)):
            await asyncio.open_connection("127.0.0.1", nginx.port, ssl=ssl.create_default_context(cafile=ca))
    finally:
        await site.do(nginx.stop)


async def test_a_refused_node_costs_the_next_user_nothing(party: Party, site: Site) -> None:
    await site.do(site.nodes[0].stop)
    for _ in range(8):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        assert json.loads(await reader.readline())["node"] in ("node-2", "node-3")
        writer.close()
    await site.do(site.nodes[0].start)
    met = set()
    while "node-1" not in met:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        met.add(json.loads(await reader.readline())["node"])
        writer.close()


async def test_the_last_words_of_a_node_reach_who_is_just_sending(site: Site) -> None:
    """A client that pipelines without reading gets its answers and ``closing`` through nginx when the node drains."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    node = site.node(json.loads(await reader.readline())["node"])
    request = {"type": "account.register", "id": 0, "username": f"p{node.program.pid}", "password": "correct horse"}
    writer.write(json.dumps(request).encode() + b"\n")
    assert json.loads(await reader.readline())["type"] == "session.ready"
    sending = True

    async def send() -> None:
        number = 0
        while sending:
            writer.write(b"".join(b'{"type":"ping","id":%d}\n' % (number + one) for one in range(50)))
            number += 50
            # More than fits the line would keep this client from reading its last words in time, not nginx.
            await writer.drain()
            await asyncio.sleep(0)

    pouring = asyncio.create_task(send())
    stopping = asyncio.create_task(site.do(node.stop))
    lines = []
    async for line in reader:
        lines.append(json.loads(line))
        if lines[-1]["type"] == "closing":
            break
    sending = False
    await pouring
    assert (lines[-1]["type"], lines[-1]["code"]) == ("closing", "going_away")
    answers = [line["re"] for line in lines if "re" in line]
    assert answers == list(range(len(answers)))
    writer.close()
    assert await stopping == 0


async def test_nobody_reaches_a_node_but_through_nginx(site: Site) -> None:
    node = site.nodes[0]
    assert accepts(node.port)
    before = metric(node, 'mrccsc_proxy_headers_total{outcome="missing"}')
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    writer.write(b'{"type":"ping","id":1}\n')
    line = json.loads(await reader.readline())
    assert (line["type"], line["code"]) == ("closing", "protocol_error")
    assert "PROXY" in line["reason"]
    writer.close()
    await wait_until(lambda: metric(node, 'mrccsc_proxy_headers_total{outcome="missing"}') == before + 1)
