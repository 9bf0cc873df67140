"""The line of a whole client, against a server under the test's hand: losing it, coming back, catching up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mrccsc_shared.codec import decode_frame, encode
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Profile
from mrccsc_tui.profile import load_session
from tests.client.fakes import (
    BOB,
    WELCOME,
    ack,
    conversation,
    entry,
    error,
    message,
    ready,
)
from tests.client.world import World
from tests.waiting import wait_until


async def online(world: World) -> None:
    await wait_until(lambda: world.client.status.online, "being online")


async def test_a_session_is_resumed_with_the_epoch_and_where_each_tail_ends(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(2)), entry(message(3)))
    await wait_until(lambda: world.client.store.conversations[5].cursor == 3, "the entries")
    line = await world.lose(line)
    request = await line.signs_in(conversations=[conversation(head=4, unread=3, read=1)])
    assert request["type"] == "session.resume"
    assert (request["token"], request["epoch"], request["cursors"]) == ("token-1", "e1", {"5": 3})


async def test_what_was_missed_joins_and_is_counted_once(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(2, "two")))
    await wait_until(lambda: world.texts() == ["two"], "the entry")
    line = await world.lose(line)
    missed = [{"conv": 5, "entries": [message(3, "three"), message(4, "four")], "limited": False}]
    await line.signs_in(conversations=[conversation(head=4, read=1, unread=3)], missed=missed)
    await online(world)
    assert world.texts() == ["two", "three", "four"]
    assert world.client.store.conversations[5].unread == 3
    line.deliver(entry(message(4, "four")), entry(message(5, "five")))
    await wait_until(lambda: world.texts()[-1] == "five", "the next entry")
    assert world.texts() == ["two", "three", "four", "five"]
    assert world.client.store.conversations[5].unread == 4


async def test_when_too_much_was_missed_the_tail_begins_anew(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(2, "two")))
    await wait_until(lambda: world.texts() == ["two"], "the entry")
    line = await world.lose(line)
    missed = [{"conv": 5, "entries": [message(99, "old"), message(100, "new")], "limited": True}]
    await line.signs_in(conversations=[conversation(head=100, read=1, unread=99)], missed=missed)
    await online(world)
    assert world.texts() == ["old", "new"]
    held = world.client.store.conversations[5]
    assert (held.tail_start, held.cursor, held.unread, held.more_before) == (99, 100, 99, True)


async def test_another_epoch_voids_all_that_was_held_on_disk_too(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(2, "void")))
    await wait_until(lambda: world.texts() == ["void"], "the entry")
    await world.restart()
    line = await world.network.line(1)
    await line.signs_in(reset=True, epoch="e2", conversations=[conversation(head=2)])
    await online(world)
    assert world.texts() == []
    older = world.client.load_older(5)
    loading = asyncio.create_task(older)
    request = await line.asked("history.get")
    assert request["before"] == 3
    page = {"type": "history.page", "re": request["id"], "conv": 5, "head": 2, "more": False}
    line.deliver({**page, "entries": [{"conv": 5, "seq": 1, "kind": "create", "by": 1, "at": 1}, message(2, "true")]})
    await loading
    assert world.texts() == ["true"]


async def test_conversations_that_are_not_in_the_list_any_more_are_gone(world: World) -> None:
    both = [conversation(5), conversation(6, title="Tea", kind="group")]
    line = await world.login(conversations=both)
    assert set(world.client.store.conversations) == {5, 6}
    line = await world.lose(line)
    await line.signs_in(conversations=[conversation(5)], more=True)
    request = await line.asked("conversation.list")
    assert request["after"] == 5
    assert set(world.client.store.conversations) == {5, 6}
    line.deliver({"type": "conversations", "re": request["id"], "conversations": [conversation(7)], "more": False})
    await wait_until(lambda: set(world.client.store.conversations) == {5, 7}, "the rest of the list")


def waits_for_its_next_try(world: World) -> bool:
    """It has said until when, and the clock knows of it: what sleeps a moment later would sleep from another time."""
    due = world.client.status.next_try_at
    return due is not None and due > world.clock.time and due - world.clock.time in world.clock.waits


async def test_waits_between_tries_grow_and_are_said_in_words(world: World) -> None:
    line = await world.login()
    world.network.down = True
    line.drop()
    waits = []
    for tries in range(2, 10):
        await wait_until(lambda: waits_for_its_next_try(world), "waiting for the next try")
        due = world.client.status.next_try_at
        assert due is not None
        waits.append(due - world.clock.time)
        world.clock.advance(due - world.clock.time)
        await wait_until(lambda tries=tries: world.network.tries == tries, "the next try")
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    words = world.client.status.words(world.client.now())
    assert words == "offline, next try in 15 s (Nothing listens at chat.example:443.)"


async def test_the_server_says_when_to_come_back(world: World) -> None:
    line = await world.login()
    line.deliver({"type": "closing", "code": "going_away", "reason": "Moving.", "reconnect": True, "after": 7_000})
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    due = world.client.status.next_try_at
    assert due is not None
    assert 7.0 <= due - world.clock.time <= 8.0


async def test_a_busy_server_is_asked_again_when_it_says(world: World) -> None:
    line = await world.login()
    line = await world.lose(line)
    line.deliver({**_welcome(), "node": "n2"})
    request = await line.asked("session.resume")
    line.deliver(error(request, "rate_limited", retry_after=3_000))
    await wait_until(lambda: world.client.status.phase == "offline", "waiting")
    due = world.client.status.next_try_at
    assert due is not None
    assert 3.0 <= due - world.clock.time <= 4.0
    assert world.client.has_token


@pytest.mark.parametrize("how", ["closing", "refusal"])
async def test_a_session_that_is_over_is_forgotten_but_not_what_was_said(world: World, how: str) -> None:
    line = await world.login()
    world.client.send(5, "keep me")
    await line.asked("message.send")
    line = await world.lose(line)
    if how == "closing":
        await line.signs_in()
        line.deliver({"type": "closing", "code": "revoked", "reason": "Ended elsewhere.", "reconnect": False})
    else:
        line.deliver(_welcome())
        line.deliver(error(await line.asked("session.resume"), "unauthenticated"))
    await wait_until(lambda: world.client.status.phase == "stopped", "the line being given up")
    await wait_until(lambda: not world.client.has_token, "being signed out")
    assert load_session("ann") is None
    assert [one.text for one in world.client.store.pending(5)] == ["keep me"]
    assert "signed out" in world.client.status.words(0)


async def test_a_token_is_shown_only_to_the_server_that_gave_it(world: World) -> None:
    await world.login()
    await world.client.stop()
    other = Profile("ann", "evil.example", 443, tls=True)
    world.client = ChatClient(other, connect=world.network.dial, clock=world.clock)
    await world.client.start()
    assert not world.client.has_token
    assert world.network.tries == 1
    plain = ChatClient(Profile("ann", "chat.example", 443), keep=False, connect=world.network.dial)
    await plain.start()
    assert not plain.has_token
    await plain.stop()


async def test_a_gap_is_closed_once_and_what_is_ahead_waits(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(4, "four")), entry(message(5, "five")))
    await wait_until(lambda: world.client.store.gap(5) == 1, "the gap")
    assert world.texts() == []
    world.clock.advance(1)
    request = await line.asked("history.get")
    assert (request["after"], request["conv"]) == (1, 5)
    line.deliver(entry(message(6, "six")))
    page = {"type": "history.page", "re": request["id"], "conv": 5, "head": 4, "more": True}
    line.deliver({**page, "entries": [message(2, "two"), message(3, "three")]})
    await wait_until(lambda: world.texts() == ["two", "three", "four", "five", "six"], "everything")
    assert len(line.asks("history.get")) == 1
    assert world.client.store.conversations[5].unread == 5


async def test_entries_of_a_conversation_that_is_not_known_yet_wait_for_it(world: World) -> None:
    line = await world.login()
    line.deliver(entry(message(8, "early", conv=9)))
    line.deliver({"type": "conversation", "conversation": conversation(9, head=7, peer=3)})
    await wait_until(lambda: 9 in world.client.store.conversations, "the conversation")
    assert [row.seq for row in world.client.store.timeline(9)] == [8]
    assert world.client.store.conversations[9].unread == 1


async def test_a_resume_line_is_never_too_long_and_names_what_is_latest(world: World) -> None:
    many = [conversation(10**12 + n, head=10**9, last=message(10**9, conv=10**12 + n, at=n)) for n in range(4_000)]
    for one in many:
        one["last"]["at"] = one["conv"] % 10**12
    line = await world.login(conversations=[])
    for at in range(0, 4_000, 400):
        line.deliver(*({"type": "conversation", "conversation": one} for one in many[at : at + 400]))
    await wait_until(lambda: len(world.client.store.conversations) == 4_000, "the conversations")
    line = await world.lose(line)
    request = await line.signs_in()
    assert len(json.dumps(request, separators=(",", ":"))) < 65_536
    assert len(request["cursors"]) > 2_000
    assert str(10**12 + 3_999) in request["cursors"]
    assert str(10**12) not in request["cursors"]


async def test_requests_that_lost_the_line_are_repeated_with_the_same_cid(world: World) -> None:
    line = await world.login()
    making = asyncio.create_task(world.client.create_group("Tea"))
    first = await line.asked("group.create")
    line = await world.lose(line)
    await line.signs_in()
    second = await line.asked("group.create")
    assert second["cid"] == first["cid"]
    made = conversation(9, kind="group", title="Tea", role="owner")
    line.deliver({"type": "conversation", "re": second["id"], "conversation": made})
    assert (await making).conv == 9


async def test_requests_without_a_line_are_refused_at_once(world: World) -> None:
    await world.client.start()
    with pytest.raises(RequestError) as offline:
        await world.client.search("tea")
    assert offline.value.code == "offline"


async def test_a_group_that_was_joined_and_left_on_another_device_does_not_come_back(world: World) -> None:
    line = await world.login()
    joining = asyncio.create_task(world.client.join_group(9))
    request = await line.asked("group.join")
    found = conversation(9, 7, kind="group", title="open", visibility="public", members=1)
    line.deliver({"type": "conversation", "re": request["id"], "conversation": found})
    with pytest.raises(RequestError, match="not in it any more"):
        await joining
    assert 9 not in world.client.store.conversations


async def test_without_a_line_presences_are_not_known(world: World) -> None:
    presence = {"user": 2, "status": "online"}
    line = await world.login(friends=[{"user": BOB, "relation": "friend", "presence": presence}])
    assert world.client.store.contacts[2].presence is not None
    line.drop()
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    assert world.client.store.presence(2) is None
    assert world.client.store.contacts[2].presence is None


async def test_an_own_word_that_was_stored_before_the_line_broke_is_shown_once(world: World) -> None:
    line = await world.login()
    world.client.send(5, "once")
    request = await line.asked("message.send")
    line = await world.lose(line)
    mine = message(2, "once", by=1, cid=request["cid"])
    missed = [{"conv": 5, "entries": [mine], "limited": False}]
    await line.signs_in(conversations=[conversation(head=2)], missed=missed)
    await online(world)
    assert world.texts() == ["once"]
    assert world.client.store.pending(5) == ()
    assert line.asks("message.send") == []


async def test_a_duplicate_acknowledgement_settles_and_changes_nothing_else(world: World) -> None:
    line = await world.login()
    world.client.send(5, "again")
    line.deliver(ack(await line.asked("message.send"), 1, duplicate=True))
    await wait_until(lambda: world.client.store.pending(5) == (), "the acknowledgement")
    assert world.texts() == []


async def test_read_marks_made_offline_are_told_when_the_line_is_back(world: World) -> None:
    line = await world.login(conversations=[conversation(head=9, read=1, unread=8)])
    line.drop()
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    world.client.mark_read(5, 9)
    assert world.client.store.conversations[5].unread == 0
    await world.restart()
    assert world.client.store.conversations[5].read == 9
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation(head=9, read=1, unread=8)])
    await online(world)
    assert world.client.store.conversations[5].unread == 0
    world.clock.advance(1)
    told = await line.asked("read.mark")
    assert (told["conv"], told["seq"]) == (5, 9)


def _welcome() -> dict[str, Any]:
    return dict(WELCOME)


def test_ready_is_what_a_server_says() -> None:
    assert decode_frame(encode(ready({"id": 1, "type": "session.login"}))) is not None


async def test_what_nobody_looks_at_does_not_grow_in_memory(world: World) -> None:
    line = await world.login()
    for seq in range(2, 1_200):
        line.deliver(entry(message(seq)))
    await wait_until(lambda: world.client.store.conversations[5].cursor == 1_199, "the entries")
    held = world.client.store.conversations[5]
    assert len(world.texts()) < 1_000
    assert (held.unread, held.tail_start) == (1_198, world.client.store.timeline(5)[0].seq)
    loading = asyncio.create_task(world.client.load_older(5, 30))
    request = await line.asked("history.get")
    assert request["before"] == held.tail_start
    page = [message(seq) for seq in range(held.tail_start - 30, held.tail_start)]
    line.deliver(
        {"type": "history.page", "re": request["id"], "conv": 5, "entries": page, "head": 1_199, "more": True},
    )
    assert await loading
    assert world.client.store.conversations[5].tail_start < held.tail_start
