"""Parts of the cluster go and come back while people talk: nothing is lost, doubled or refused."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.party import Party, direct, group, me, sees, settled, texts
from tests.cluster.load import Talk, gather_group, hears
from tests.cluster.site import Site, health
from tests.waiting import wait_until
from tools.cluster.node import Node

# An outage of half a minute and what follows from it may add up to this, on a busy machine.
pytestmark = pytest.mark.timeout(240)


def degraded(node: Node) -> bool:
    """Whether a node says that it has no bus, and takes clients nevertheless."""
    code, problems = health(node)
    return code == 200 and len(problems) == 1 and problems[0].startswith("bus: degraded")


async def talk_of_six(party: Party) -> Talk:
    return await gather_group(party, "ann", "bob", "cat", "dan", "eve", "fay")


async def some_time(talk: Talk, messages: int = 60) -> None:
    """Until so many more have been stored."""
    one = talk.people[0]
    goal = one.store.conversations[talk.conv].head + messages
    await wait_until(lambda: one.store.conversations[talk.conv].head >= goal, "talk going on", patience=60)


async def test_a_node_is_killed(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        victim = site.node(talk.people[0].status.node)
        await site.do(victim.kill)
        await wait_until(lambda: talk.is_off(victim.name), "everybody being elsewhere", patience=60)
        await some_time(talk)
        await site.do(victim.start)
        await some_time(talk)


async def test_what_is_typed_while_the_node_is_away_arrives_once(party: Party, site: Site) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "before")
    await sees(bob, conv, "before")
    await site.do(site.node(ann.status.node).kill)
    ann.send(conv, "meanwhile")
    await settled(ann)
    await sees(bob, conv, "before", "meanwhile")
    there = me(ann).user
    await wait_until(lambda: (p := bob.store.presence(there)) is not None and p.status == "online", "ann being online")


async def test_the_users_of_a_killed_node_show_offline(party: Party, site: Site) -> None:
    ann, bob = await party.friends("ann", "bob")
    assert ann.status.node != bob.status.node
    there = me(bob).user
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "online", "bob being online")
    node = site.node(bob.status.node)
    # Bob is cut off with his node, and does not come back by himself.
    await site.do(node.kill)
    await party.stop(bob)
    await wait_until(
        lambda: (p := ann.store.presence(there)) is not None and p.status == "offline", "bob offline", patience=60
    )
    again = await party.device(me(bob).username, "elsewhere")
    assert again.status.online
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "online", "bob back")


async def test_a_node_is_stopped_and_goes_on(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        victim = site.node(talk.people[0].status.node)
        await site.do(victim.freeze)
        await wait_until(
            lambda: (
                victim.name not in [one.status.node for one in talk.people if one.status.online]
                and all(one.status.online for one in talk.people)
            ),
            "everybody having moved",
            patience=90,
        )
        await some_time(talk)
        await site.do(victim.thaw)
        await wait_until(lambda: health(victim) == (200, []), "the node being well again", patience=60)
        await some_time(talk)
    assert "hung" in site.logged(victim)


async def test_nginx_is_killed_and_restarted(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        await site.do(site.cluster.nginx.kill)
        await wait_until(lambda: not any(one.status.online for one in talk.people), "everybody being off")
        await site.do(site.cluster.nginx.start)
        await some_time(talk)


async def test_nginx_is_reloaded(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        talk.statuses.clear()
        await site.do(site.cluster.nginx.reload)
        await some_time(talk)
        late = await party.person("late")
        assert late.status.online
    assert not talk.statuses, "nobody lost the line"


async def test_redis_is_killed_and_comes_back_empty(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        await site.do(site.cluster.redis.kill)
        await wait_until(
            lambda: (
                all(health(node) == (200, problems) for node in site.nodes for problems in [health(node)[1]])
                and all("bus" in "".join(health(node)[1]) for node in site.nodes)
            ),
            "all nodes saying that they are degraded, and ready",
            patience=60,
        )
        await some_time(talk)
        talk.say(talk.people[0], f"{talk.people[0].profile.name} without a bus")
        await some_time(talk)
        await site.do(site.cluster.redis.start)
        await wait_until(lambda: all(health(node) == (200, []) for node in site.nodes), "the end of it", patience=60)
        await some_time(talk)


async def test_without_redis_people_on_other_nodes_still_hear_each_other(party: Party, site: Site) -> None:
    ann, bob, cat = await party.friends("ann", "bob", "cat")
    conv = await group(ann, bob, cat)
    await site.do(site.cluster.redis.kill)
    for number in range(5):
        for one in (ann, bob, cat):
            one.send(conv, f"{me(one).username} {number}")
            await settled(one)
            for other in (ann, bob, cat):
                await sees(other, conv, f"{me(one).username} {number}")
    # Presence is unknown now, and never told as offline.
    for other in (bob, cat):
        seen = ann.store.presence(me(other).user)
        assert seen is None or seen.status == "online"
    await site.do(site.cluster.redis.start)
    await wait_until(lambda: all(health(node) == (200, []) for node in site.nodes), "the bus being back", patience=60)
    await wait_until(
        lambda: all((p := ann.store.presence(me(one).user)) is not None and p.status == "online" for one in (bob, cat)),
        "presence being back",
        patience=60,
    )


async def test_redis_is_flushed(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        for _ in range(3):
            await site.do(site.cluster.redis.flush)
            await some_time(talk)
    one, other = talk.people[:2]
    await wait_until(
        lambda: (p := one.store.presence(me(other).user)) is not None and p.status == "online",
        "presence being back",
        patience=60,
    )


async def test_mariadb_is_killed_under_load(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        await site.do(site.cluster.mariadb.kill)
        await wait_until(lambda: all(health(node)[0] == 503 for node in site.nodes), "all nodes noticing", patience=60)
        assert any(one.status.online for one in talk.people), "when all have lost it the clients stay"
        await site.do(site.cluster.mariadb.start)
        await some_time(talk)
    # Whatever was acknowledged is there: a device that has seen nothing reads the same.
    reader = await party.device(me(talk.people[0]).username, "reader")
    while await reader.load_older(talk.conv):
        pass
    assert texts(reader, talk.conv) == texts(talk.people[0], talk.conv)


async def test_nodes_start_while_the_database_is_away(site: Site) -> None:
    node = site.nodes[0]
    await site.do(node.stop)
    await site.do(site.cluster.mariadb.stop)
    await site.do(lambda: node.start(wait=False))
    await wait_until(lambda: "Waiting for it" in node.output, "the node saying what it waits for")
    assert not node.accepting
    assert health(node, "/healthz")[0] == 200
    assert health(node)[0] == 503
    await site.do(site.cluster.mariadb.start)
    await wait_until(lambda: node.accepting, "the node accepting", patience=60)


async def test_a_node_that_waits_for_the_database_can_be_ended(site: Site) -> None:
    node = site.nodes[0]
    await site.do(node.stop)
    await site.do(site.cluster.mariadb.stop)
    await site.do(lambda: node.start(wait=False))
    await wait_until(lambda: "Waiting for it" in node.output, "the node saying what it waits for")
    assert await site.do(node.stop) == 0


async def test_a_node_starts_while_redis_is_away(party: Party, site: Site) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    node = site.nodes[0]
    await site.do(node.stop)
    await wait_until(lambda: ann.status.online and bob.status.online, "both being elsewhere")
    await site.do(site.cluster.redis.kill)
    await site.do(node.start)
    assert "starting without it" in node.output
    # The new node has the fewest connections, so nginx gives it the next one.
    phone = await party.device(me(ann).username, "phone")
    assert phone.status.node == node.name
    phone.send(conv, "no bus at all")
    await sees(bob, conv, "no bus at all")
    bob.send(conv, "none")
    for one in (ann, phone):
        await sees(one, conv, "no bus at all", "none")


async def test_a_rolling_restart_under_load(party: Party, site: Site) -> None:
    talk = await talk_of_six(party)
    before = [node.program.pid for node in site.nodes]
    async with talk.going_on():
        await some_time(talk)
        for node in site.nodes:
            assert await site.do(node.restart) == 0
            await some_time(talk)
    assert not set(before) & {node.program.pid for node in site.nodes}
    await hears(talk, texts(talk.people[0], talk.conv)[-1])


async def test_everything_at_once(party: Party, site: Site) -> None:
    """A power cut: all servers die in one moment, and are started again in any order."""
    talk = await talk_of_six(party)
    async with talk.going_on():
        await some_time(talk)
        await site.do(site.cluster.kill)
        await asyncio.sleep(0)
        await site.mend()
        await some_time(talk)
