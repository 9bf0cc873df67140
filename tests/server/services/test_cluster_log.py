"""The log across nodes: whatever the bus does, every device is shown every entry once, in order, acks included."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from uuid import uuid4

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mrccsc_shared.errors import ErrorCode, Refusal
from tests.server.services.nodes import BadCarrier, Device, Town, slow, town
from tests.waiting import wait_until


def lose() -> str:
    return "lose"


async def look(place: Town) -> None:
    """What the nodes do every ten seconds, now."""
    for node in place.nodes:
        await node.services.sweep.look()


def check(device: Device, conv: int) -> None:
    for stay in device.stays(conv):
        assert stay == list(range(stay[0], stay[0] + len(stay))), device.lines


async def test_friends_on_two_nodes_talk() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        here, there = place.nodes
        a, b = await here.device(ann), await there.device(bob)
        conv = (await a.asks("direct.open", user=bob.user))["conversation"]["conv"]
        await wait_until(lambda: b.is_in(conv), "the conversation at the friend's")
        for _ in range(5):
            a.says(conv)
            b.says(conv)
        await place.all_reach(conv, [b])
        await wait_until(lambda: a.seqs(conv) == list(range(2, 12)), "all ten at the asker's")
        check(b, conv)


async def test_an_ack_waits_for_the_entries_below_it() -> None:
    """The other node's entry is stored first but its hint is late: the ack of the next one may not pass it."""
    modes = ["late"]
    carrier = BadCarrier(lambda: modes[0])
    async with town(2, carry=carrier) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        start = await place.head(conv)
        b.says(conv)
        await wait_until(lambda: b.of("ack"), "the first ack")
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the second ack")
        assert a.seqs(conv) == [start + 1, start + 2]
        carrier.release(backwards=True)
        await place.all_reach(conv, [a, b])
        assert b.seqs(conv) == [start + 1, start + 2]


async def test_several_committers_keep_the_order_of_each_conversation() -> None:
    async with town(2, committers=3) as place:
        ann, bob = await place.friends("ann", "bob")
        convs = [await place.group(ann, bob) for _ in range(4)]
        heads = {conv: await place.head(conv) for conv in convs}
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        cids = {conv: [device.says(conv) for _ in range(10) for device in (a, b)] for conv in convs}
        await wait_until(lambda: len(a.of("ack")) == len(b.of("ack")) == 40, "all acks")
        for conv in convs:
            await place.all_reach(conv, [a, b], heads[conv] + 20)
            check(a, conv)
            check(b, conv)
            mine = [line["cid"] for line in a.of("ack") if line["conv"] == conv]
            assert mine == cids[conv][::2]
        await place.nodes[0].services.log.drain()


async def test_lost_hints_are_found_in_the_database() -> None:
    async with town(3, carry=BadCarrier(lose)) as place:
        ann, bob, cid = await place.friends("ann", "bob", "cid")
        conv = await place.group(ann, bob, cid)
        devices = [await node.device(who) for node, who in zip(place.nodes, (ann, bob, cid), strict=True)]
        for device in devices:
            for _ in range(3):
                device.says(conv)
        await wait_until(lambda: all(len(device.of("ack")) == 3 for device in devices), "all acks")
        await look(place)
        await place.all_reach(conv, devices)
        for device in devices:
            check(device, conv)


async def test_without_the_bus_all_is_delivered_soon() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        for node in place.nodes:
            node.cut()
        for _ in range(3):
            a.says(conv)
            b.says(conv)
        await place.all_reach(conv, [a, b])
        other = await place.group(ann, bob)
        await wait_until(lambda: b.is_in(other), "a new group without the bus")
        for node in place.nodes:
            node.mend()
        a.says(conv)
        a.says(other)
        await place.all_reach(conv, [a, b])
        check(a, conv)
        check(b, conv)


async def test_who_misses_what_another_node_says_looks_often() -> None:
    """Only the other node's line is cut: nothing else tells that its hints do not come."""
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        sweep = place.nodes[1].services.sweep
        assert not sweep.is_watchful()
        place.nodes[0].cut()
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        await sweep.look()
        await place.all_reach(conv, [b])
        assert sweep.is_watchful()
        head = await place.head(conv)
        a.says(conv)
        await place.all_reach(conv, [b], head + 1)


async def test_what_a_dead_node_had_not_said_is_found() -> None:
    modes = ["well"]
    async with town(2, carry=BadCarrier(lambda: modes[0])) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        modes[0] = "lose"
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        place.nodes[0].die()
        await place.all_reach(conv, [b])
        check(b, conv)


async def test_a_member_who_is_removed_elsewhere_hears_of_it_and_of_nothing_after() -> None:
    async with town(2, carry=BadCarrier(lose)) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        await a.asks("group.remove", conv=conv, user=bob.user)
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        await look(place)
        await wait_until(lambda: not b.is_in(conv), "the removal")
        assert b.of("conversation.gone")[0]["reason"] == "removed"
        await look(place)
        head = await place.head(conv)
        assert b.seqs(conv) == [head - 1]
        b.says(conv)
        await wait_until(lambda: b.of("error"), "the refusal")


async def test_who_is_invited_elsewhere_is_shown_the_group_and_what_follows() -> None:
    for mode in ("well", "lose", "double"):
        async with town(2, carry=BadCarrier(lambda mode=mode: mode)) as place:
            ann, bob = await place.friends("ann", "bob")
            conv = await place.group(ann)
            a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
            await a.asks("group.invite", conv=conv, user=bob.user)
            a.says(conv)
            await wait_until(lambda a=a: a.of("ack"), "the ack")
            await look(place)
            await place.all_reach(conv, [a, b])
            check(b, conv)
            unread = [line["conversation"]["unread"] for line in b.of("conversation")]
            # The message is seq 3: what comes after the view is not counted in it.
            assert unread[-1] == int(b.stays(conv)[-1][0] >= 3)


async def test_a_stale_join_brings_nobody_back() -> None:
    """The hint of a join comes when the stay has long ended."""
    modes = ["late"]
    carrier = BadCarrier(lambda: modes[0])
    async with town(2, carry=carrier) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        await a.asks("group.invite", conv=conv, user=bob.user)
        await a.asks("group.remove", conv=conv, user=bob.user)
        modes[0] = "well"
        carrier.release(backwards=True)
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        await look(place)
        assert not b.is_in(conv)
        assert b.seqs(conv) == []


async def test_a_restored_backup_makes_devices_begin_anew() -> None:
    async with town(1) as place:
        ann = await place.person("ann")
        conv = await place.group(ann)
        a = await place.nodes[0].device(ann)
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        heads = place.store.log.heads

        async def earlier(convs: list[int], since: int | None = None) -> dict[int, int]:
            return {one: head - 1 for one, head in (await heads(convs)).items()}

        place.store.log.heads = earlier  # type: ignore[method-assign, assignment]
        await look(place)
        assert a.closed is not None


async def test_a_commit_of_unknown_outcome_is_told_when_its_retry_is_known() -> None:
    """The commit's answer is lost; the retry is a duplicate, and the entry is shown to all none the less."""
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        append = place.store.log.append

        async def lost(operations: Any) -> Any:
            await append(operations)
            raise Refusal(ErrorCode.UNAVAILABLE)

        place.store.log.append = lost  # type: ignore[method-assign]
        cid = a.says(conv, "is it there?")
        await wait_until(lambda: a.of("error"), "the error")
        place.store.log.append = append  # type: ignore[method-assign]
        a.says(conv, "is it there?", cid)
        await wait_until(lambda: a.of("ack"), "the ack")
        assert a.of("ack")[0]["duplicate"]
        await place.all_reach(conv, [a, b])
        check(a, conv)
        check(b, conv)
        assert [entry["cid"] for entry in b.of("entry")] == [cid]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "say",
                "say",
                "say",
                "say",
                "open",
                "close",
                "join",
                "leave",
                "remove",
                "invite",
                "turn",
                "turn",
                "release",
                "cut",
                "mend",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 1),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=25, phases=[Phase.generate])
@given(STEPS, st.integers(0, 2**32))
def test_every_device_is_shown_every_entry_once_and_in_order(steps: list[tuple[str, int, int]], seed: int) -> None:
    """People on two nodes talk, come and go, open and close devices, while hints are lost, doubled and late.

    Nodes lose the bus and have it again.
    """
    asyncio.run(_play(steps, Random(seed)))


async def _play(steps: list[tuple[str, int, int]], random: Random) -> None:
    modes = ["well", "well", "lose", "double", "late"]
    carrier = BadCarrier(lambda: random.choice(modes))
    async with town(2, carry=carrier, committers=random.choice((1, 3))) as place:
        people = await place.friends("ann", "bob", "cid")
        conv = await place.group(*people)
        slow(place.store, random)
        devices: list[Device] = []
        work: list[asyncio.Task[object]] = []

        async def sign_in(person: int, node: int) -> None:
            devices.append(await place.nodes[node].device(people[person]))

        async def act(kind: str, person: int, node: int) -> None:
            found = [device for device in devices if device.user == people[person].user and device.closed is None]
            device = next((device for device in found if device.node is place.nodes[node]), None)
            if device is None:
                return
            cid, other = str(uuid4()), people[(person + 1) % 3].user
            match kind:
                case "say":
                    device.says(conv, cid=cid)
                case "join" | "leave":
                    await device.asks(f"group.{kind}", conv=conv, cid=cid)
                case "remove" | "invite":
                    await device.asks(f"group.{kind}", conv=conv, user=other, cid=cid)

        for person in range(3):
            await sign_in(person, person % 2)
        for kind, person, node in steps:
            if kind == "open":
                work.append(asyncio.create_task(sign_in(person, node)))
            elif kind == "close":
                if devices:
                    devices[person % len(devices)].leave()
            elif kind == "turn":
                await asyncio.sleep(0.002)
            elif kind == "cut":
                place.nodes[node].cut()
            elif kind == "mend":
                place.nodes[node].mend()
            elif kind == "release":
                carrier.release(backwards=bool(node))
            else:
                work.append(asyncio.create_task(act(kind, person, node)))
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*work), 20)
        for node in place.nodes:
            await node.services.log.drain()
        modes[:] = ["well"]
        for node in place.nodes:
            node.mend()
        carrier.release()
        await look(place)
        members = (await place.store.conversations.memberships([person.user for person in people])).items()
        member_of = {user: conv in convs for user, convs in members}
        head = await place.head(conv)
        for device in devices:
            if device.closed is None:
                if member_of[device.user]:
                    await wait_until(lambda device=device: device.cursor(conv) == head, f"{device.lines} at {head}", 3)
                else:
                    await wait_until(lambda device=device: not device.is_in(conv), f"{device.lines} outside", 3)
        online = {device.user for device in devices if device.closed is None}
        for node in place.nodes:
            await node.services.presence.compare()
        for reader in [device for device in devices if device.closed is None and device.user == people[0].user]:
            for friend in people[1:]:
                status = "online" if friend.user in online else "offline"
                await wait_until(
                    lambda reader=reader, user=friend.user, status=status: reader.sees(user) == status,
                    f"{reader.lines}: {friend.user} {status}",
                    3,
                )
        for device in devices:
            check(device, conv)
