"""What the chaos runs have found, each as the smallest play that shows it."""

from __future__ import annotations

import asyncio

from mrccsc_tui.link.tasks import Tasks
from tests.client.fakes import ack, conversation, message
from tests.client.world import World
from tests.waiting import wait_until


async def says_with_a_mention(world: World) -> None:
    """Ann mentions Bob; the acknowledgement cannot say that the server took the name for one."""
    line = await world.login()
    world.client.send(5, "hello @bob")
    line.deliver(ack(await line.asked("message.send"), 2))
    asked = await line.asked("history.get")
    assert (asked["around"], asked["limit"]) == (2, 1)


def page(request, *entries):
    return {"type": "history.page", "re": request["id"], "conv": 5, "entries": list(entries), "head": 2, "more": False}


HELLO = message(2, "hello @bob", by=1, mentions=[2])


def mentions(world: World) -> tuple[int, ...]:
    held = world.client.store.message(5, 2)
    assert held is not None
    return held.mentions


async def test_whom_a_word_mentions_is_asked_again_when_the_line_broke_before_the_answer(world: World) -> None:
    await says_with_a_mention(world)
    line = await world.lose(world.network.lines[0])
    await line.signs_in(conversations=[conversation(head=2)])
    line.deliver(page(await line.asked("history.get"), HELLO))
    await wait_until(lambda: mentions(world) == (2,), "the mention")


async def test_whom_a_word_mentions_is_asked_again_when_the_client_ended_before_the_answer(world: World) -> None:
    await says_with_a_mention(world)
    await world.restart()
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation(head=2)])
    await world.client.load_older(5)
    line.deliver(page(await line.asked("history.get"), HELLO))
    await wait_until(lambda: mentions(world) == (2,), "the mention")


async def test_work_that_is_cancelled_before_its_first_step_leaves_nothing_behind() -> None:
    """It was never awaited, and its key stood for it for ever."""
    tasks = Tasks()
    tasks.start("key", asyncio.sleep(60))
    await tasks.stop()
    assert not tasks.running("key")
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    tasks.start("key", work())
    await asyncio.wait_for(done.wait(), 5)
