"""Contacts: what each act makes of a pair, what the other side notices, and their direct conversation."""

from __future__ import annotations

import asyncio

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.ports import Store
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Opener, Scene, code_of, send

REQUEST, ACCEPT, DECLINE, REMOVE, BLOCK, UNBLOCK = ContactAct


async def relations(store: Store, user: int) -> dict[str, str]:
    return {contact["user"]["username"]: contact["relation"] for contact in await store.contacts.of_user(user)}


async def test_a_request_is_seen_by_both_sides(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    change = await scene.store.contacts.act(REQUEST, ann, bob)
    assert change.mine == {
        "user": {"user": bob, "username": "bob", "display_name": "Bob"},
        "relation": "outgoing",
    }
    assert change.theirs == {
        "user": {"user": ann, "username": "ann", "display_name": "Ann"},
        "relation": "incoming",
    }
    assert (change.changed, change.friends) == (True, False)
    assert await relations(scene.store, ann) == {"bob": "outgoing"}
    assert await relations(scene.store, bob) == {"ann": "incoming"}


async def test_an_accepted_request_makes_friends_and_doing_it_again_changes_nothing(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.store.contacts.act(REQUEST, ann, bob)
    change = await scene.store.contacts.act(ACCEPT, bob, ann)
    assert (change.mine["relation"], change.friends) == ("friend", True)
    assert change.theirs is not None
    assert change.theirs["relation"] == "friend"
    again = await scene.store.contacts.act(ACCEPT, bob, ann)
    assert (again.changed, again.theirs, again.friends) == (False, None, True)
    assert await scene.store.contacts.friends(ann) == [bob]
    assert await scene.store.contacts.friends(bob) == [ann]


async def test_friends_of_several_are_those_of_each(scene: Scene) -> None:
    ann, bob, cid, dan = await scene.users("ann", "bob", "cid", "dan")
    await scene.befriend(ann, cid)
    await scene.befriend(bob, ann)
    await scene.store.contacts.act(REQUEST, dan, ann)
    assert await scene.store.contacts.friends_of([dan, ann, bob, 999]) == {
        ann: [bob, cid],
        bob: [ann],
        dan: [],
        999: [],
    }
    assert await scene.store.contacts.friends_of([]) == {}


async def test_requests_that_cross_make_friends(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    changes = await asyncio.gather(
        scene.store.contacts.act(REQUEST, ann, bob), scene.store.contacts.act(REQUEST, bob, ann)
    )
    assert sorted(change.friends for change in changes) == [False, True]
    assert await scene.store.contacts.friends(ann) == [bob]


async def test_a_declined_or_withdrawn_request_leaves_nothing(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.store.contacts.act(REQUEST, ann, bob)
    change = await scene.store.contacts.act(DECLINE, bob, ann)
    assert change.theirs is not None
    assert (change.mine["relation"], change.theirs["relation"]) == ("none", "none")
    await scene.store.contacts.act(REQUEST, ann, bob)
    change = await scene.store.contacts.act(REMOVE, ann, bob)
    assert change.theirs is not None
    assert change.theirs["relation"] == "none"
    assert await relations(scene.store, ann) == await relations(scene.store, bob) == {}


async def test_contacts_are_listed_by_name_with_their_conversation(scene: Scene) -> None:
    ann, zoe, bob, eve = await scene.users("ann", "zoe", "bob", "eve")
    conv = await scene.direct(ann, zoe)
    await scene.store.contacts.act(REQUEST, ann, bob)
    await scene.store.contacts.act(BLOCK, ann, eve)
    contacts = await scene.store.contacts.of_user(ann)
    assert [(c["user"]["username"], c["relation"], c.get("conv")) for c in contacts] == [
        ("bob", "outgoing", None),
        ("eve", "blocked", None),
        ("zoe", "friend", conv),
    ]


async def test_the_direct_conversation_is_writable_only_between_friends(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    await scene.say(conv, ann, "hello")
    change = await scene.store.contacts.act(REMOVE, bob, ann)
    assert (change.friends, change.mine.get("conv")) == (False, conv)
    assert await scene.refused(send(conv, ann, "still there?")) is ErrorCode.FORBIDDEN
    assert await scene.refused(send(conv, bob, "no")) is ErrorCode.FORBIDDEN
    assert len((await scene.store.log.page(conv, ann, limit=10, max_bytes=10_000)).entries) == 2
    await scene.befriend(ann, bob)
    await scene.say(conv, ann, "again")


async def test_a_friend_who_is_blocked_sees_only_a_friendship_end(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    change = await scene.store.contacts.act(BLOCK, ann, bob)
    assert change.mine["relation"] == "blocked"
    assert change.theirs is not None
    assert change.theirs["relation"] == "none"
    assert await scene.refused(send(conv, bob, "why?")) is ErrorCode.FORBIDDEN
    request = await scene.store.contacts.act(REQUEST, bob, ann)
    assert (request.mine["relation"], request.theirs) == ("outgoing", None)
    assert await relations(scene.store, ann) == {"bob": "blocked"}
    assert await relations(scene.store, bob) == {"ann": "outgoing"}


async def test_blocking_and_unblocking_someone_who_asked_is_not_noticed(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.store.contacts.act(REQUEST, bob, ann)
    assert (await scene.store.contacts.act(BLOCK, ann, bob)).theirs is None
    assert await relations(scene.store, bob) == {"ann": "outgoing"}
    assert (await scene.store.contacts.act(UNBLOCK, ann, bob)).theirs is None
    assert await relations(scene.store, ann) == {}
    assert await relations(scene.store, bob) == {"ann": "outgoing"}
    change = await scene.store.contacts.act(REQUEST, bob, ann)
    assert change.theirs is not None, "a request made after the block reaches them"
    assert await relations(scene.store, ann) == {"bob": "incoming"}


async def test_oneself_and_nobody_are_no_contacts(scene: Scene) -> None:
    ann = await scene.user("ann")
    assert await code_of(scene.store.contacts.act(REQUEST, ann, ann)) is ErrorCode.INVALID
    assert await code_of(scene.store.contacts.act(REQUEST, ann, 999)) is ErrorCode.NOT_FOUND
    assert await code_of(scene.store.contacts.act(ACCEPT, ann, 999)) is ErrorCode.NOT_FOUND


async def test_a_refused_act_changes_nothing(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    assert await code_of(scene.store.contacts.act(ACCEPT, ann, bob)) is ErrorCode.NOT_FOUND
    await scene.store.contacts.act(BLOCK, ann, bob)
    assert await code_of(scene.store.contacts.act(REQUEST, ann, bob)) is ErrorCode.FORBIDDEN
    assert await relations(scene.store, ann) == {"bob": "blocked"}
    assert await relations(scene.store, bob) == {}


async def test_lists_of_contacts_are_bounded_on_both_sides(opened: Opener) -> None:
    async with opened(Limits(contacts=2)) as store:
        ann, bob, cid, dan = await Scene(store).users("ann", "bob", "cid", "dan")
        await store.contacts.act(REQUEST, ann, bob)
        await store.contacts.act(REQUEST, ann, cid)
        assert await code_of(store.contacts.act(REQUEST, ann, dan)) is ErrorCode.TOO_LARGE
        assert await code_of(store.contacts.act(REQUEST, dan, ann)) is ErrorCode.TOO_LARGE
        assert await relations(store, dan) == {}
        await store.contacts.act(REMOVE, ann, cid)
        await store.contacts.act(REQUEST, dan, ann)


async def test_requests_that_wait_are_bounded(opened: Opener) -> None:
    async with opened(Limits(requests_pending=1)) as store:
        ann, bob, cid = await Scene(store).users("ann", "bob", "cid")
        await store.contacts.act(REQUEST, ann, bob)
        assert await code_of(store.contacts.act(REQUEST, cid, bob)) is ErrorCode.TOO_LARGE
        await store.contacts.act(ACCEPT, bob, ann)
        await store.contacts.act(REQUEST, cid, bob)
