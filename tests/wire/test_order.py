"""What one connection asks of a group at once: it is decided in that order, and answered so that it can be followed."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from tests.wire.client import Client, Frame, cid
from tests.wire.conftest import Stage

TURNS = 20

NUMBERS = itertools.count(1_000_000)
"""Ids that no other request has."""


async def pipeline(person: Client, *requests: tuple[str, dict[str, Any]]) -> list[Frame]:
    """The answers to requests that come in one segment."""
    numbers = [next(NUMBERS) for _ in requests]
    answers = [person.expect_answer(number) for number in numbers]
    lines = [{"type": kind, "id": id_, **fields} for id_, (kind, fields) in zip(numbers, requests, strict=True)]
    await person.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return [await person.wait(answer) for answer in answers]


def shown(person: Client, conv: int) -> list[tuple[str, object]]:
    """What a connection was told of being in a group or not, in that order."""
    told: list[tuple[str, object]] = []
    for line in person.lines:
        if line["type"] == "conversation" and line["conversation"]["conv"] == conv:
            told.append(("in" if "role" in line["conversation"] else "out", line["conversation"]["head"]))
        elif line["type"] == "conversation.gone" and line["conv"] == conv:
            told.append(("out", line["reason"]))
    return told


async def test_what_is_said_after_joining_is_said_by_a_member(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    said = {"conv": conv, "cid": cid(), "text": "hello"}
    joined, ack = await pipeline(bob, ("group.join", {"conv": conv}), ("message.send", said))
    assert (joined["type"], ack["type"]) == ("conversation", "ack")
    assert ack["seq"] == joined["conversation"]["head"] + 1
    kinds = [line["type"] for line in bob.lines if line["type"] in ("entry", "conversation", "ack")]
    assert kinds == ["entry", "conversation", "ack"]


async def test_what_is_said_after_leaving_is_refused(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("open", bob, visibility="public")
    said = {"conv": conv, "cid": cid(), "text": "still here"}
    left, refused = await pipeline(bob, ("group.leave", {"conv": conv}), ("message.send", said))
    assert (left["type"], refused.get("code")) == ("ok", "not_found")
    assert "still here" not in [entry.get("text") for entry in await alice.history(conv)]


async def test_what_is_said_after_a_removal_is_not_for_the_one_removed(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    for act in ("group.remove", "group.ban"):
        conv = await alice.founds("open", bob, visibility="public")
        said = {"conv": conv, "cid": cid(), "text": "without bob"}
        done, ack = await pipeline(alice, (act, {"conv": conv, "user": bob.id}), ("message.send", said))
        assert (done["type"], ack["type"]) == ("ok", "ack")
        gone = await bob.sees("entry", conv=conv, kind="leave", user=bob.id)
        assert ack["seq"] == gone["seq"] + 1
        await bob.sees_no("entry", conv=conv, kind="message")


async def test_the_order_of_changes_and_words_is_that_of_the_lines(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("first", bob)
    asked: list[tuple[str, dict[str, Any]]] = []
    for number in range(10):
        asked.append(("group.update", {"conv": conv, "title": f"title {number}"}))
        asked.append(("message.send", {"conv": conv, "cid": cid(), "text": f"text {number}"}))
    for answer in await pipeline(alice, *asked):
        assert answer["type"] in ("ok", "ack")
    entries = (await alice.history(conv))[-len(asked) :]
    assert [entry.get("title", entry.get("text")) for entry in entries] == [
        fields.get("title", fields.get("text")) for _, fields in asked
    ]


async def test_who_leaves_at_once_is_told_of_being_in_before_being_told_of_being_out(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    for _ in range(TURNS):
        joined, left = await pipeline(bob, ("group.join", {"conv": conv}), ("group.leave", {"conv": conv}))
        assert (joined["type"], left["type"]) == ("conversation", "ok")
        await bob.sees("conversation.gone", conv=conv)
    told = [state for state, _ in shown(bob, conv)]
    assert told == ["in", "out"] * TURNS


async def test_who_is_removed_while_joining_does_not_believe_to_be_in(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    for _ in range(TURNS):
        joining, removing = bob.post("group.join", conv=conv), alice.post("group.remove", conv=conv, user=bob.id)
        await asyncio.gather(bob.wait(joining), alice.wait(removing))
        await bob.settle()
        is_in = any(
            member["user"]["user"] == bob.id
            for member in (await alice.ask("group.members", conv=conv, limit=10))["members"]
        )
        assert shown(bob, conv)[-1][0] == ("in" if is_in else "out"), shown(bob, conv)
        if is_in:
            await bob.ask("group.leave", conv=conv)


async def test_who_asks_again_for_a_group_and_leaves_it_does_not_believe_to_be_in(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    for _ in range(TURNS):
        founding, joining = cid(), cid()
        found = {"cid": founding, "title": "open", "visibility": "public"}
        conv = (await alice.ask("group.create", **found))["conversation"]["conv"]
        await bob.ask("group.join", conv=conv, cid=joining)
        await pipeline(bob, ("group.join", {"conv": conv, "cid": joining}), ("group.leave", {"conv": conv}))
        await pipeline(alice, ("group.create", found), ("group.leave", {"conv": conv}))
        for person in (alice, bob):
            await person.settle()
            assert shown(person, conv)[-1][0] == "out", shown(person, conv)
