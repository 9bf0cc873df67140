"""A server that was set back to a backup: nothing that names an entry of the old log reaches the new one."""

from __future__ import annotations

from mrccsc_tui.engine.marks import GATHER
from tests.client.fakes import conversation, entry, message
from tests.client.world import World
from tests.waiting import wait_until

BEFORE = [conversation(head=9, read=1, unread=8)]
AFTER = [conversation(head=4, read=1, unread=3)]


async def test_no_read_mark_of_the_old_log_is_told(world: World) -> None:
    line = await world.login(conversations=BEFORE)
    line.deliver(entry(message(10, "read")))
    await wait_until(lambda: world.texts() == ["read"], "the entry")
    world.client.mark_read(5, 10)
    line = await world.lose(line)
    await line.signs_in(reset=True, epoch="e2", conversations=AFTER)
    await wait_until(lambda: world.client.status.online, "being online")
    world.client.mark_read(5, 3)
    await wait_until(lambda: any(0.2 < wait <= GATHER for wait in world.clock.waits), "gathering")
    world.clock.advance(1)
    assert (await line.asked("read.mark"))["seq"] == 3
    assert world.client.store.conversations[5].read == 3


async def test_what_names_an_entry_is_held_back_and_the_rest_is_sent(world: World) -> None:
    line = await world.login(conversations=BEFORE)
    line.deliver(entry(message(10, "mine", by=1)))
    await wait_until(lambda: world.texts() == ["mine"], "the entry")
    line = await world.lose(line)
    world.client.send(5, "plain")
    world.client.send(5, "answer", reply_to=10)
    world.client.edit(5, 10, "changed")
    world.client.react(5, 10, "👍", True)
    world.client.delete(5, 10)
    await line.signs_in(reset=True, epoch="e2", conversations=AFTER)
    assert (await line.asked("message.send"))["text"] == "plain"
    assert not [one for kind in ("edit", "react", "delete") for one in line.asks(f"message.{kind}")]
    held = world.client.store.pending(5)
    assert [one.state for one in held] == ["sent", "failed", "failed", "failed", "failed"]
    assert {one.why for one in held[1:]} == {
        "The server was set back to a backup since; look whether this still fits, and try again."
    }
    # They are not sent at the next start either, save when the user wants it.
    await world.restart()
    line = await world.network.line(2)
    await line.signs_in(epoch="e2", conversations=AFTER)
    assert (await line.asked("message.send"))["text"] == "plain"
    assert [one.state for one in world.client.store.pending(5)][1:] == ["failed"] * 4


async def test_where_the_epoch_is_the_same_all_is_sent(world: World) -> None:
    line = await world.login(conversations=BEFORE)
    line.deliver(entry(message(10, "mine", by=1)))
    await wait_until(lambda: world.texts() == ["mine"], "the entry")
    line = await world.lose(line)
    world.client.edit(5, 10, "changed")
    await line.signs_in(conversations=[conversation(head=10, read=1, unread=9)])
    assert (await line.asked("message.edit"))["seq"] == 10
