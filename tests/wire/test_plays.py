"""Longer plays, with several people on several devices, that read like a script."""

from __future__ import annotations

import asyncio
import random

from tests.wire.client import Client, Frame, cid
from tests.wire.conftest import Stage


async def test_two_people_meet(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")

    # Alice looks for Bob and asks him.
    (found,) = (await alice.ask("user.search", query=bob.username, limit=5))["users"]
    await alice.ask("contact.request", username=found["username"])

    # Bob says yes, and both see each other here.
    request = await bob.sees("contact", contact={"relation": "incoming"})
    friend = await bob.ask("contact.accept", user=request["contact"]["user"]["user"])
    assert friend["contact"]["presence"]["status"] == "online"
    await alice.sees("contact", contact={"relation": "friend", "presence": {"status": "online"}})

    # Alice writes; Bob types, answers, and Alice reads it.
    conv = await alice.opens(bob)
    await bob.sees_next("conversation", conversation={"conv": conv, "peer": alice.id, "unread": 0})
    hello = await alice.says(conv, f"Hello @{bob.username}, tea?")
    await bob.sees_next("entry", seq=hello["seq"], by=alice.id, mentions=[bob.id])
    bob.notify("read.mark", conv=conv, seq=hello["seq"])
    await alice.sees_next("read.marked", conv=conv, user=bob.id, seq=hello["seq"])
    bob.notify("typing", conv=conv)
    await alice.sees_next("typing", conv=conv, user=bob.id)
    answer = await bob.says(conv, "At five.", reply_to=hello["seq"])
    await alice.sees_next("entry", seq=answer["seq"], text="At five.", reply_to=hello["seq"])
    alice.notify("read.mark", conv=conv, seq=answer["seq"])
    await bob.sees_next("read.marked", conv=conv, user=alice.id, seq=answer["seq"])

    # Bob means six; Alice is glad.
    await bob.edits(conv, answer["seq"], "At six.")
    await alice.sees_next("entry", kind="edit", target=answer["seq"], text="At six.")
    await alice.reacts(conv, answer["seq"], "❤️")
    await bob.sees_next("entry", kind="reaction", target=answer["seq"], emoji="❤️", on=True)

    # What a newcomer's device shows is what happened.
    texts = [entry.get("text") for entry in await alice.history(conv)]
    assert texts == [None, f"Hello @{bob.username}, tea?", "At six.", "At six.", None]
    await alice.sees_nothing()
    await bob.sees_nothing()


async def test_a_group_through_its_life(stage: Stage) -> None:
    alice, bob, carol, dave = await stage.friends("alice", "bob", "carol", "dave")
    phone = await bob.other_device()

    conv = await alice.founds("Book club", bob, carol)
    await phone.sees("conversation", conversation={"conv": conv, "role": "member"})
    await phone.sees("entry", conv=conv, kind="join", user=bob.id)

    first = await alice.says(conv, "Chapter one?")
    for one in (bob, phone, carol):
        await one.sees("entry", conv=conv, seq=first["seq"])

    # Bob answers on his phone; his laptop sees it as well.
    reply = await phone.says(conv, "Read it.")
    await bob.sees("entry", conv=conv, seq=reply["seq"], by=bob.id)

    # Dave comes later and does not see what was before.
    await bob.ask("group.invite", conv=conv, user=alice.id)  # Nothing changes: she is there.
    await alice.ask("group.invite", conv=conv, user=dave.id)
    await dave.sees("entry", conv=conv, kind="join", user=dave.id)
    assert [entry["kind"] for entry in await dave.history(conv)] == ["join"]

    # Carol becomes an admin, cleans up, and puts Dave out.
    await alice.ask("group.role", conv=conv, user=carol.id, role="admin")
    spam = await dave.says(conv, "Buy my stuff")
    await carol.deletes(conv, spam["seq"])
    await carol.ask("group.ban", conv=conv, user=dave.id)
    await dave.sees("entry", conv=conv, kind="role", user=carol.id)
    await dave.sees("entry", conv=conv, kind="delete", target=spam["seq"])
    await dave.sees("entry", conv=conv, kind="leave", user=dave.id, reason="banned")
    await dave.sees("conversation.gone", conv=conv, reason="banned")
    await alice.says(conv, "Thanks, Carol")
    await dave.sees_no("entry", conv=conv)

    # Alice hands over and goes; the group lives on.
    await alice.ask("group.role", conv=conv, user=carol.id, role="owner")
    await alice.ask("group.leave", conv=conv)
    await bob.sees("entry", conv=conv, kind="leave", user=alice.id, reason="left")
    conversation = await carol.conversation(conv)
    assert (conversation["role"], conversation["members"]) == ("owner", 2)


async def test_a_train_through_tunnels(stage: Stage) -> None:
    """Bob's line breaks again and again while Alice talks; in the end he has every word, once and in order."""
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    log: dict[int, Frame] = {}
    cursor = 1
    seats = random.Random(1)
    for ride in range(12):
        wagon = await bob.another(epoch=bob.epoch, cursors={str(conv): cursor})
        for part in wagon.ready["missed"]:
            assert part["limited"] is False
            for entry in part["entries"]:
                assert entry["seq"] == cursor + 1
                log[entry["seq"]] = entry
                cursor = entry["seq"]
        for number in range(seats.randrange(1, 8)):
            ack = await alice.says(conv, f"ride {ride}, word {number}")
            entry = await wagon.sees_next("entry", conv=conv, seq=cursor + 1)
            log[entry["seq"]] = entry
            cursor = ack["seq"]
        wagon.abort()
        for number in range(seats.randrange(0, 8)):
            await alice.says(conv, f"tunnel {ride}, word {number}")
    history = await alice.history(conv)
    assert [log[entry["seq"]]["text"] for entry in history[1:] if entry["seq"] <= cursor] == [
        entry["text"] for entry in history[1:] if entry["seq"] <= cursor
    ]


async def test_everyone_agrees_after_a_noisy_evening(stage: Stage) -> None:
    """Random acts by four people; then every observer's own record equals what the server tells a newcomer."""
    people = await stage.friends("alice", "bob", "carol", "dave")
    alice = people[0]
    conv = await alice.founds("noise", *people[1:])
    base = {one.name: max(entry["seq"] for entry in await one.history(conv)) for one in people}
    chance = random.Random(7)
    for one in people:
        one.lines.clear()
    messages: list[int] = []

    async def act(one: Client) -> None:
        choice = chance.random()
        if choice < 0.5 or not messages:
            messages.append((await one.says(conv, f"{one.name} {chance.random()}"))["seq"])
        elif choice < 0.7:
            mark = {"seq": chance.choice(messages), "emoji": chance.choice("👍👎🎉"), "on": chance.random() < 0.7}
            await one.answer("message.react", conv=conv, cid=cid(), **mark)
        elif choice < 0.85:
            await one.answer("message.edit", conv=conv, cid=cid(), seq=chance.choice(messages), text="edited")
        else:
            await one.answer("message.delete", conv=conv, cid=cid(), seq=chance.choice(messages))

    for _ in range(60):
        await asyncio.gather(*(act(one) for one in people))
    for one in people:
        await one.settle()
    whole = {entry["seq"]: entry for entry in await alice.history(conv, after=0)}
    while (more := await alice.history(conv, after=max(whole))) != []:
        whole |= {entry["seq"]: entry for entry in more}
    head = max(whole)
    assert sorted(whole) == list(range(1, head + 1))
    for one in people:
        seen = [line["seq"] for line in one.lines if line["type"] in ("entry", "ack") and not line.get("duplicate")]
        assert seen == list(range(base[one.name] + 1, head + 1)), one.name
        for line in one.lines:
            if line["type"] == "entry":
                stored = whole[line["seq"]]
                assert {key: stored.get(key) for key in ("kind", "by", "at", "cid")} == {
                    key: line.get(key) for key in ("kind", "by", "at", "cid")
                }
    replayed = replay(sorted(whole.values(), key=lambda entry: entry["seq"]))
    for seq, state in replayed.items():
        assert bool(whole[seq].get("deleted")) == state["deleted"]
        assert {key: sorted(users) for key, users in whole[seq].get("reactions", {}).items()} == state["reactions"]
        assert whole[seq]["rev"] == state["rev"]


def replay(log: list[Frame]) -> dict[int, Frame]:
    """What the changes in the log make of each message."""
    state: dict[int, Frame] = {}
    for entry in log:
        kind, target = entry["kind"], state.get(entry.get("target", 0))
        if kind == "message":
            state[entry["seq"]] = {"deleted": False, "reactions": {}, "rev": entry["seq"]}
        elif target is None:
            continue
        elif kind == "delete":
            target |= {"deleted": True, "reactions": {}, "rev": entry["seq"]}
        elif kind == "edit":
            target["rev"] = entry["seq"]
        elif kind == "reaction":
            users = set(target["reactions"].get(entry["emoji"], ()))
            users = users | {entry["by"]} if entry["on"] else users - {entry["by"]}
            target["reactions"] = {
                emoji: ids for emoji, ids in (target["reactions"] | {entry["emoji"]: sorted(users)}).items() if ids
            }
            target["rev"] = entry["seq"]
    return state
