"""The outbox over the line: in order, once, patient, and honest about what failed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mrccsc_tui.client import RequestError
from mrccsc_tui.state.changes import ConversationGone
from tests.client.fakes import ack, conversation, entry, error, message
from tests.client.party import Party, direct, texts
from tests.client.world import World
from tests.waiting import wait_until
from tests.wire.server import Server


def states(world: World) -> list[str]:
    return [one.state for one in world.client.store.pending(5)]


async def test_messages_are_pipelined_in_order_each_naming_the_one_before(world: World) -> None:
    line = await world.login()
    said = [world.client.send(5, f"word {number}") for number in range(20)]
    await wait_until(lambda: len(line.asks("message.send")) == 8, "a full window")
    flown = line.asks("message.send")
    assert [one["text"] for one in flown] == [f"word {number}" for number in range(8)]
    assert [one.get("after") for one in flown] == [None, *(one.cid for one in said[:7])]
    assert states(world) == ["sent"] * 8 + ["waiting"] * 12
    line.deliver(ack(flown[0], 2), ack(flown[1], 3))
    await wait_until(lambda: len(line.asks("message.send")) == 10, "the next ones")
    assert world.texts() == ["word 0", "word 1"]
    for seq in range(4, 22):
        await wait_until(lambda seq=seq: len(line.asks("message.send")) > seq - 2, "all of them")
        line.deliver(ack(line.asks("message.send")[seq - 2], seq))
    await wait_until(lambda: not world.client.store.pending(5), "everything being stored")
    assert world.texts() == [f"word {number}" for number in range(20)]


async def test_after_a_loss_everything_unanswered_is_sent_again_with_the_same_cid(world: World) -> None:
    line = await world.login()
    said = [world.client.send(5, f"word {number}") for number in range(3)]
    await wait_until(lambda: len(line.asks("message.send")) == 3, "the sending")
    line.deliver(ack(line.asks("message.send")[0], 2))
    await wait_until(lambda: len(states(world)) == 2, "the first one being stored")
    line = await world.lose(line)
    await line.signs_in(conversations=[conversation(head=2)])
    await wait_until(lambda: len(line.asks("message.send")) == 2, "the rest")
    again = line.asks("message.send")
    assert [(one["cid"], one.get("after")) for one in again] == [(said[1].cid, None), (said[2].cid, said[1].cid)]


async def test_a_send_that_must_wait_holds_back_those_behind_it(world: World) -> None:
    line = await world.login()
    for number in range(3):
        world.client.send(5, f"word {number}")
    await wait_until(lambda: len(line.asks("message.send")) == 3, "the sending")
    first, second, third = line.asks("message.send")
    line.deliver(
        error(first, "rate_limited", retry_after=2_000), error(second, "unavailable"), error(third, "unavailable")
    )
    await wait_until(lambda: len(world.clock.waits) >= 2, "waiting")
    assert world.client.store.pending(5)[0].state == "sent"
    world.clock.advance(1.9)
    await asyncio.sleep(0)
    assert len(line.asks("message.send")) == 3
    world.clock.advance(0.5)
    await wait_until(lambda: len(line.asks("message.send")) > 3, "the second try")
    again = line.asks("message.send")[3]
    assert (again["cid"], again.get("after")) == (first["cid"], None)


async def test_a_send_that_is_refused_for_good_stays_and_the_next_goes_on(world: World) -> None:
    line = await world.login()
    failed, good = world.client.send(5, "bad"), world.client.send(5, "good")
    await wait_until(lambda: len(line.asks("message.send")) == 2, "the sending")
    first, second = line.asks("message.send")
    line.deliver(error(first, "forbidden", message="Not\x1b here."), error(second, "unavailable"))
    await wait_until(lambda: len(line.asks("message.send")) == 3, "the second one again")
    again = line.asks("message.send")[2]
    assert (again["cid"], again.get("after")) == (good.cid, None)
    line.deliver(ack(again, 2))
    await wait_until(lambda: world.texts() == ["good"], "the good one")
    left = world.client.store.pending(5)
    assert [(one.cid, one.state, one.code, one.why) for one in left] == [
        (failed.cid, "failed", "forbidden", "Not␛ here.")
    ]
    await world.restart()
    assert [(one.cid, one.why) for one in world.client.store.pending(5)] == [(failed.cid, "Not␛ here.")]
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation(head=2)])
    renewed = world.client.retry(failed.cid)
    assert renewed.cid != failed.cid
    request = await line.asked("message.send")
    assert (request["cid"], request["text"]) == (renewed.cid, "bad")
    with pytest.raises(RequestError):
        world.client.discard(renewed.cid)


async def test_what_changes_a_message_waits_for_all_before_it_and_goes_alone(world: World) -> None:
    line = await world.login(conversations=[conversation(head=1)])
    world.client.send(5, "one")
    world.client.edit(5, 1, "edited")
    world.client.react(5, 1, "👍")
    world.client.send(5, "two")
    sent = await line.asked("message.send")
    assert len([one for one in line.sent if one["type"].startswith("message.")]) == 1
    line.deliver(ack(sent, 2))
    edited = await line.asked("message.edit")
    assert not line.asks("message.react")
    line.deliver(ack(edited, 3))
    reacted = await line.asked("message.react")
    assert (reacted["seq"], reacted["emoji"], reacted["on"]) == (1, "👍", True)
    assert len(line.asks("message.send")) == 1
    line.deliver(ack(reacted, 4))
    line.deliver(ack(await line.asked("message.send"), 5))
    await wait_until(lambda: not world.client.store.pending(5), "everything being stored")
    assert world.client.store.conversations[5].cursor == 5


async def test_what_cannot_be_said_is_refused_before_it_is_kept(world: World) -> None:
    await world.login()
    for text, code in (("  \n ", "invalid"), ("x" * 8_193, "too_large"), ("😀" * 2_049, "too_large")):
        with pytest.raises(RequestError) as refused:
            world.client.send(5, text)
        assert refused.value.code == code
    with pytest.raises(RequestError) as unknown:
        world.client.send(99, "hello")
    assert unknown.value.code == "not_found"
    assert not world.client.store.pending(5)
    kept = world.client.send(5, "lone \udc80 surrogate")
    assert kept.raw == "lone ? surrogate"


async def test_own_words_are_shown_safely_and_kept_as_they_are(world: World) -> None:
    line = await world.login()
    said = world.client.send(5, "\x1b[31mred")
    assert said.text == "␛[31mred"
    request = await line.asked("message.send")
    assert request["text"] == "\x1b[31mred"
    line.deliver(ack(request, 2))
    await wait_until(lambda: world.texts() == ["␛[31mred"], "the message")
    held = world.client.store.message(5, 2)
    assert held is not None
    assert held.raw == "\x1b[31mred"


async def test_when_a_conversation_is_gone_so_is_what_was_to_be_said_there(world: World) -> None:
    line = await world.login()
    world.client.send(5, "too late")
    await line.asked("message.send")
    line.deliver({"type": "conversation.gone", "conv": 5, "reason": "removed"})
    await wait_until(lambda: not world.client.store.conversations, "being gone")
    assert not world.client.store.pendings
    assert world.client.status.waiting == 0
    await world.restart()
    assert not world.client.store.pendings


async def test_words_for_a_conversation_that_is_gone_are_told_and_stay_as_its_draft(world: World) -> None:
    line = await world.login()
    told: list[object] = []
    world.client.subscribe(told.extend)
    line.deliver(entry({"conv": 5, "seq": 2, "kind": "leave", "by": 2, "at": 2, "user": 1, "reason": "removed"}))
    await wait_until(lambda: world.client.store.timeline(5), "the end")
    world.client.set_draft(5, "and a draft")
    for text in ("too late", "much\ntoo late"):
        world.client.send(5, text)
    world.client.react(5, 1, "👍")
    line.deliver({"type": "conversation.gone", "conv": 5, "reason": "removed"})
    await wait_until(lambda: not world.client.store.conversations, "being gone")
    [gone] = [change for change in told if isinstance(change, ConversationGone)]
    assert gone == ConversationGone(5, "Bob", "removed", 2, ("too late", "much\ntoo late"))
    await world.restart()
    assert world.client.draft(5) == "too late\nmuch\ntoo late\nand a draft"


async def test_words_are_kept_where_a_conversation_went_while_away(world: World) -> None:
    line = await world.login()
    told: list[object] = []
    world.client.subscribe(told.extend)
    line.drop()
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    world.client.send(5, "said in the dark")
    world.client.reconnect_now()
    line = await world.network.line(1)
    await line.signs_in(conversations=[], reset=True)
    await wait_until(lambda: not world.client.store.conversations, "being gone")
    [gone] = [change for change in told if isinstance(change, ConversationGone)]
    assert gone == ConversationGone(5, "Bob", unsent=("said in the dark",))
    assert world.client.draft(5) == "said in the dark"


async def test_reacting_without_saying_how_takes_back_what_is_set(world: World) -> None:
    line = await world.login()
    line.deliver({"type": "entry", **message(2, reactions={"👍": [1, 2], "x": [2]})})
    await wait_until(lambda: world.client.store.message(5, 2), "the message")
    assert world.client.react(5, 2, "👍").on is False
    assert world.client.react(5, 2, "x").on is True
    with pytest.raises(RequestError):
        world.client.react(5, 2, "two words")


async def test_a_flood_is_slowed_by_the_servers_limits_and_arrives_whole(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder, limits="sends_rate = 50.0\nsends_burst = 10").start()
    party = Party(server)
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    words = [f"word {number}" for number in range(80)]
    for word in words:
        ann.send(conv, word)
    await wait_until(lambda: texts(bob, conv) == words, "all words")
    await wait_until(lambda: not ann.store.pendings, "everything being stored")
    await party.close()
    assert server.stop() == 0
