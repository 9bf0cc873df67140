"""People on different nodes: everything that they do together reaches all of their devices."""

from __future__ import annotations

import pytest

from mrccsc_tui.client import ChatClient, RequestError
from tests.client.party import Party, befriend, direct, group, me, sees, settled
from tests.cluster.site import Site, metric
from tests.waiting import wait_until


def where(*people: ChatClient) -> list[str | None]:
    return [one.status.node for one in people]


async def test_nginx_spreads_people_over_all_nodes(party: Party, site: Site) -> None:
    people = [await party.person(name) for name in ("ann", "bob", "cat", "dan", "eve", "fay")]
    assert sorted(map(str, where(*people))) == sorted([node.name for node in site.nodes] * 2)


async def test_friends_on_different_nodes(party: Party) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    assert ann.status.node != bob.status.node
    await befriend(ann, bob)
    conv = await direct(ann, bob)
    ann.send(conv, "Hello Bob")
    await sees(bob, conv, "Hello Bob")
    bob.send(conv, "Hello Ann", reply_to=2)
    await sees(ann, conv, "Hello Bob", "Hello Ann")
    bob.mark_read(conv, 2)
    await wait_until(lambda: ann.store.conversations[conv].peer_read == 2, "the read mark")
    await bob.set_presence("away", "tea")
    there = me(bob).user
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "away", "the presence")
    await party.stop(bob)
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "offline", "bob going")


async def test_devices_of_one_user_on_all_nodes(party: Party, site: Site) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    devices = [ann, *[await party.device(me(ann).username, f"device-{number}") for number in range(5)]]
    assert set(where(*devices)) == {node.name for node in site.nodes}
    for number, device in enumerate(devices):
        device.send(conv, f"from device {number}")
        await settled(device)
        for other in (*devices, bob):
            await sees(other, conv, f"from device {number}")
    devices[-1].mark_read(conv, bob.store.conversations[conv].head)
    bob.send(conv, "one more")
    for device in devices:
        await wait_until(lambda device=device: device.store.conversations[conv].unread == 1, "the mark everywhere")
    # One device goes, and nobody thinks that Ann has gone.
    await party.stop(devices.pop())
    bob.send(conv, "and another")
    await sees(devices[-1], conv, "one more", "and another")
    here = bob.store.presence(me(ann).user)
    assert here is not None
    assert here.status == "online"


async def test_a_group_across_nodes(party: Party) -> None:
    ann, bob, cat = await party.friends("ann", "bob", "cat")
    assert len(set(where(ann, bob, cat))) == 3
    conv = await group(ann, bob, cat)
    cat.send(conv, "here")
    for one in (ann, bob):
        await sees(one, conv, "here")
    await ann.set_role(conv, me(bob).user, "admin")
    await wait_until(lambda: bob.store.conversations[conv].role == "admin", "the role")
    await bob.remove_member(conv, me(cat).user)
    await wait_until(lambda: conv not in cat.store.conversations, "being removed")
    ann.send(conv, "without cat")
    await sees(bob, conv, "without cat")


async def test_a_session_is_revoked_from_another_node(party: Party) -> None:
    ann = await party.person("ann")
    phone = await party.device(me(ann).username, "phone")
    assert ann.status.node != phone.status.node
    await ann.revoke_session(next(one.session for one in await ann.sessions() if not one.current))
    await wait_until(lambda: phone.status.phase == "stopped", "being signed out")


async def test_guesses_count_on_all_nodes_together(party: Party) -> None:
    ann = await party.person("ann")
    refusals = []
    guesser = party.client("guesser")
    await guesser.start()
    for _ in range(8):
        with pytest.raises(RequestError) as refused:
            await guesser.login(me(ann).username, "wrong password")
        refusals.append(refused.value.code)
    # Five are free on all nodes together, not on each.
    assert refusals[:5] == ["bad_credentials"] * 5
    assert "rate_limited" in refusals[5:]


async def test_the_nodes_know_users_by_their_own_address(party: Party, site: Site) -> None:
    await party.person("ann")
    assert sum(metric(node, 'mrccsc_proxy_headers_total{outcome="accepted"}') for node in site.nodes) > 0
    for node in site.nodes:
        assert metric(node, 'mrccsc_proxy_headers_total{outcome="missing"}') == 0
        assert metric(node, "mrccsc_nodes") == 3
        assert metric(node, "mrccsc_bus_degraded") == 0
