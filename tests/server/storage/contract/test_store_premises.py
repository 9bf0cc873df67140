"""What a node supposes of a conversation that it has just written to holds only as long as nobody else changes it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Remove
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Store
from mrccsc_shared.errors import ErrorCode
from tests.server.storage.scene import Opener, Scene, edit, invite, join, leave, new_cid, react, send, sign


async def change(store: Store, sql: str, *values: Any) -> None:
    """Change the tables behind the back of all stores."""
    await store.log._database.write(lambda transaction: transaction.execute(sql, *values))  # type: ignore[attr-defined]


async def test_nodes_that_do_not_hear_of_each_other_take_turns(opened: Opener) -> None:
    chance = random.Random(5)
    async with opened() as one, opened() as two:
        scene = Scene(one)
        users = await scene.users("ann", "bob", "cid")
        convs = [await scene.group(*users) for _ in range(3)]
        said = dict.fromkeys(convs, 0)
        for number in range(60):
            batch = [
                send(chance.choice(convs), chance.choice(users), f"{number} {part}")
                for part in range(chance.randint(1, 4))
            ]
            outcomes = await chance.choice([one, two]).log.append(batch)
            assert all(isinstance(outcome, Stored) for outcome in outcomes)
            for op in batch:
                said[op.conv] += 1
        for conv in convs:
            log = await scene.log(conv)
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            assert sum(entry["kind"] == "message" for entry in log) == said[conv]
            own = {user: sum(entry["by"] == user and entry["kind"] == "message" for entry in log) for user in users}
            for user in users:
                assert (await scene.view(conv, user))["unread"] == said[conv] - own[user]


async def test_a_friendship_that_ends_on_another_node_closes_the_conversation(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.direct(ann, bob)
        await scene.say(conv, ann, "one")
        await scene.say(conv, ann, "two")
        await two.contacts.act(ContactAct.REMOVE, bob, ann)
        assert await scene.refused(send(conv, ann, "three")) == ErrorCode.FORBIDDEN
        await Scene(two).befriend(ann, bob)
        assert await scene.say(conv, ann, "four") == 4


async def test_who_is_removed_on_another_node_says_no_more(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.group(ann, bob)
        await scene.say(conv, bob, "one")
        await scene.say(conv, bob, "two")
        removal = sign(Remove(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob))
        await Scene(two).done(removal)
        assert await scene.refused(send(conv, bob, "three")) == ErrorCode.NOT_FOUND
        assert (await scene.log(conv))[-1]["kind"] == "leave"


async def test_one_conversation_that_has_changed_fails_none_of_its_batch(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        convs = [await scene.group(ann, bob) for _ in range(5)]
        await scene.done(*(send(conv, ann, "one") for conv in convs))
        await Scene(two).say(convs[2], bob, "between")
        entries = await scene.done(*(send(conv, ann, "two") for conv in convs for _ in range(2)))
        assert [entry["seq"] for entry in entries] == [4, 5, 4, 5, 5, 6, 4, 5, 4, 5]


async def test_a_log_that_was_cut_short_gets_no_hole(opened: Opener) -> None:
    """As when the database fails over to a replica that had not everything yet."""
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.direct(ann, bob)
        for text in ("one", "two", "three"):
            await scene.say(conv, ann, text)
        await change(two, "DELETE FROM entry WHERE conv = ? AND seq = 4", conv)
        await change(two, "UPDATE conversation SET head = 3, messages = 2 WHERE conv = ?", conv)
        await change(two, "UPDATE member SET sent = 2 WHERE conv = ? AND user = ?", conv, ann)
        assert await scene.say(conv, ann, "three again") == 4
        assert [entry["text"] for entry in (await scene.log(conv))[1:]] == ["one", "two", "three again"]


async def test_a_conversation_that_is_no_more_is_not_found(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.direct(ann, bob)
        await scene.say(conv, ann, "one")
        for table in ("entry", "member", "search_mark", "conversation"):
            await change(two, f"DELETE FROM {table} WHERE conv = ?", conv)
        assert await scene.refused(send(conv, ann, "two")) == ErrorCode.NOT_FOUND
        assert await one.log.heads([conv]) == {}
        assert await one.log.range(conv, 0, 9) == []


async def test_all_that_is_done_between_messages_counts(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.group(ann, bob)
    await scene.befriend(ann, cid)
    await scene.say(conv, ann, "one")
    entries = await scene.done(
        send(conv, ann, "two"), react(conv, bob, 3, "👍"), edit(conv, ann, 3, "uno"), send(conv, bob, "three")
    )
    assert [entry["seq"] for entry in entries] == [4, 5, 6, 7]
    assert (await scene.done(invite(conv, ann, cid), send(conv, cid, "hello")))[1]["seq"] == 9
    await scene.say(conv, cid, "again")
    await scene.done(leave(conv, cid))
    assert await scene.refused(send(conv, cid, "and again")) == ErrorCode.NOT_FOUND
    await scene.done(join(conv, cid))
    assert await scene.say(conv, cid, "back") == 13
    await scene.store.conversations.mark_read(conv, ann, 9, unread=False)
    await scene.say(conv, ann, "last")
    assert (await scene.view(conv, ann))["unread"] == 2  # "again" and "back".
    assert (await scene.view(conv, ann))["read"] == 9


async def test_a_retry_is_known_by_who_supposes(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    first = send(conv, ann, "one")
    await scene.done(first)
    await scene.say(conv, ann, "two")
    outcomes = await scene.store.log.append([send(conv, ann, "three"), first])
    assert isinstance(outcomes[0], Stored)
    assert getattr(outcomes[1], "seq", None) == 2
    assert [entry["text"] for entry in (await scene.log(conv))[1:]] == ["one", "two", "three"]


@pytest.mark.parametrize("after_a_word", [True, False])
async def test_hearing_of_another_node_leads_to_the_same(opened: Opener, after_a_word: bool) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.direct(ann, bob)
        await scene.say(conv, ann, "one")
        if after_a_word:
            await Scene(two).say(conv, bob, "two")
        one.log.heard(conv)
        assert await scene.say(conv, ann, "three") == 3 + after_a_word
        assert await scene.say(conv, ann, "four") == 4 + after_a_word


async def test_what_is_said_and_what_else_is_done_are_told_in_their_order(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    one, two, three = [await scene.group(ann, bob) for _ in range(3)]
    await scene.done(*(send(conv, user, "first") for conv in (one, two, three) for user in (ann, bob)))
    last = send(three, ann, "last")
    entries = await scene.done(
        send(one, ann, "a"),
        react(two, bob, 3, "👍"),
        last,
        send(two, ann, "b"),
        send(one, bob, "c"),
        send(three, ann, "d", after=last.cid),
    )
    assert [(entry["conv"], entry["seq"], entry.get("text")) for entry in entries] == [
        (one, 5, "a"),
        (two, 5, None),
        (three, 5, "last"),
        (two, 6, "b"),
        (one, 6, "c"),
        (three, 6, "d"),
    ]
    assert (await scene.view(one, ann))["unread"] == 2
    assert (await scene.log(three))[4:] == [entries[2], entries[5]]


@pytest.mark.parametrize("text", ["it's", "a\\b", "nul\0", "'\\'", '"安" -- /* ; ?', "%s {}"])
async def test_any_text_is_said_as_it_is(scene: Scene, text: str) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    await scene.say(conv, ann, "first")
    await scene.done(send(conv, ann, text))
    await scene.done(*(send(conv, ann, part) for part in ("plain", text, "plain")))
    assert [entry["text"] for entry in (await scene.log(conv))[2:]] == [text, "plain", text, "plain"]
