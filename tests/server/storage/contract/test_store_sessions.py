"""Sessions: stored tokens, how they end."""

from __future__ import annotations

from dataclasses import replace

from mrccsc_server.ports import Store, StoredSession
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import DeviceInfo
from tests.server.storage.scene import Opener, Scene, leave, new_cid


async def find(store: Store, digest: bytes) -> StoredSession | None:
    (found,) = await store.sessions.find([digest])
    return found


async def test_a_token_opens_its_session_with_the_account(scene: Scene) -> None:
    ann = await scene.user("ann")
    session = await scene.store.sessions.open(ann, b"a" * 32, None)
    account = await scene.store.accounts.by_id(ann)
    assert account is not None
    found = await find(scene.store, b"a" * 32)
    assert found == StoredSession(session, replace(account, password=""), [])
    assert await find(scene.store, b"b" * 32) is None


async def test_tokens_that_are_looked_up_together_open_each_its_own_session(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    await scene.store.accounts.rename(ann, 'Ann "\\" 安')
    convs = [await scene.group(ann, bob), await scene.direct(ann, bob)]
    left = await scene.group(ann, bob)
    await scene.done(leave(left, bob))
    sessions = [await scene.store.sessions.open(user, bytes([n]) * 32, None) for n, user in enumerate((ann, bob, ann))]
    found = await scene.store.sessions.find([bytes([n]) * 32 for n in (2, 1, 7, 0, 1)])
    assert [one and (one.session, one.account.user) for one in found] == [
        (sessions[2], ann), (sessions[1], bob), None, (sessions[0], ann), (sessions[1], bob)
    ]  # fmt: skip
    assert [one and sorted(one.convs) for one in found] == [[*convs, left], convs, None, [*convs, left], convs]
    assert [one and one.account.display_name for one in found] == ['Ann "\\" 安', "Bob", None, 'Ann "\\" 安', "Bob"]
    assert await scene.store.sessions.find([]) == []


async def test_sessions_are_listed_newest_first_with_their_devices(scene: Scene) -> None:
    ann = await scene.user("ann")
    device: DeviceInfo = {"id": new_cid(), "name": "laptop"}
    first = await scene.store.sessions.open(ann, b"a" * 32, device)
    second = await scene.store.sessions.open(ann, b"b" * 32, None)
    newest, oldest = await scene.store.sessions.of_user(ann, first)
    assert (newest["session"], newest["current"], newest.get("device")) == (second, False, None)
    assert (oldest["session"], oldest["current"], oldest.get("device")) == (first, True, device)
    assert oldest["created"] <= newest["created"] <= newest["last_seen"]


async def test_an_ended_session_is_gone_and_its_id_is_not_used_again(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    session = await scene.store.sessions.open(ann, b"a" * 32, None)
    assert not await scene.store.sessions.revoke(bob, session), "it is not theirs"
    assert await scene.store.sessions.revoke(ann, session)
    assert not await scene.store.sessions.revoke(ann, session)
    assert await find(scene.store, b"a" * 32) is None
    assert await scene.store.sessions.open(ann, b"b" * 32, None) > session


async def test_all_sessions_but_one_end(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    first, second, third = [await scene.store.sessions.open(ann, bytes([n]) * 32, None) for n in range(3)]
    await scene.store.sessions.open(bob, b"b" * 32, None)
    assert sorted(await scene.store.sessions.revoke_all(ann, keep=first)) == [second, third]
    assert await scene.store.sessions.revoke_all(ann) == [first]
    assert await scene.store.sessions.revoke_all(ann) == []
    assert await find(scene.store, b"b" * 32) is not None


async def test_touching_tells_which_sessions_still_live(scene: Scene) -> None:
    ann = await scene.user("ann")
    first, second = [await scene.store.sessions.open(ann, bytes([n]) * 32, None) for n in range(2)]
    before = {info["session"]: info["last_seen"] for info in await scene.store.sessions.of_user(ann, first)}
    await scene.store.sessions.revoke(ann, second)
    assert await scene.store.sessions.touch([first, second, 999]) == {first}
    (info,) = await scene.store.sessions.of_user(ann, first)
    assert info["last_seen"] >= before[first]
    assert await scene.store.sessions.touch([]) == set()


async def test_above_the_limit_the_longest_unused_session_ends(opened: Opener) -> None:
    async with opened(Limits(sessions=2)) as store:
        ann = await Scene(store).user("ann")
        first = await store.sessions.open(ann, b"1" * 32, None)
        second = await store.sessions.open(ann, b"2" * 32, None)
        await _touched_later(store, ann, first)
        third = await store.sessions.open(ann, b"3" * 32, None)
        assert {info["session"] for info in await store.sessions.of_user(ann, third)} == {first, third}
        assert await find(store, b"2" * 32) is None
        assert second not in await store.sessions.touch([second])


async def test_a_session_that_was_not_used_for_long_is_gone(opened: Opener) -> None:
    async with opened() as store:
        ann = await Scene(store).user("ann")
        session = await store.sessions.open(ann, b"a" * 32, None)
    async with opened(Limits(session_days=1e-9)) as store:
        assert await find(store, b"a" * 32) is None
        assert await store.sessions.of_user(ann, session) == []
        assert await store.sessions.touch([session]) == set()
        assert not await store.sessions.revoke(ann, session)
        assert [count for _, count in await store.accounts.everyone()] == [0]


async def _touched_later(store: Store, user: int, session: int) -> None:
    """Touch a session until the database's clock has moved on since it was opened."""
    while True:
        await store.sessions.touch([session])
        seen = {info["session"]: info["last_seen"] for info in await store.sessions.of_user(user, session)}
        if seen[session] > max(at for other, at in seen.items() if other != session):
            return
