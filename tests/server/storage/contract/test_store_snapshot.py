"""What a session begins with: complete, or saying where it is not, within the bytes of a line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import from_json, to_json

from mrccsc_server.ports import Snapshot, SnapshotRequest
from mrccsc_shared.limits import MAX_NAME
from tests.server.storage.scene import ROOM, Scene, edit, invite, leave, react, send


async def begin(
    scene: Scene, user: int, cursors: dict[int, int] | None = None, epoch: str | None = None, max_bytes: int = ROOM
) -> Snapshot:
    (snapshot,) = await scene.store.log.snapshots([SnapshotRequest(user, epoch, cursors or {}, max_bytes)])
    return snapshot


def missed(snapshot: Snapshot) -> dict[int, tuple[list[int], bool]]:
    parts = [from_json(part) for part in snapshot.missed]
    return {part["conv"]: ([entry["seq"] for entry in part["entries"]], part["limited"]) for part in parts}


def views(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [from_json(view) for view in snapshot.conversations]


async def test_a_snapshot_has_all_that_the_ports_give_one_by_one(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    direct, group = await scene.direct(ann, bob), await scene.group(ann, bob, cid)
    await scene.group(bob)
    await scene.say(direct, bob, "hello @ann")
    seq = await scene.say(group, cid, "@ann too")
    await scene.done(react(group, bob, seq, "👍"))
    await scene.say(group, cid, "and more")
    snapshot = await begin(scene, ann)
    assert snapshot.epoch == scene.store.log.epoch
    assert (snapshot.reset, snapshot.more, snapshot.missed) == (False, False, [])
    assert snapshot.contacts == await scene.store.contacts.of_user(ann)
    assert views(snapshot) == (await scene.store.conversations.page(ann, 0, 200))[0]
    assert [(view["conv"], view["unread"], view["mentions"]) for view in views(snapshot)] == [
        (direct, 1, 1),
        (group, 2, 1),
    ]
    assert snapshot.heads == {direct: 2, group: 6}


@pytest.mark.parametrize("letter", ['"', "\\", "/", "👍", "\U0010ffff"])
async def test_the_longest_names_are_told_whole(scene: Scene, letter: str) -> None:
    ann, bob = await scene.user("ann"), await scene.user("b" * 32, letter * MAX_NAME)
    direct = await scene.direct(ann, bob)
    snapshot = await begin(scene, ann)
    assert snapshot.contacts[0]["user"] == {"user": bob, "username": "b" * 32, "display_name": letter * MAX_NAME}
    assert [(view["conv"], view["title"]) for view in views(snapshot)] == [(direct, letter * MAX_NAME)]


async def test_somebody_new_begins_with_nothing(scene: Scene) -> None:
    ann = await scene.user("ann")
    snapshot = await begin(scene, ann, {1: 5})
    assert (snapshot.contacts, snapshot.conversations, snapshot.missed, snapshot.heads) == ([], [], [], {})
    assert (snapshot.reset, snapshot.more) == (False, False)


async def test_each_named_conversation_with_newer_entries_is_caught_up_in_its_present_state(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    first, second, third = [await scene.group(ann, bob) for _ in range(3)]
    for conv in (first, second, third):
        await scene.done(send(conv, bob, "one"), edit(conv, bob, 3, "two"), react(conv, ann, 3, "👍"))
    snapshot = await begin(scene, ann, {first: 2, second: 5})
    assert missed(snapshot) == {first: ([3, 4, 5], False)}
    assert from_json(snapshot.missed[0])["entries"] == (await scene.log(first))[2:]


async def test_a_cursor_of_a_conversation_that_one_is_not_in_is_ignored(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv, other = await scene.group(ann, bob), await scene.group(bob)
    await scene.say(other, bob, "hello")
    snapshot = await begin(scene, ann, {conv: 1, other: 99, 999: 99})
    assert (snapshot.reset, set(missed(snapshot))) == (False, {conv})


@pytest.mark.parametrize("above", [True, False])
async def test_cursors_that_do_not_fit_this_store_reset(scene: Scene, above: bool) -> None:
    ann = await scene.user("ann")
    first, second = await scene.group(ann), await scene.group(ann)
    await scene.say(first, ann, "hello")
    if above:
        snapshot = await begin(scene, ann, {first: 1, second: 2})
    else:
        snapshot = await begin(scene, ann, {first: 1}, epoch="another")
    assert (snapshot.reset, snapshot.missed) == (True, [])
    assert [view["conv"] for view in views(snapshot)] == [first, second]
    snapshot = await begin(scene, ann, {first: 1, second: 1}, epoch=scene.store.log.epoch)
    assert (snapshot.reset, missed(snapshot)) == (False, {first: ([2], False)})


async def test_nothing_below_the_latest_join_is_caught_up(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob, visibility="private")
    await scene.done(leave(conv, bob))
    await scene.say(conv, ann, "meanwhile")
    await scene.done(invite(conv, ann, bob))
    await scene.say(conv, ann, "welcome back")
    assert missed(await begin(scene, bob, {conv: 2})) == {conv: ([5, 6], False)}


async def test_what_does_not_fit_is_limited_to_the_newest_up_to_the_head(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.done(*(send(conv, ann, "安" * 100) for _ in range(100)))
    snapshot = await begin(scene, ann, {conv: 1}, max_bytes=10_000)
    ((seqs, limited),) = missed(snapshot).values()
    assert limited
    assert len(seqs) > 5
    assert seqs == list(range(seqs[0], 102))
    assert missed(await begin(scene, ann, {conv: 101 - len(seqs)}, max_bytes=10_000)) == {conv: (seqs, False)}


async def test_what_little_one_conversation_missed_leaves_room_for_another(scene: Scene) -> None:
    ann = await scene.user("ann")
    convs = [await scene.group(ann) for _ in range(10)]
    await scene.done(*(send(conv, ann, "hello") for conv in convs[1:]))
    await scene.done(*(send(convs[0], ann, "hello") for _ in range(100)))
    snapshot = await begin(scene, ann, dict.fromkeys(convs, 1), max_bytes=30_000)
    found = missed(snapshot)
    assert found == {conv: ([2], False) for conv in convs[1:]} | {convs[0]: (list(range(2, 102)), False)}


@pytest.mark.parametrize("max_bytes", [4_000, 20_000, 100_000])
async def test_all_together_stays_below_the_bytes_and_says_what_is_left_out(scene: Scene, max_bytes: int) -> None:
    ann, *others = await scene.users("ann", *(f"u{n:02}" for n in range(10)))
    for other in others:
        await scene.direct(ann, other)
    convs = [await scene.group(ann, title=f"Group {n}") for n in range(60)]
    await scene.done(*(send(conv, ann, "安" * 90) for conv in convs for _ in range(12)))
    snapshot = await begin(scene, ann, dict.fromkeys(convs, 1), max_bytes=max_bytes)
    encoded = [to_json(snapshot.contacts), *(b"[%b]" % b",".join(x) for x in (snapshot.conversations, snapshot.missed))]
    assert sum(map(len, encoded)) <= max_bytes
    assert len(snapshot.contacts) == 10
    assert len(snapshot.heads) == 70
    assert [view["conv"] for view in views(snapshot)] == sorted(snapshot.heads)[: len(snapshot.conversations)]
    assert snapshot.more == (len(snapshot.conversations) < 70)
    assert set(missed(snapshot)) == set(convs)
    for seqs, limited in missed(snapshot).values():
        assert limited == (len(seqs) < 12)
        assert seqs == list(range(14 - len(seqs), 14))
