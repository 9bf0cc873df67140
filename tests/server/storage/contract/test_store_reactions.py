"""Reactions: judged by what stands, whatever has been taken back."""

from __future__ import annotations

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_REACTION_KINDS
from tests.server.storage.scene import Scene, join, react

EMOJI = ["👍", "👩‍👩‍👧‍👦", "'", '"', "\\", "%", "é" + "\u0301" * 15, "E", "e"]
KINDS = [chr(ord("a") + number) for number in range(MAX_REACTION_KINDS)]


async def outcomes(scene: Scene, *operations: Operation) -> list[Stored | Duplicate | ErrorCode]:
    found = await scene.store.log.append(operations)
    return [outcome.code if isinstance(outcome, Refusal) else outcome for outcome in found]


async def crowd(scene: Scene, count: int) -> tuple[int, list[int], int]:
    """A group of that many, and the seq of a message in it."""
    users = await scene.users(*(f"u{number}" for number in range(count)))
    conv = await scene.group(users[0])
    await scene.done(*(join(conv, user) for user in users[1:]))
    return conv, users, await scene.say(conv, users[0], "hello")


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
