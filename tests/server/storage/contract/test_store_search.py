"""Search: what is found, by whom, in which order; how it follows the log."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_core import to_json

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.storage import index_backlog
from mrccsc_shared.errors import ErrorCode
from tests.server.storage.scene import ROOM, Opener, Scene, code_of, delete, edit, invite, join, leave, react, send


async def test_a_message_is_found_by_any_of_its_words_without_case(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    seq = await scene.say(conv, ann, "Die Straße nach ŁÓDŹ, it's 12.5 km")
    await scene.say(conv, ann, "another")
    await scene.indexed()
    for query in ("strasse", "STRASSE", "łódź", "die łódź", "12", "km 12", "  nach\tdie "):
        assert await scene.find(ann, query) == [seq], query
    for query in ("stra", "xyz", "die another", "łódźx"):
        assert await scene.find(ann, query) == [], query


@pytest.mark.parametrize("query", ["東京", "京都", "東京都", "は東", "です"])
async def test_any_run_of_two_cjk_characters_is_found(scene: Scene, query: str) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    seq = await scene.say(conv, ann, "私は東京都です")
    await scene.say(conv, ann, "京の東都")
    await scene.indexed()
    assert await scene.find(ann, query) == [seq]


async def test_a_cjk_run_must_stand_as_it_is(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "一二 二三")
    seq = await scene.say(conv, ann, "一二三")
    await scene.indexed()
    assert await scene.find(ann, "一二三") == [seq]


async def test_signs_find_themselves_and_nothing_finds_nothing(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    wave = await scene.say(conv, ann, "hello 👋")
    percent = await scene.say(conv, ann, "100%")
    await scene.indexed()
    assert await scene.find(ann, "👋") == [wave]
    assert await scene.find(ann, "%") == [percent]
    for query in ("", "   ", "\u200b", "_", "'", "!!!"):
        assert await scene.find(ann, query) == [], query


async def test_hits_are_whole_entries_newest_first_across_conversations(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    convs = [await scene.group(ann, bob), await scene.direct(ann, bob)]
    said: list[tuple[int, int]] = []
    for n in range(10):
        conv = convs[n % 2]
        said.append((conv, await scene.say(conv, bob, f"needle {n}")))
        if n in (3, 6):
            await scene.indexed()
    await scene.done(react(*said[-1][:1], ann, said[-1][1], "👍"))
    await scene.indexed()
    hits, position = await scene.store.search.find(
        ann, "needle", conv=None, by=None, before=None, limit=200, max_bytes=ROOM
    )
    assert position is None
    times = [hit["at"] for hit in hits]
    assert times == sorted(times, reverse=True)
    assert sorted((hit["conv"], hit["seq"]) for hit in hits) == sorted(said)
    logs = {conv: await scene.log(conv) for conv in convs}
    assert all(dict(hit) == logs[hit["conv"]][hit["seq"] - 1] for hit in hits)


async def test_pages_of_hits_meet_without_gap_or_overlap(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    convs = [await scene.group(ann, bob) for _ in range(3)]
    await scene.done(*(send(convs[n % 3], ann, f"needle {n}") for n in range(100)))
    await scene.done(*(send(convs[n % 2], bob, f"needle hay {n}") for n in range(100)))
    await scene.indexed()
    for query, total in (("needle", 200), ("needle hay", 100)):
        found: list[tuple[int, int, int]] = []
        before: int | None = None
        while True:
            hits, before = await scene.store.search.find(
                ann, query, conv=None, by=None, before=before, limit=7, max_bytes=ROOM
            )
            found += [(hit["at"], hit["conv"], hit["seq"]) for hit in hits]
            if before is None:
                break
            assert len(hits) == 7
        assert len(found) == total
        assert found == sorted(set(found), reverse=True)


async def test_of_many_conversations_the_newest_hits_come_first(scene: Scene) -> None:
    """More than are looked into at first; those that were quiet lately have a share of what is found, too."""
    ann = await scene.user("ann")
    convs = [await scene.group(ann) for _ in range(45)]
    for step in (1, 2, 3, 7, 4):
        await scene.done(*(send(conv, ann, f"needle {step}") for conv in convs[::step]))
    await scene.done(*(send(conv, ann, "hay") for conv in convs[::5]))
    await scene.indexed()
    logs = [await scene.log(conv) for conv in convs]
    said = [(hit["at"], hit["conv"], hit["seq"]) for log in logs for hit in log if "needle" in hit.get("text", "")]
    found: list[tuple[int, int, int]] = []
    before: int | None = None
    while True:
        hits, before = await scene.store.search.find(
            ann, "needle", conv=None, by=None, before=before, limit=7, max_bytes=ROOM
        )
        found += [(hit["at"], hit["conv"], hit["seq"]) for hit in hits]
        if before is None:
            break
    assert found == sorted(said, reverse=True)


async def test_a_page_of_hits_ends_early_where_its_bytes_are_used_up(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    for _ in range(5):
        await scene.say(conv, ann, "needle " + "x" * 500)
    await scene.indexed()
    size = len(to_json((await scene.log(conv))[1])) + 1
    find = scene.store.search.find
    hits, before = await find(ann, "needle", conv=None, by=None, before=None, limit=200, max_bytes=2 * size)
    assert [hit["seq"] for hit in hits] == [6, 5]
    hits, before = await find(ann, "needle", conv=None, by=None, before=before, limit=200, max_bytes=10)
    assert [hit["seq"] for hit in hits] == [4]
    hits, before = await find(ann, "needle", conv=None, by=None, before=before, limit=200, max_bytes=ROOM)
    assert ([hit["seq"] for hit in hits], before) == ([3, 2], None)


async def test_a_search_within_a_conversation_or_by_a_person(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    first, second = await scene.group(ann, bob), await scene.group(ann, bob)
    for conv in (first, second):
        for by in (ann, bob):
            await scene.say(conv, by, "needle")
    await scene.indexed()
    assert len(await scene.find(ann, "needle")) == 4
    assert await scene.find(ann, "needle", conv=first) == [4, 3]
    assert await scene.find(ann, "needle", by=bob) == [4, 4]
    assert await scene.find(ann, "needle", conv=second, by=ann) == [3]
    assert await scene.find(ann, "needle", by=999) == []
    assert await code_of(scene.find(ann, "needle", conv=999)) is ErrorCode.NOT_FOUND


async def test_nothing_is_found_outside_a_membership(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.group(ann, bob, visibility="private")
    await scene.say(conv, ann, "needle one")
    await scene.indexed()
    assert await scene.find(cid, "needle") == []
    assert await code_of(scene.find(cid, "needle", conv=conv)) is ErrorCode.NOT_FOUND
    assert await scene.find(bob, "needle") == [3]
    await scene.done(leave(conv, bob))
    assert await scene.find(bob, "needle") == []
    await scene.done(invite(conv, ann, bob))
    seq = await scene.say(conv, ann, "needle two")
    await scene.indexed()
    assert await scene.find(bob, "needle") == [seq], "what was said before the return is not theirs to read"
    assert await scene.find(ann, "needle") == [seq, 3]


async def test_a_conversation_that_can_only_be_read_is_still_searched(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    await scene.say(conv, ann, "needle")
    await scene.store.contacts.act(ContactAct.REMOVE, ann, bob)
    await scene.indexed()
    assert await scene.find(bob, "needle") == [2]


async def test_an_edit_replaces_what_is_found(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "before both")
    await scene.indexed()
    await scene.done(edit(conv, ann, 2, "after both"))
    assert await scene.find(ann, "before") == [], "even while the index does not know yet"
    await scene.indexed()
    assert await scene.find(ann, "before") == []
    assert await scene.find(ann, "after") == [2]
    assert await scene.find(ann, "both") == [2]


async def test_deleted_text_is_not_found(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "needle one")
    await scene.say(conv, ann, "needle two")
    await scene.indexed()
    await scene.done(delete(conv, ann, 2))
    assert await scene.find(ann, "needle") == [3]
    await scene.indexed()
    assert await scene.find(ann, "needle") == [3]
    assert await scene.find(ann, "one") == []


async def test_a_message_that_was_changed_before_it_was_indexed_is_indexed_as_it_is(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.done(send(conv, ann, "zero"), edit(conv, ann, 2, "one"), send(conv, ann, "two"), delete(conv, ann, 4))
    assert await scene.indexed() == 4
    assert await scene.find(ann, "zero") == await scene.find(ann, "two") == []
    assert await scene.find(ann, "one") == [2]


async def test_indexing_is_bounded_and_goes_on_where_it_stopped(opened: Opener) -> None:
    async with opened() as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        convs = [await scene.group(ann) for _ in range(3)]
        await scene.done(*(send(conv, ann, f"needle {n}") for conv in convs for n in range(10)))
        assert await store.search.index(7) == 7
        assert len(await scene.find(ann, "needle")) == 7
        assert await store.search.index(7) == 7
    async with opened() as store:
        scene = Scene(store)
        counts = []
        while count := await store.search.index(10):
            counts.append(count)
        assert sum(counts) == 16
        assert max(counts) <= 10
        assert len(await scene.find(ann, "needle")) == 30
        await scene.say(convs[0], ann, "one more needle")
        assert store.search.behind == 1
        assert await store.search.index(10) == 1
        assert store.search.behind == 0
        assert await store.search.index(10) == 0
        assert len(await scene.find(ann, "needle")) == 31


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("held", [index_backlog.HELD, 0], ids=["at hand", "to be read"])
async def test_where_much_is_said_no_other_conversation_waits_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, held: int, place: int
) -> None:
    """More is said in one than is indexed; what is said or deleted elsewhere comes into the index all the same."""
    monkeypatch.setattr(index_backlog, "HELD", held)
    ann = await scene.user("ann")
    convs = [await scene.group(ann) for _ in range(3)]
    hot = convs.pop(place)
    quiet, other = convs
    seq = await scene.say(quiet, ann, "needle")
    await scene.indexed()
    await scene.done(*(send(hot, ann, "hay") for _ in range(20)))
    await scene.done(delete(quiet, ann, seq))
    pin = await scene.say(other, ann, "pin")
    for _ in range(6):
        await scene.store.search.index(8)
        await scene.done(*(send(hot, ann, "hay") for _ in range(10)))
    assert scene.store.search.behind == 1
    assert await scene.find(ann, "pin") == [pin]
    await scene.indexed()
    assert len(await scene.find(ann, "hay", conv=hot)) == 80


async def test_what_is_too_much_to_be_kept_until_it_is_indexed_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_backlog, "HELD", 3_000)
    ann, bob = await scene.users("ann", "bob")
    convs = [await scene.group(ann) for _ in range(3)]
    for conv in convs:
        await scene.done(
            *(send(conv, ann, "needle") for _ in range(10)), *(react(conv, ann, 2, "👍", n % 2 == 0) for n in range(10))
        )
        await scene.done(edit(conv, ann, 3, "hay"), join(conv, bob), delete(conv, ann, 4))
    await scene.indexed()
    for conv in convs:
        assert await scene.find(ann, "needle", conv=conv) == [11, 10, 9, 8, 7, 6, 5, 2]
        assert await scene.find(ann, "hay", conv=conv) == [3]


async def test_indexing_at_the_same_time_does_no_harm(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.done(*(send(conv, ann, f"needle {n}") for n in range(50)))
    counts = await asyncio.gather(*(scene.store.search.index(20) for _ in range(5)))
    assert sum(counts) == 50
    assert len(await scene.find(ann, "needle")) == 50


@pytest.mark.parametrize("position", [0, 1, 2**63, 2**159, 10**63])
async def test_a_position_that_nobody_was_given_does_no_harm(scene: Scene, position: int) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "needle")
    await scene.indexed()
    assert await scene.find(ann, "needle", before=position) in ([], [2])


async def test_a_long_text_of_many_words_is_indexed(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    seq = await scene.say(conv, ann, " ".join(f"w{n}" for n in range(1_500)))
    await scene.indexed()
    assert await scene.find(ann, "w1499 w0 w750") == [seq]
    assert await scene.find(ann, " ".join(f"w{n}" for n in range(50))) == [seq]
