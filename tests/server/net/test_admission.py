"""Who is let in: caps, rates, addresses."""

from __future__ import annotations

from typing import Any

import pytest

from mrccsc_server.net.addresses import throttle_address
from tests.server.net.conftest import Stage
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("192.0.2.7", 1234), "192.0.2.7"),
        (("::1", 1, 0, 0), "::/64"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        ("", "local"),
        (None, "local"),
    ],
)
def test_what_an_address_counts_as(peer: Any, address: str) -> None:
    assert throttle_address(peer) == address


async def test_beyond_the_cap_on_connections_they_are_refused_with_a_time(stage: Stage) -> None:
    node = await stage.node(connections=2)
    first = await stage.peer(node)
    await (await stage.peer(node)).sign_in()
    refused = await stage.peer(node, welcome=False)
    last = await refused.end("overloaded")
    assert last["reconnect"] is True
    assert 1_000 <= last["after"] <= 5_000
    first.writer.close()
    await wait_until(lambda: node.admission.total == 1)
    await stage.peer(node)
    assert node.metrics.connections == {"accepted": 3, "refused": 1}


async def test_silent_connections_of_one_address_are_capped(stage: Stage) -> None:
    node = await stage.node(silent_per_address=20, address_burst=1_000)
    silent = [await stage.peer(node) for _ in range(20)]
    for _ in range(50):
        await (await stage.peer(node, welcome=False)).end("overloaded")
    assert node.admission.total == 20
    await silent[0].sign_in()
    await stage.peer(node)
    await (await stage.peer(node, welcome=False)).end("overloaded")


async def test_connections_of_one_address_have_a_rate(stage: Stage) -> None:
    node = await stage.node(address_burst=3, address_rate=0.01)
    for _ in range(3):
        await (await stage.peer(node)).sign_in()
    last = await (await stage.peer(node, welcome=False)).end("overloaded")
    assert 99_000 <= last["after"] <= 101_000


async def test_a_refused_client_that_has_spoken_still_reads_why(stage: Stage) -> None:
    node = await stage.node(connections=1)
    await stage.peer(node)
    for _ in range(20):
        peer = await stage.peer(node, welcome=False)
        peer.ask(1, "session.resume", token="t")
        frames = await peer.rest()
        assert [frame["code"] for frame in frames] in (["overloaded"], []), "or a reset overtook it"
