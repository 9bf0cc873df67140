"""Conversations: making and finding them, memberships, read marks and counts."""

from __future__ import annotations

import asyncio

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Change, Remove, SetRole
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import (
    Opener,
    Scene,
    code_of,
    delete,
    edit,
    invite,
    join,
    leave,
    new_cid,
    react,
    sign,
)


async def test_a_direct_conversation_is_made_once_for_both(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.befriend(ann, bob)
    mine, theirs = await scene.store.conversations.open_direct(ann, bob)
    assert theirs is not None
    conv = mine["conv"]
    assert (mine["kind"], mine["title"], mine.get("peer"), mine.get("peer_read")) == ("direct", "Bob", bob, 1)
    assert (theirs["conv"], theirs["title"], theirs.get("peer")) == (conv, "Ann", ann)
    assert (mine["from"], mine["head"], mine["unread"], mine["mentions"], mine["muted"]) == (1, 1, 0, 0, False)
    assert mine.keys().isdisjoint({"role", "members", "visibility", "topic", "unread_from"})
    assert (mine["last"]["kind"], mine["last"]["by"]) == ("create", ann)
    again, nobody = await scene.store.conversations.open_direct(bob, ann)
    assert (again, nobody) == (theirs, None)
    assert await scene.log(conv) == [mine["last"]]


async def test_a_cid_that_made_a_group_is_known_of_its_user(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    cids = [new_cid() for _ in range(3)]
    for cid in cids[:2]:
        await scene.store.conversations.create_group(ann, cid, b"digest", "Group", "", "private")
    asked = [(user, cid) for user in (ann, bob) for cid in cids]
    made = await asyncio.gather(*(scene.store.conversations.made(*each) for each in asked))
    assert made == [True, True, False, False, False, False]


async def test_both_friends_open_at_once(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.befriend(ann, bob)
    opened = await asyncio.gather(
        scene.store.conversations.open_direct(ann, bob), scene.store.conversations.open_direct(bob, ann)
    )
    assert len({view["conv"] for view, _ in opened}) == 1
    assert sorted(theirs is None for _, theirs in opened) == [False, True]


async def test_a_direct_conversation_is_opened_only_with_friends_but_stays_for_ever(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    assert await code_of(scene.store.conversations.open_direct(ann, 999)) is ErrorCode.NOT_FOUND
    assert await code_of(scene.store.conversations.open_direct(ann, bob)) is ErrorCode.FORBIDDEN
    conv = await scene.direct(ann, bob)
    await scene.store.contacts.act(ContactAct.REMOVE, ann, bob)
    assert (await scene.store.conversations.open_direct(ann, bob))[0]["conv"] == conv


async def test_a_group_begins_with_its_owner_and_a_create_entry(scene: Scene) -> None:
    ann = await scene.user("ann")
    cid = new_cid()
    view, new = await scene.store.conversations.create_group(ann, cid, b"digest", "Räume", "What for", "private")
    assert new
    assert view == {
        "conv": view["conv"], "kind": "group", "title": "Räume", "topic": "What for", "visibility": "private",
        "role": "owner", "muted": False, "from": 1, "head": 1, "read": 1, "unread": 0, "mentions": 0, "members": 1,
        "last": {"conv": view["conv"], "seq": 1, "kind": "create", "by": ann, "at": view["last"]["at"], "cid": cid},
    }  # fmt: skip


async def test_a_known_cid_gives_the_group_it_made(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    create, cid = scene.store.conversations.create_group, new_cid()
    view, _ = await create(ann, cid, b"digest", "Group", "", "public")
    await scene.done(join(view["conv"], bob))
    again, new = await create(ann, cid, b"digest", "Group", "", "public")
    assert (again["conv"], new, again.get("members")) == (view["conv"], False, 2)
    assert await code_of(create(ann, cid, b"other", "Other", "", "public")) is ErrorCode.CID_CONFLICT
    theirs, new = await create(bob, cid, b"digest", "Group", "", "public")
    assert new, "a cid is its sender's"
    assert theirs["conv"] != view["conv"]


async def test_groups_of_a_user_are_bounded(opened: Opener) -> None:
    async with opened(Limits(groups=2)) as store:
        scene = Scene(store)
        ann, bob = await scene.users("ann", "bob")
        first, _ = await scene.group(ann), await scene.group(ann)
        assert await code_of(store.conversations.create_group(ann, new_cid(), b"", "G", "", "public")) is (
            ErrorCode.TOO_LARGE
        )
        third = await scene.group(bob)
        assert await scene.refused(join(third, ann)) is ErrorCode.TOO_LARGE
        await scene.done(leave(first, ann))
        await scene.done(join(third, ann))


async def test_public_groups_are_found_by_a_part_of_their_title_the_largest_first(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    small = await scene.group(ann, title="Gärten klein")
    large = await scene.group(ann, bob, cid, title="Schöne GÄRTEN")
    await scene.group(ann, title="Gärten geheim", visibility="private")
    await scene.direct(ann, bob)
    closed = await scene.group(bob, title="Gärten vorbei")
    await scene.done(leave(closed, bob))
    found = await scene.store.conversations.find_groups("gärten", 10)
    assert [group["conv"] for group in found] == [large, small]
    assert found[0] == {
        "conv": large, "kind": "group", "title": "Schöne GÄRTEN", "visibility": "public", "muted": False,
        "from": 1, "head": 3, "read": 3, "unread": 0, "mentions": 0, "members": 3,
    }  # fmt: skip
    assert [group["conv"] for group in await scene.store.conversations.find_groups("", 1)] == [large]
    assert await scene.store.conversations.find_groups("%", 10) == []


async def test_a_changed_title_is_found_under_its_new_name(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann, title="Before")
    await scene.done(sign(Change(conv=conv, by=ann, cid=new_cid(), digest=b"", title="AFTER", topic="t")))
    assert await scene.store.conversations.find_groups("before", 10) == []
    (found,) = await scene.store.conversations.find_groups("after", 10)
    assert (found["title"], found.get("topic")) == ("AFTER", "t")
    await scene.done(sign(Change(conv=conv, by=ann, cid=new_cid(), digest=b"", visibility="private")))
    assert await scene.store.conversations.find_groups("after", 10) == []


async def test_who_has_left_sees_a_public_group_as_everybody_does_and_nothing_of_others(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conversations = scene.store.conversations
    conv = await scene.group(ann, bob, cid, title="tea")
    member = await conversations.seen(conv, bob)
    assert member == (await conversations.views(conv, [bob]))[bob]
    await scene.done(leave(conv, bob))
    assert [await conversations.seen(conv, bob)] == await conversations.find_groups("tea", 10)
    await scene.done(sign(Change(conv=conv, by=ann, cid=new_cid(), digest=b"", visibility="private")))
    assert await code_of(conversations.seen(conv, bob)) is ErrorCode.NOT_FOUND
    assert (await conversations.seen(conv, cid))["role"] == "member"
    await scene.befriend(ann, bob)
    direct = await scene.direct(ann, bob)
    assert await code_of(conversations.seen(direct, cid)) is ErrorCode.NOT_FOUND
    assert await code_of(conversations.seen(999, bob)) is ErrorCode.NOT_FOUND


async def test_conversations_are_paged_in_ascending_order(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    mine = [await scene.group(ann) for _ in range(5)]
    await scene.group(bob)
    page, more = await scene.store.conversations.page(ann, 0, 3)
    assert ([view["conv"] for view in page], more) == (mine[:3], True)
    page, more = await scene.store.conversations.page(ann, mine[2], 3)
    assert ([view["conv"] for view in page], more) == (mine[3:], False)
    page, more = await scene.store.conversations.page(ann, mine[1], 3)
    assert ([view["conv"] for view in page], more) == (mine[2:], False)
    assert (page[0]["last"]["kind"], page[0].get("role")) == ("create", "owner")


async def test_views_are_of_members_only_each_in_their_own_eyes(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.group(ann, bob)
    await scene.say(conv, ann, "hello @bob")
    views = await scene.store.conversations.views(conv, [ann, bob, cid, 999])
    assert set(views) == {ann, bob}
    assert (views[ann]["unread"], views[ann]["mentions"], views[ann].get("role")) == (0, 0, "owner")
    assert (views[bob]["unread"], views[bob]["mentions"], views[bob].get("role")) == (1, 1, "member")
    assert await scene.store.conversations.views(conv, []) == {}
    assert await scene.store.conversations.views(999, [ann]) == {}
    await scene.done(leave(conv, bob))
    assert set(await scene.store.conversations.views(conv, [ann, bob])) == {ann}
    assert await scene.store.conversations.memberships([bob]) == {bob: set()}


async def test_memberships_of_several_are_those_of_each(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    first, second = await scene.group(ann, bob), await scene.group(ann, visibility="private")
    left = await scene.group(ann, bob)
    await scene.done(leave(left, bob))
    direct = await scene.direct(ann, bob)
    now = await scene.store.log.now()
    assert await scene.store.conversations.memberships([ann, 999], now + 3_600_000) == {ann: set(), 999: set()}
    assert (await scene.store.conversations.memberships([ann], now - 3_600_000))[ann] != set()
    assert await scene.store.conversations.memberships([ann, bob, cid, 999]) == {
        ann: {first, second, left, direct},
        bob: {first, direct},
        cid: set(),
        999: set(),
    }
    assert await scene.store.conversations.memberships([]) == {}


async def test_the_last_entry_is_cut_to_200_characters_and_shows_its_reactions(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    seq = await scene.say(conv, ann, "安" * 201)
    last = (await scene.view(conv, bob))["last"]
    assert (last["seq"], last["text"]) == (seq, "安" * 200)
    await scene.done(edit(conv, ann, seq, "é" * 500))
    assert (await scene.view(conv, bob))["last"]["text"] == "é" * 200
    seq = await scene.say(conv, ann, "short")
    assert (await scene.view(conv, bob))["last"]["text"] == "short"
    page, _ = await scene.store.conversations.page(bob, 0, 10)
    assert page[0]["last"]["seq"] == seq


async def test_members_are_paged_by_id_for_members_only(scene: Scene) -> None:
    ann, bob, cid, dan = await scene.users("ann", "bob", "cid", "dan")
    conv = await scene.group(ann, cid, bob)
    await scene.done(sign(SetRole(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob, role="admin")))
    members, more = await scene.store.conversations.members(conv, bob, 0, 2)
    assert more
    assert members == [
        {"user": {"user": ann, "username": "ann", "display_name": "Ann"}, "role": "owner"},
        {"user": {"user": bob, "username": "bob", "display_name": "Bob"}, "role": "admin"},
    ]
    members, more = await scene.store.conversations.members(conv, bob, bob, 2)
    assert ([member["user"]["user"] for member in members], more) == ([cid], False)
    assert await code_of(scene.store.conversations.members(conv, dan, 0, 2)) is ErrorCode.NOT_FOUND
    assert await code_of(scene.store.conversations.members(999, ann, 0, 2)) is ErrorCode.NOT_FOUND
    await scene.done(sign(Remove(conv=conv, by=ann, cid=new_cid(), digest=b"", user=cid)))
    assert len((await scene.store.conversations.members(conv, ann, 0, 10))[0]) == 2
    assert await code_of(scene.store.conversations.members(conv, cid, 0, 2)) is ErrorCode.NOT_FOUND


async def test_who_may_write_is_told_as_of_now(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    group, direct = await scene.group(ann), await scene.direct(ann, bob)
    require = scene.store.conversations.require_writer
    await require(group, ann)
    await require(direct, bob)
    assert await code_of(require(group, bob)) is ErrorCode.NOT_FOUND
    assert await code_of(require(999, ann)) is ErrorCode.NOT_FOUND
    await scene.done(join(group, bob))
    await require(group, bob)
    await scene.store.contacts.act(ContactAct.REMOVE, ann, bob)
    assert await code_of(require(direct, bob)) is ErrorCode.FORBIDDEN


async def test_muting_is_one_members_own(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.group(ann, bob)
    assert (await scene.store.conversations.mute(conv, ann, muted=True))["muted"] is True
    assert (await scene.view(conv, ann))["muted"] is True
    assert (await scene.view(conv, bob))["muted"] is False
    await scene.say(conv, ann, "sending does not unmute")
    assert (await scene.view(conv, ann))["muted"] is True
    assert (await scene.store.conversations.mute(conv, ann, muted=False))["muted"] is False
    assert await code_of(scene.store.conversations.mute(conv, cid, muted=True)) is ErrorCode.NOT_FOUND


async def test_read_marks_only_grow_and_end_at_the_head(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.direct(ann, bob)
    for _ in range(4):
        await scene.say(conv, ann, "hello")
    mark = await scene.store.conversations.mark_read(conv, bob, 3, unread=False)
    assert (mark.conv, mark.user, mark.seq, mark.unread_from, mark.changed, mark.peer) == (
        conv,
        bob,
        3,
        None,
        True,
        ann,
    )
    mark = await scene.store.conversations.mark_read(conv, bob, 2, unread=False)
    assert (mark.seq, mark.changed) == (3, False)
    mark = await scene.store.conversations.mark_read(conv, bob, 2**53 - 1, unread=False)
    assert (mark.seq, mark.changed) == (5, True)
    assert (await scene.view(conv, ann))["peer_read"] == 5
    assert await code_of(scene.store.conversations.mark_read(conv, cid, 3, unread=False)) is ErrorCode.NOT_FOUND
    assert await code_of(scene.store.conversations.mark_read(999, bob, 3, unread=False)) is ErrorCode.NOT_FOUND
    group = await scene.group(ann)
    assert (await scene.store.conversations.mark_read(group, ann, 1, unread=False)).peer is None


async def test_a_line_to_see_things_as_unread_from_stays_until_it_is_read_over(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    for _ in range(4):
        await scene.say(conv, ann, "hello")
    mark = scene.store.conversations.mark_read
    await mark(conv, bob, 5, unread=False)
    result = await mark(conv, bob, 3, unread=True)
    assert (result.seq, result.unread_from, result.changed) == (5, 3, True)
    view = await scene.view(conv, bob)
    assert (view["read"], view["unread_from"], view["unread"]) == (5, 3, 0)
    assert "unread_from" not in await scene.view(conv, ann)
    assert (await mark(conv, bob, 3, unread=True)).changed is False
    assert (await mark(conv, bob, 2, unread=False)).unread_from == 3
    result = await mark(conv, bob, 3, unread=False)
    assert (result.unread_from, result.changed) == (None, True)
    assert (await mark(conv, bob, 99, unread=True)).unread_from == 5
    assert (await mark(conv, bob, 0, unread=True)).unread_from == 1


async def test_unread_counts_messages_by_others_deleted_ones_included(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    first = await scene.say(conv, ann, "one @bob")
    second = await scene.say(conv, ann, "two")
    await scene.say(conv, bob, "mine @bob")
    await scene.done(edit(conv, ann, second, "two @bob"), react(conv, ann, first, "👍"), delete(conv, ann, first))
    view = await scene.view(conv, bob)
    assert (view["unread"], view["mentions"]) == (2, 1)
    assert (await scene.view(conv, ann))["unread"] == 1
    await scene.store.conversations.mark_read(conv, bob, first, unread=False)
    view = await scene.view(conv, bob)
    assert (view["unread"], view["mentions"]) == (1, 0)


@pytest.mark.parametrize("visibility", ["public", "private"])
async def test_counts_begin_anew_after_a_return(scene: Scene, visibility: str) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob, visibility=visibility)
    await scene.say(conv, bob, "mine")
    await scene.say(conv, ann, "@bob before")
    await scene.done(leave(conv, bob))
    await scene.say(conv, ann, "@bob meanwhile")
    await scene.done(join(conv, bob) if visibility == "public" else invite(conv, ann, bob))
    view = await scene.view(conv, bob)
    assert (view["unread"], view["mentions"], view["read"]) == (0, 0, view["head"] - 1)
    assert view["from"] == (1 if visibility == "public" else view["head"])
    await scene.say(conv, bob, "mine again")
    await scene.say(conv, ann, "@bob after")
    view = await scene.view(conv, bob)
    assert (view["unread"], view["mentions"]) == (1, 1)
