"""Pages of history: ranges without holes, never below what a member may read, bounded in bytes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import to_json

from mrccsc_server.ports import Page
from mrccsc_shared.errors import ErrorCode
from tests.server.storage.scene import ROOM, Scene, code_of, invite, leave, react, send


async def page(scene: Scene, conv: int, asker: int, **more: Any) -> Page:
    settings: dict[str, Any] = {"limit": 4, "max_bytes": ROOM} | more
    return await scene.store.log.page(conv, asker, **settings)


@pytest.mark.parametrize(
    ("place", "seqs", "more"),
    [
        ({}, [7, 8, 9, 10], True),
        ({"before": 8}, [4, 5, 6, 7], True),
        ({"before": 5}, [1, 2, 3, 4], False),
        ({"before": 3}, [1, 2], False),
        ({"before": 1}, [], False),
        ({"before": 0}, [], False),
        ({"before": 99}, [7, 8, 9, 10], True),
        ({"before": 2**53 - 1}, [7, 8, 9, 10], True),
        ({"after": 0}, [1, 2, 3, 4], True),
        ({"after": 6}, [7, 8, 9, 10], False),
        ({"after": 8}, [9, 10], False),
        ({"after": 10}, [], False),
        ({"after": 2**53 - 1}, [], False),
        ({"around": 5}, [3, 4, 5, 6], True),
        ({"around": 1}, [1, 2, 3, 4], True),
        ({"around": 0}, [1, 2, 3, 4], True),
        ({"around": 10}, [7, 8, 9, 10], True),
        ({"around": 99}, [7, 8, 9, 10], True),
        ({"around": 5, "limit": 10}, list(range(1, 11)), False),
        ({"around": 5, "limit": 1}, [5], True),
        ({"limit": 200}, list(range(1, 11)), False),
    ],
)
async def test_a_page_is_the_range_that_was_asked_for(
    scene: Scene, place: dict[str, int], seqs: list[int], more: bool
) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    for n in range(9):
        await scene.say(conv, ann, f"{n}")
    found = await page(scene, conv, ann, **place)
    assert ([entry["seq"] for entry in found.entries], found.more, found.head) == (seqs, more, 10)


async def test_a_page_shows_messages_with_their_reactions(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    await scene.say(conv, ann, "hello")
    await scene.done(react(conv, bob, 3, "👍"), react(conv, ann, 3, "👍"))
    assert [dict(entry) for entry in (await page(scene, conv, bob)).entries] == (await scene.log(conv))[1:]


async def test_nobody_reads_below_their_latest_join_of_a_private_group(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob, visibility="private")
    await scene.say(conv, bob, "mine")
    await scene.done(leave(conv, bob))
    await scene.say(conv, ann, "meanwhile")
    await scene.done(invite(conv, ann, bob))
    await scene.say(conv, ann, "welcome back")
    for place in ({}, {"before": 99}, {"after": 0}, {"around": 2}, {"around": 7}):
        found = await page(scene, conv, bob, limit=200, **place)
        assert ([entry["seq"] for entry in found.entries], found.more) == ([6, 7], False), place
    assert (await page(scene, conv, bob, before=6)).entries == []
    assert (await page(scene, conv, bob, before=3)).entries == []
    assert len((await page(scene, conv, ann, limit=200)).entries) == 7


async def test_only_members_read(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann)
    assert await code_of(page(scene, conv, bob)) is ErrorCode.NOT_FOUND
    assert await code_of(page(scene, 999, ann)) is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("place", "seqs"),
    [
        ({}, [9, 10, 11]),
        ({"before": 9}, [6, 7, 8]),
        ({"after": 4}, [5, 6, 7]),
        ({"around": 6}, [5, 6, 7]),
    ],
)
async def test_a_page_ends_early_where_its_bytes_are_used_up(
    scene: Scene, place: dict[str, int], seqs: list[int]
) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    for _ in range(10):
        await scene.say(conv, ann, "安" * 100)
    size = max(len(to_json(entry)) for entry in await scene.log(conv)) + 1
    found = await page(scene, conv, ann, limit=200, max_bytes=3 * size, **place)
    assert ([entry["seq"] for entry in found.entries], found.more) == (seqs, True)


@pytest.mark.parametrize(
    ("place", "seq", "more"),
    [({}, 4, True), ({"before": 3}, 2, True), ({"after": 3}, 4, False), ({"around": 3}, 3, True)],
)
async def test_a_page_has_one_entry_however_large(scene: Scene, place: dict[str, int], seq: int, more: bool) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    for _ in range(3):
        await scene.say(conv, ann, "x" * 8_000)
    found = await page(scene, conv, ann, max_bytes=10, **place)
    assert ([entry["seq"] for entry in found.entries], found.more) == ([seq], more)


async def test_following_pages_meet_without_gap_or_overlap(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.done(*(send(conv, ann, "x" * (n * 37 % 900 + 1)) for n in range(60)))
    seen: list[int] = []
    before, more = 2**53 - 1, True
    while more:
        found = await page(scene, conv, ann, before=before, limit=7, max_bytes=3_000)
        seqs = [entry["seq"] for entry in found.entries]
        seen = seqs + seen
        before, more = seqs[0], found.more
    assert seen == list(range(1, 62))
    seen, more = [], True
    while more:
        found = await page(scene, conv, ann, after=seen[-1] if seen else 0, limit=7, max_bytes=3_000)
        seen += [entry["seq"] for entry in found.entries]
        more = found.more
    assert seen == list(range(1, 62))
