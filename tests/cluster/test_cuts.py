"""One node's line to the database or to the bus is cut, while all others have theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from mrccsc_tui.client import ChatClient
from tests.chaos.proxy import Link
from tests.client.party import Party, direct, me, sees
from tests.cluster.site import Site, health
from tests.waiting import wait_until
from tools.cluster.node import Node
from tools.cluster.process import accepts

pytestmark = pytest.mark.timeout(240)


class FarNode:
    """A fourth node, whose lines to the database and to the bus go through links that can be cut."""

    def __init__(self, node: Node, database: Link, bus: Link) -> None:
        self.node = node
        self.database = database
        self.bus = bus


@pytest.fixture
async def far(site: Site) -> AsyncIterator[FarNode]:
    cluster = site.cluster
    database, bus = Link(cluster.mariadb.port), Link(cluster.redis.port)
    await database.open()
    await bus.open()
    node = cluster.make_node(
        "far",
        database=cluster.database_url.replace(f":{cluster.mariadb.port}/", f":{database.port}/"),
        bus=cluster.redis.url().replace(f":{cluster.redis.port}/", f":{bus.port}/"),
    )
    await site.do(node.start)
    known = [one.port for one in site.nodes]
    await site.do(cluster.nginx.reload, [*known, node.port])
    yield FarNode(node, database, bus)
    await site.do(cluster.nginx.reload, known)
    assert await site.do(node.stop) == 0
    for word in ("Traceback", "ERROR", "CRITICAL"):
        assert word not in node.output, node.output[-4_000:]
    await database.close()
    await bus.close()


async def on_far_and_elsewhere(party: Party, far: FarNode) -> tuple[ChatClient, ChatClient]:
    """Two friends, the first on the far node and the second not."""
    people: list[ChatClient] = []
    while {one.status.node == far.node.name for one in people} != {True, False}:
        # A reload takes nginx a moment.
        people.append(await party.person("pat"))
    first = next(one for one in people if one.status.node == far.node.name)
    second = next(one for one in people if one.status.node != far.node.name)
    await first.request_contact(me(second).username)
    await wait_until(lambda: me(first).user in second.store.contacts, "the request")
    await second.accept_contact(me(first).user)
    return first, second


@pytest.mark.parametrize("cut", [Link.cut, Link.hold], ids=["broken", "half-open"])
async def test_who_alone_has_no_database_sends_its_clients_to_the_others(
    party: Party, site: Site, far: FarNode, cut: Callable[[Link], None]
) -> None:
    ann, bob = await on_far_and_elsewhere(party, far)
    conv = await direct(ann, bob)
    cut(far.database)
    ann.send(conv, "is anybody there?")
    await sees(bob, conv, "is anybody there?")
    await wait_until(lambda: ann.status.online and ann.status.node != far.node.name, "ann having moved", patience=60)
    await wait_until(lambda: not accepts(far.node.port), "its port being shut")
    assert health(far.node)[0] == 503
    assert {health(node)[0] for node in site.nodes} == {200}
    far.database.heal()
    await wait_until(lambda: accepts(far.node.port), "its port being open", patience=60)
    assert health(far.node) == (200, [])
    assert "alone has lost the database" in far.node.output


@pytest.mark.parametrize("cut", [Link.cut, Link.hold], ids=["broken", "half-open"])
async def test_who_alone_has_no_bus_looks_into_the_database(
    party: Party, far: FarNode, cut: Callable[[Link], None]
) -> None:
    ann, bob = await on_far_and_elsewhere(party, far)
    conv = await direct(ann, bob)
    cut(far.bus)
    for number in range(3):
        ann.send(conv, f"ann {number}")
        await sees(bob, conv, f"ann {number}")
        bob.send(conv, f"bob {number}")
        await sees(ann, conv, f"bob {number}")
    await wait_until(lambda: "bus" in "".join(health(far.node)[1]), "its saying so")
    assert health(far.node)[0] == 200
    assert ann.status.node == far.node.name, "its clients stay"
    far.bus.heal()
    await wait_until(lambda: health(far.node) == (200, []), "the end of it", patience=60)
    ann.send(conv, "as before")
    await sees(bob, conv, "as before")
