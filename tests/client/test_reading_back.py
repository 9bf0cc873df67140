"""Reading back in a conversation while more is said in it, from disk and from the server, on every Python's loop."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.fakes import conversation, entry, message
from tests.client.party import Party, direct, sees, settled, texts
from tests.client.world import World
from tests.waiting import wait_until


@pytest.mark.usefixtures("task_start")
async def test_what_is_on_disk_is_reached_however_many_pages_back(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for number in range(500):
        ann.send(conv, f"message {number}")
    await settled(ann)
    await sees(bob, conv, "message 499")
    bob = await party.again(bob)
    assert await bob.load_until(conv, bob.store.conversations[conv].start)
    assert texts(bob, conv) == [f"message {number}" for number in range(500)]


@pytest.mark.usefixtures("task_start")
async def test_the_server_is_asked_once_by_all_who_read_back_after_what_is_on_disk(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(2)))
    await wait_until(world.texts, "the entry")
    await world.restart()
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation(head=2)])
    await wait_until(lambda: world.client.status.online, "being online")
    await world.client.load_older(5, 1)
    assert world.texts() == ["text"]
    first = asyncio.create_task(world.client.load_older(5))
    request = await line.asked("history.get")
    second = asyncio.create_task(world.client.load_older(5))
    await asyncio.sleep(0)
    page = {"type": "history.page", "re": request["id"], "conv": 5, "head": 2, "more": False}
    line.deliver({**page, "entries": [{"conv": 5, "seq": 1, "kind": "create", "by": 1, "at": 1}]})
    assert [await first, await second] == [False, False]
    assert len(line.asks("history.get")) == 1


async def test_what_somebody_looks_at_is_held_whole_until_they_look_elsewhere(world: World) -> None:
    line = await world.login()
    world.client.look_at(5)
    line.deliver(*(entry(message(seq, f"text {seq}")) for seq in range(2, 1_202)))
    await wait_until(lambda: world.client.store.conversations[5].cursor == 1_201, "the entries")
    assert world.texts() == [f"text {seq}" for seq in range(2, 1_202)]
    assert line.asks("history.get") == []
    world.client.look_at(None)
    assert world.texts() == [f"text {seq}" for seq in range(1_002, 1_202)]
