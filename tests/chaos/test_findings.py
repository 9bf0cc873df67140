"""What the chaos runs have found, each as the smallest play that shows it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic_core import from_json

from mrccsc_server.ports import SnapshotRequest
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from mrccsc_tui.engine.history import ON_THE_WAY
from mrccsc_tui.link.tasks import Tasks
from tests.client.fakes import FakeTransport, ack, conversation, entry, message
from tests.client.world import World
from tests.server.storage.scene import ROOM, Scene, react
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


async def test_whom_a_word_mentions_since_an_edit_is_asked_when_it_is_read_from_disk(world: World) -> None:
    """It was changed after a restart, when it was on disk and not held, so that the answer found nothing to freshen."""
    line = await world.login()
    line.deliver(entry(message(2, "hello", by=1)))
    await wait_until(lambda: world.client.store.message(5, 2), "the word")
    await world.restart()
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation(head=2)])
    world.client.edit(5, 2, "hello @bob")
    line.deliver(ack(await line.asked("message.edit"), 3))
    changed = {**HELLO, "rev": 3, "edited": 3}
    line.deliver(page(await line.asked("history.get"), changed))
    await world.client.load_older(5)
    line.deliver(page(await line.asked("history.get"), changed))
    await wait_until(lambda: mentions(world) == (2,), "the mention")


async def test_whom_a_word_mentions_is_asked_again_when_it_was_changed_before_the_answer(world: World) -> None:
    line = await world.login()
    world.client.send(5, "hello @bob")
    line.deliver(ack(await line.asked("message.send"), 2))
    asked = await line.asked("history.get")
    world.client.edit(5, 2, "goodbye @bob")
    line.deliver(ack(await line.asked("message.edit"), 3))
    line.deliver(page(asked, HELLO))
    line.deliver(page(await line.asked("history.get"), {**HELLO, "text": "goodbye @bob", "rev": 3, "edited": 3}))
    await wait_until(lambda: mentions(world) == (2,), "the mention")


async def test_reading_back_ends_when_what_the_server_gives_does_not_fit(world: World) -> None:
    """It was asked for again and again, without end."""
    line = await world.login(conversations=[conversation(head=9)])

    async def answer() -> None:
        while True:
            asked = await line.asked("history.get")
            line.deliver(page(asked, message(3), message(5)))

    answering = asyncio.create_task(answer())
    assert not await asyncio.wait_for(world.client.load_until(5, 2), 10)
    answering.cancel()


BEHIND = conversation(head=9, read=2, unread=5)


async def refreshes(world: World, line: FakeTransport) -> None:
    told = await line.asked("read.mark")
    line.deliver({"type": "ok", "re": told["id"]})
    asked = await line.asked("conversation.list")
    now = conversation(head=9, read=6, unread=2)
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [now], "more": False})
    await wait_until(lambda: world.client.store.conversations[5].unread == 2, "the right count")


async def test_counts_are_asked_for_when_a_session_begins_that_knows_less_of_what_was_read(world: World) -> None:
    await world.login(conversations=[BEHIND])
    world.client.mark_read(5, 6)
    await world.restart()
    line = await world.network.line(1)
    await line.signs_in(conversations=[BEHIND])
    await refreshes(world, line)


async def test_counts_are_asked_for_again_when_the_answer_is_older_than_what_was_read(world: World) -> None:
    line = await world.login(conversations=[BEHIND])
    world.client.mark_read(5, 5)
    told = await line.asked("read.mark")
    line.deliver({"type": "ok", "re": told["id"]})
    asked = await line.asked("conversation.list")
    world.client.mark_read(5, 6)
    before = conversation(head=9, read=5, unread=3)
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [before], "more": False})
    await refreshes(world, line)


async def test_counts_are_asked_for_when_what_was_fetched_has_changed_since_it_was_new(world: World) -> None:
    """It counted whom a message mentions now, not whom it mentioned when it was new."""
    line = await world.login()
    line.deliver(entry(message(4)))
    await wait_until(lambda: min(world.clock.waits) <= ON_THE_WAY + 0.01, "the gap being seen")
    world.clock.advance(ON_THE_WAY + 0.01)
    asked = await line.asked("history.get")
    changed = message(2, "hello @ann", mentions=[1], rev=3, edited=3)
    edit = {"conv": 5, "seq": 3, "kind": "edit", "by": 2, "at": 3, "target": 2, "text": "hello @ann", "mentions": [1]}
    line.deliver(page(asked, changed, edit, message(4)) | {"head": 4})
    asked = await line.asked("conversation.list")
    fresh = conversation(head=4, read=1, unread=2, mentions=0)
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [fresh], "more": False})
    await wait_until(lambda: world.client.store.conversations[5].mentions == 0, "the right count")


async def test_counts_are_asked_for_again_when_the_answer_is_of_an_older_head(world: World) -> None:
    line = await world.login(conversations=[BEHIND])
    world.client.mark_read(5, 6)
    line.deliver({"type": "ok", "re": (await line.asked("read.mark"))["id"]})
    asked = await line.asked("conversation.list")
    line.deliver(entry(message(10)))
    older = conversation(head=9, read=6, unread=2)
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [older], "more": False})
    asked = await line.asked("conversation.list")
    now = conversation(head=10, read=6, unread=3)
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [now], "more": False})
    await wait_until(lambda: world.client.store.conversations[5].unread == 3, "the right count")


TEA = {name: value for name, value in conversation(kind="group", title="tea", role="admin").items() if name != "peer"}


async def test_old_facts_do_not_take_back_which_part_of_a_log_can_be_read(world: World) -> None:
    """Facts that were read before a member was put out and let in again came after it: the tail began anew there."""
    line = await world.login(conversations=[{**TEA, "head": 7, "from": 6}])
    line.deliver(entry({"conv": 5, "seq": 8, "kind": "message", "by": 2, "at": 8, "text": "hello", "rev": 8}))
    line.deliver({"type": "conversation", "conversation": {**TEA, "head": 4, "from": 1, "role": "member"}})
    asked = await line.asked("conversation.list")
    held = world.client.store.conversations[5]
    assert (held.start, held.cursor, held.head, held.role) == (6, 8, 8, "admin")
    now = {**TEA, "head": 8, "from": 6}
    line.deliver({"type": "conversations", "re": asked["id"], "conversations": [now], "more": False})
    line.deliver({"type": "conversation", "conversation": {**TEA, "head": 7, "from": 6, "role": "member"}})
    line.deliver(entry(message(9)))
    await wait_until(lambda: world.client.store.conversations[5].cursor == 9, "the next entry")
    assert world.client.store.conversations[5].role == "admin"


async def test_names_in_what_was_missed_are_asked_for_when_a_session_begins(world: World) -> None:
    group = {"kind": "group", "title": "tea", "role": "member"}
    tea = {name: value for name, value in conversation(**group).items() if name != "peer"}
    line = await world.login(conversations=[tea])
    line = await world.lose(line)
    word = {"conv": 5, "seq": 2, "kind": "message", "by": 9, "at": 2, "text": "hello", "rev": 2}
    missed = [{"conv": 5, "entries": [word], "limited": False}]
    await line.signs_in(conversations=[{**tea, "head": 2}], missed=missed)
    assert (await line.asked("group.members"))["conv"] == 5


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


async def test_a_reaction_is_given_once_to_each_of_those_who_come_back_together(tmp_path: Path) -> None:
    """Their snapshots are read together, and what both have missed in the ranges of both."""
    store = make_store(f"sqlite://{tmp_path / 'chat.db'}", Limits())
    await store.open()
    scene = Scene(store)
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    seq = await scene.say(conv, ann, "hello")
    await scene.done(react(conv, bob, seq, "👍"))
    snapshots = await store.log.snapshots(
        [
            SnapshotRequest(user, None, {conv: cursor}, ROOM)
            for user, cursor in ((ann, seq - 1), (bob, seq - 2), (ann, seq - 1))
        ]
    )
    for snapshot in snapshots:
        entries = {one["seq"]: one for one in from_json(snapshot.missed[0])["entries"]}
        assert entries[seq]["reactions"] == {"👍": [bob]}
    await store.close()
