"""Reactions: judged by what stands, whatever has been taken back, and never more than a line holds."""

from __future__ import annotations

import pytest

from mrccsc_server.domain import messages
from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_shared.codec import encode_entry
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_REACTION_KINDS, MAX_REACTIONS, MAX_SERVER_LINE
from tests.server.storage.scene import ROOM, Scene, delete, join, react

EMOJI = ["👍", "👩‍👩‍👧‍👦", "'", '"', "\\", "%", "é" + "\u0301" * 15, "E", "e"]
KINDS = [chr(ord("a") + number) for number in range(MAX_REACTION_KINDS)]
BATCH = 500


async def outcomes(scene: Scene, *operations: Operation) -> list[Stored | Duplicate | ErrorCode]:
    found = await scene.store.log.append(operations)
    return [outcome.code if isinstance(outcome, Refusal) else outcome for outcome in found]


async def crowd(scene: Scene, count: int) -> tuple[int, list[int], int]:
    """A group of that many, and the seq of a message in it."""
    users = await scene.users(*(f"u{number}" for number in range(count)))
    conv = await scene.group(users[0])
    await scene.done(*(join(conv, user) for user in users[1:]))
    return conv, users, await scene.say(conv, users[0], "hello")


async def react_all(scene: Scene, conv: int, users: list[int], seq: int) -> None:
    """Each with every kind."""
    wanted = [react(conv, user, seq, emoji) for user in users for emoji in KINDS]
    for start in range(0, len(wanted), BATCH):
        await scene.done(*wanted[start : start + BATCH])


async def test_any_emoji_is_told_from_the_others(scene: Scene) -> None:
    conv, (ann, bob), first = await crowd(scene, 2)
    second = await scene.say(conv, bob, "again")
    for places in ([(ann, first)], [(user, seq) for user in (ann, bob) for seq in (first, second)]):
        for on in (True, False):
            wanted = [(user, seq, emoji) for user, seq in places for emoji in EMOJI]
            made = await scene.done(*(react(conv, user, seq, emoji, on) for user, seq, emoji in wanted))
            again = await outcomes(scene, *(react(conv, user, seq, emoji, on) for user, seq, emoji in wanted))
            assert again == [Duplicate(entry["seq"], entry["at"]) for entry in made]
            (message,) = await scene.store.log.range(conv, first - 1, first)
            assert list(message.get("reactions", {})) == (EMOJI if on else [])


async def test_kinds_are_counted_by_what_stands(scene: Scene) -> None:
    conv, (ann, bob), seq = await crowd(scene, 2)
    made = await outcomes(scene, *(react(conv, ann, seq, emoji) for emoji in [*KINDS, "x"]), react(conv, bob, seq, "a"))
    assert made[MAX_REACTION_KINDS] is ErrorCode.TOO_LARGE
    assert [type(outcome) for outcome in made].count(Stored) == MAX_REACTION_KINDS + 1
    made = await outcomes(
        scene,
        react(conv, ann, seq, "a", on=False),
        react(conv, bob, seq, "x"),  # Bob's a still stands.
        react(conv, bob, seq, "a", on=False),
        react(conv, bob, seq, "x"),
        react(conv, ann, seq, "a"),
    )
    assert [type(outcome) for outcome in made] == [Stored, ErrorCode, Stored, Stored, ErrorCode]
    await scene.done(react(conv, bob, seq, "x", on=False))
    await scene.done(react(conv, ann, seq, "a"))
    assert await scene.refused(react(conv, ann, seq, "x")) is ErrorCode.TOO_LARGE


async def test_a_message_takes_as_many_as_a_line_holds(scene: Scene) -> None:
    conv, users, seq = await crowd(scene, MAX_REACTIONS // MAX_REACTION_KINDS + 1)
    *some, last = users
    await react_all(scene, conv, some, seq)
    refusal = await scene.outcome(react(conv, last, seq, "a"))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, "5,000 reactions" in refusal.message) == (ErrorCode.TOO_LARGE, True)
    made = await outcomes(
        scene, react(conv, some[0], seq, "b", on=False), react(conv, last, seq, "a"), react(conv, last, seq, "c")
    )
    assert [type(outcome) for outcome in made] == [Stored, Stored, ErrorCode]
    page = await scene.store.log.page(conv, last, around=seq, limit=1, max_bytes=ROOM)
    assert sum(map(len, page.entries[0]["reactions"].values())) == MAX_REACTIONS
    assert len(encode_entry(page.entries[0])) < MAX_SERVER_LINE
    await scene.done(delete(conv, users[0], seq))
    (message,) = await scene.store.log.range(conv, seq - 1, seq)
    assert "reactions" not in message


async def test_of_more_that_an_earlier_version_has_taken_the_first_are_shown(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = MAX_REACTIONS // MAX_REACTION_KINDS
    conv, users, seq = await crowd(scene, each + 2)
    other = await scene.say(conv, users[0], "and here")
    monkeypatch.setattr(messages, "MAX_REACTIONS", 2 * MAX_REACTIONS)
    await react_all(scene, conv, users, seq)
    monkeypatch.undo()
    await scene.done(react(conv, users[0], other, "👍"), react(conv, users[-1], seq, "a", on=False))
    assert await scene.refused(react(conv, users[-1], seq, "a")) is ErrorCode.TOO_LARGE
    shown = {entry["seq"]: entry["reactions"] for entry in await scene.store.log.range(conv, seq - 1, other)}
    assert shown == {seq: dict.fromkeys(KINDS, users[:each]), other: {"👍": [users[0]]}}
