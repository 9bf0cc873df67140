"""Accounts: who has one, how they are found, invite codes."""

from __future__ import annotations

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.ports import Store
from mrccsc_shared.errors import ErrorCode
from tests.server.storage.scene import Opener, Scene, code_of


async def test_an_account_is_found_by_name_and_id_as_it_was_made(store: Store) -> None:
    made = await store.accounts.create("ann", "Änn 安", "hash")
    assert (made.username, made.display_name, made.password) == ("ann", "Änn 安", "hash")
    assert (made.status, made.status_text) == ("online", None)
    assert made.created > 1_700_000_000_000
    assert await store.accounts.by_name("ann") == made
    assert await store.accounts.by_id(made.user) == made
    assert made.profile == {"user": made.user, "username": "ann", "display_name": "Änn 安"}


async def test_nobody_is_found_who_is_not_there(store: Store) -> None:
    assert await store.accounts.by_name("ann") is None
    assert await store.accounts.by_id(1) is None


async def test_a_name_is_given_once(store: Store) -> None:
    first = await store.accounts.create("ann", "Ann", "hash")
    assert await code_of(store.accounts.create("ann", "Other", "other")) is ErrorCode.EXISTS
    assert await store.accounts.by_name("ann") == first


async def test_an_invite_serves_once_and_only_with_a_free_name(store: Store) -> None:
    await store.accounts.add_invites(["one", "two"], days=1)
    await store.accounts.create("ann", "Ann", "hash", invite="one")
    assert await code_of(store.accounts.create("bob", "Bob", "hash", invite="one")) is ErrorCode.BAD_INVITE
    assert await code_of(store.accounts.create("ann", "Ann", "hash", invite="two")) is ErrorCode.EXISTS
    assert (await store.accounts.create("bob", "Bob", "hash", invite="two")).username == "bob"


async def test_an_invite_that_is_unknown_or_expired_opens_nothing(store: Store) -> None:
    await store.accounts.add_invites(["old"], days=0)
    assert await code_of(store.accounts.create("ann", "Ann", "hash", invite="old")) is ErrorCode.BAD_INVITE
    assert await code_of(store.accounts.create("ann", "Ann", "hash", invite="none")) is ErrorCode.BAD_INVITE
    assert await store.accounts.by_name("ann") is None


async def test_who_has_no_invite_does_not_learn_which_names_exist(store: Store) -> None:
    await store.accounts.create("ann", "Ann", "hash")
    assert await code_of(store.accounts.create("ann", "Ann", "hash", invite="none")) is ErrorCode.BAD_INVITE


async def test_search_ranks_whole_matches_then_beginnings_then_the_rest(scene: Scene) -> None:
    for name, shown in [("zann", "Z"), ("anna", "A"), ("ann", "X"), ("bob", "Ann"), ("carl", "Annabel"), ("dora", "D")]:
        await scene.user(name, shown)
    found = await scene.store.accounts.search("ANN", 10)
    assert [user["username"] for user in found] == ["ann", "bob", "anna", "carl", "zann"]
    assert [user["username"] for user in await scene.store.accounts.search("ann", 2)] == ["ann", "bob"]
    assert found[1] == {"user": found[1]["user"], "username": "bob", "display_name": "Ann"}


@pytest.mark.parametrize("query", ["ÉCOLE", "école", "cole", "e\u0301cole"])
async def test_search_folds_display_names_of_any_script(scene: Scene, query: str) -> None:
    await scene.user("ann", "École")
    assert [user["username"] for user in await scene.store.accounts.search(query, 10)] == ["ann"]


@pytest.mark.parametrize("query", ["%", "_", "'", '"', "\\", "%'; DROP TABLE account; --"])
async def test_signs_in_a_query_are_themselves(scene: Scene, query: str) -> None:
    await scene.user("plain", "Plain")
    await scene.user("odd", f"A{query}B")
    assert [user["username"] for user in await scene.store.accounts.search(query, 10)] == ["odd"]


@pytest.mark.parametrize("query", ["", " ", "\t\u3000"])
async def test_a_blank_query_finds_nobody(scene: Scene, query: str) -> None:
    await scene.user("ann", "A B")
    assert await scene.store.accounts.search(query, 10) == []


async def test_a_new_display_name_is_shown_and_found(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    await scene.store.accounts.rename(bob, "Robert")
    assert (await scene.view(conv, ann))["title"] == "Robert"
    assert [user["user"] for user in await scene.store.accounts.search("robert", 10)] == [bob]
    account = await scene.store.accounts.by_id(bob)
    assert account is not None
    assert account.display_name == "Robert"


async def test_a_new_display_name_is_told_as_each_friend_sees_it(scene: Scene) -> None:
    ann, bob, cat, dan, eve = await scene.users("ann", "bob", "cat", "dan", "eve")
    conv = await scene.direct(bob, ann)
    await scene.befriend(bob, cat)
    await scene.direct(bob, eve)
    await scene.store.contacts.act(ContactAct.REMOVE, eve, bob)
    await scene.store.contacts.act(ContactAct.REQUEST, dan, bob)
    told = await scene.store.accounts.rename(bob, "Robert")
    shown = {"user": {"user": bob, "username": "bob", "display_name": "Robert"}, "relation": "friend"}
    assert told == {ann: {**shown, "conv": conv}, cat: shown}
    for friend, contact in told.items():
        assert contact in await scene.store.contacts.of_user(friend)
    assert await scene.store.accounts.rename(eve, "Eva") == {}


async def test_a_chosen_status_stays(scene: Scene) -> None:
    ann = await scene.user("ann")
    await scene.store.accounts.set_status(ann, "dnd", "in a meeting")
    account = await scene.store.accounts.by_name("ann")
    assert account is not None
    assert (account.status, account.status_text) == ("dnd", "in a meeting")
    await scene.store.accounts.set_status(ann, "invisible", None)
    account = await scene.store.accounts.by_name("ann")
    assert account is not None
    assert (account.status, account.status_text) == ("invisible", None)


async def test_a_new_password_ends_all_other_sessions(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    sessions = scene.store.sessions
    first, second, third = [await sessions.open(ann, bytes([n]) * 32, None) for n in range(3)]
    others = await sessions.open(bob, b"b" * 32, None)
    assert sorted(await scene.store.accounts.set_password(ann, "new", keep=second)) == [first, third]
    assert [info["session"] for info in await sessions.of_user(ann, second)] == [second]
    assert [info["session"] for info in await sessions.of_user(bob, others)] == [others]
    account = await scene.store.accounts.by_id(ann)
    assert account is not None
    assert account.password == "new"
    assert await scene.store.accounts.set_password(ann, "newer") == [second]


async def test_the_operator_sees_everyone_with_live_sessions(opened: Opener) -> None:
    async with opened() as store:
        scene = Scene(store)
        bob, ann = await scene.users("bob", "ann")
        await store.sessions.open(ann, b"1" * 32, None)
        await store.sessions.open(ann, b"2" * 32, None)
        found = await store.accounts.everyone()
        assert [(account.user, account.username, count) for account, count in found] == [
            (ann, "ann", 2),
            (bob, "bob", 0),
        ]
