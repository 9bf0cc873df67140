"""A server that is killed, frozen, cut off or in the way: nothing acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Send
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Store
from mrccsc_server.storage import make_store
from mrccsc_server.storage.mysql import link
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from tests.server.storage.mysql.conftest import Raw, run
from tests.server.storage.mysql.proxy import Proxy, proxied
from tests.server.storage.scene import Opener, Scene, code_of, new_cid, react, send
from tests.waiting import PATIENCE, wait_until
from tools.cluster.mariadb import MariaDb

T = TypeVar("T")

SHORT = Limits(database_time=1)


@pytest.fixture(scope="module")
def own() -> Iterator[MariaDb]:
    """A server that may be ill-treated."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        server = MariaDb(Path(folder))
        server.start()
        server.create("chat")
        yield server
        server.kill()


@pytest.fixture
async def ill(own: MariaDb) -> AsyncIterator[Store]:
    """A store on it, empty."""
    own.drop("chat")
    own.create("chat")
    store = make_store(own.url("chat"), SHORT)
    await store.open()
    yield store
    await store.close()


async def in_time(call: Callable[[], Awaitable[T]]) -> T:
    """What the call returns once it is not refused any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Refusal):
                return await call()
            await asyncio.sleep(0.05)


async def test_a_kill_under_load_loses_nothing_that_was_acknowledged(own: MariaDb, ill: Store) -> None:
    scene = Scene(ill)
    users = await scene.users("ann", "bob", "cid")
    convs = [await scene.group(*users) for _ in range(3)]
    acked: dict[tuple[int, str], int] = {}
    refused = 0
    ending = False

    async def write(conv: int, user: int) -> None:
        nonlocal refused
        number = 0
        while not ending:
            number += 1
            ops = [send(conv, user, f"{user} {number} {part}") for part in range(3)]
            while True:
                try:
                    outcomes = await ill.log.append(ops)
                except Refusal as refusal:
                    refused += refusal.code is ErrorCode.UNAVAILABLE
                    await asyncio.sleep(0.02)
                else:
                    break
            for op, outcome in zip(ops, outcomes, strict=True):
                assert not isinstance(outcome, Refusal)
                acked[conv, op.cid] = outcome.seq if isinstance(outcome, Duplicate) else outcome.entry["seq"]

    async def one_refused(before: int) -> None:
        await wait_until(lambda: refused > before, "a refusal")

    async def acknowledged(count: int) -> None:
        await wait_until(lambda: len(acked) > count, f"{count} acks")

    writers = [asyncio.ensure_future(write(conv, user)) for conv in convs for user in users]
    for count in (60, 300):
        await acknowledged(count)
        await asyncio.to_thread(own.kill)
        await one_refused(refused)
        own.start()  # Not in a thread: the server ends with the one that started it.
        await acknowledged(len(acked) + 30)
    ending = True
    await asyncio.gather(*writers)
    for conv in convs:
        log = await scene.log(conv)
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
        cids = {entry["cid"]: entry["seq"] for entry in log}
        assert len(cids) == len(log)
        assert {cid: seq for (at, cid), seq in acked.items() if at == conv}.items() <= cids.items()
        for user in users:
            mine = [entry["text"] for entry in log if entry["by"] == user and entry["kind"] == "message"]
            assert mine == sorted(mine, key=lambda text: [int(part) for part in text.split()])


async def test_a_frozen_server_is_unavailable_and_comes_back_by_itself(own: MariaDb, ill: Store) -> None:
    scene = Scene(ill)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    op = send(conv, ann, "meanwhile")
    own.freeze()
    try:
        async with asyncio.timeout(PATIENCE):
            assert await code_of(ill.log.append([op])) is ErrorCode.UNAVAILABLE
            assert await code_of(ill.log.heads([conv])) is ErrorCode.UNAVAILABLE
            assert await ill.healthy() is False
    finally:
        own.thaw()
    await in_time(lambda: ill.log.append([op]))
    assert [entry.get("text") for entry in await scene.log(conv)] == [None, "meanwhile"]
    await wait_healthy(ill)


async def wait_healthy(store: Store) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await store.healthy():
            await asyncio.sleep(0.1)


async def test_a_server_that_is_gone_is_refused_at_once_and_used_when_it_is_back(own: MariaDb, ill: Store) -> None:
    scene = Scene(ill)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await asyncio.to_thread(own.stop)
    assert await code_of(ill.log.append([send(conv, ann, "late")])) is ErrorCode.UNAVAILABLE
    assert await code_of(ill.conversations.memberships([ann])) is ErrorCode.UNAVAILABLE
    own.start()
    await in_time(lambda: scene.say(conv, ann, "again"))
    assert len(await scene.log(conv)) == 2


@asynccontextmanager
async def through_a_proxy(opened: Opener, mariadb: MariaDb, url: str) -> AsyncIterator[tuple[Proxy, Scene]]:
    async with proxied(mariadb.port) as proxy, opened(at=url.replace(f":{mariadb.port}/", f":{proxy.port}/")) as store:
        yield proxy, Scene(store)


@pytest.mark.parametrize("when", [["before"], ["after"], ["after", "before"], ["before", "after", "after"]])
async def test_a_connection_lost_in_the_commit_stores_once_and_tells_it_as_news(
    opened: Opener, mariadb: MariaDb, url: str, when: list[str]
) -> None:
    async with through_a_proxy(opened, mariadb, url) as (proxy, scene):
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.group(ann, bob)
        known = send(conv, ann, "known")
        (before,) = await scene.done(known)
        proxy.cut_commits(*when)  # type: ignore[arg-type]
        outcomes = await scene.store.log.append([send(conv, ann, "one"), known, send(conv, bob, "two")])
        assert proxy.cut == len(when)
        assert outcomes[1] == Duplicate(before["seq"], before["at"])
        made = [dict(outcome.entry) for outcome in outcomes if isinstance(outcome, Stored)]
        assert [entry["text"] for entry in made] == ["one", "two"]
        assert (await scene.log(conv))[3:] == made


@pytest.mark.parametrize("when", [["before"], ["after"], ["after", "before"], ["before", "after", "after"]])
async def test_what_is_only_said_is_stored_once_and_news_too(
    opened: Opener, mariadb: MariaDb, url: str, when: list[str]
) -> None:
    async with through_a_proxy(opened, mariadb, url) as (proxy, scene):
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.group(ann, bob)
        await scene.done(send(conv, ann, "zero"), send(conv, bob, "zero"))
        proxy.cut_commits(*when)  # type: ignore[arg-type]
        made = await scene.done(send(conv, ann, "one"), send(conv, bob, "two"), send(conv, ann, "three"))
        assert proxy.cut == len(when)
        assert [entry["seq"] for entry in made] == [5, 6, 7]
        assert (await scene.log(conv))[4:] == made
        (last,) = await scene.done(send(conv, ann, "four"))
        assert last["seq"] == 8


async def test_who_was_removed_since_a_commit_whose_connection_was_lost_is_told_all_the_same(
    opened: Opener, mariadb: MariaDb, url: str, raw: Raw
) -> None:
    async with through_a_proxy(opened, mariadb, url) as (proxy, scene):
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.group(ann, bob)
        await scene.say(conv, bob, "zero")

        def between_attempts() -> float:
            run(raw, f"UPDATE member SET state = 'removed' WHERE conv = {conv} AND user = {bob}")
            raw.commit()
            return 0.0

        scene.store.log._database._chance = between_attempts  # type: ignore[attr-defined]
        proxy.cut_commits("after")
        (entry,) = await scene.done(send(conv, bob, "one"))
        assert proxy.cut == 1
        assert (await scene.log(conv))[-1] == entry
        assert await scene.refused(send(conv, bob, "two")) == ErrorCode.NOT_FOUND


async def test_what_cannot_be_repeated_is_unavailable_when_its_commit_was_lost(
    opened: Opener, mariadb: MariaDb, url: str
) -> None:
    async with through_a_proxy(opened, mariadb, url) as (proxy, scene):
        ann, bob = await scene.users("ann", "bob")
        proxy.cut_commits("after")
        assert await code_of(scene.store.contacts.act(ContactAct.REQUEST, ann, bob)) is ErrorCode.UNAVAILABLE
        assert (await scene.store.contacts.of_user(bob))[0]["relation"] == "incoming"
        proxy.cut_commits("before")
        assert await code_of(scene.store.accounts.create("cid", "Cid", "hash")) is ErrorCode.UNAVAILABLE
        assert await scene.store.accounts.by_name("cid") is None


async def test_a_deadlock_is_run_again(scene: Scene, raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    ann, bob = await scene.users("ann", "bob")
    await scene.befriend(ann, bob)
    # The one that has changed less is undone: that is to be the store's.
    run(raw, "CREATE TABLE ballast (n INT)")
    run(raw, "INSERT INTO ballast SELECT seq FROM seq_1_to_1000")
    run(raw, f"SELECT 1 FROM account WHERE user = {bob} FOR UPDATE")
    acting = asyncio.ensure_future(scene.store.contacts.act(ContactAct.BLOCK, ann, bob))
    await wait_until(lambda: waits_for_a_lock(raw), "the store waiting for a lock")
    await asyncio.to_thread(run, raw, f"SELECT 1 FROM account WHERE user = {ann} FOR UPDATE")
    await wait_until(lambda: "1213" in caplog.text, "a deadlock")
    raw.commit()
    assert (await acting).mine["relation"] == "blocked"


def waits_for_a_lock(raw: Raw) -> bool:
    # Not innodb_trx: who looks there often is shown what was there before.
    return run(raw, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] != "0"


async def test_a_lock_timeout_is_run_again(
    opened: Opener, raw: Raw, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(link, "LOCK_TIME", 1)
    async with opened() as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        run(raw, f"SELECT 1 FROM conversation WHERE conv = {conv} FOR UPDATE")
        saying = asyncio.ensure_future(scene.say(conv, ann, "patience"))
        await wait_until(lambda: "1205" in caplog.text, "a lock timeout")
        raw.rollback()
        assert await saying == 2


async def test_a_lock_that_is_held_past_the_deadline_is_unavailable(opened: Opener, raw: Raw) -> None:
    async with opened(SHORT) as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv, other = await scene.group(ann), await scene.group(ann)
        op = send(conv, ann, "hello")
        run(raw, f"SELECT 1 FROM conversation WHERE conv = {conv} FOR UPDATE")
        assert await code_of(store.log.append([op])) is ErrorCode.UNAVAILABLE
        assert await scene.say(other, ann, "not locked") == 2
        raw.rollback()
        (outcome,) = await store.log.append([op])
        assert isinstance(outcome, Stored)


async def test_what_is_said_is_refused_without_what_else_is_done(opened: Opener, raw: Raw) -> None:
    async with opened(Limits(database_time=1)) as store:
        scene = Scene(store)
        ann, bob = await scene.users("ann", "bob")
        convs = [await scene.direct(ann, bob), await scene.group(ann, bob)]
        await scene.done(*(send(conv, ann, "one") for conv in convs))
        run(raw, f"SELECT 1 FROM conversation WHERE conv = {convs[0]} FOR UPDATE")
        batch = [react(convs[1], bob, 3, "👍"), send(convs[0], ann, "two"), send(convs[1], ann, "two")]
        outcomes = await store.log.append(batch)
        raw.rollback()
        assert [getattr(outcome, "code", None) for outcome in outcomes] == [None, ErrorCode.UNAVAILABLE, None]
        assert [entry["seq"] for entry in (await scene.log(convs[1]))[3:]] == [4, 5]


async def test_a_node_that_hangs_in_a_transaction_frees_its_rows(
    opened: Opener, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "IDLE_TIME", 1)
    async with opened() as hanging:
        scene = Scene(hanging)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        async with hanging._database._pool.link() as stuck:
            await stuck.send([b"START TRANSACTION", b"SELECT conv FROM conversation FOR UPDATE"])
            async with opened() as other:
                assert await Scene(other).say(conv, ann, "past it") == 2
            assert not stuck.alive


async def test_writes_wait_their_turn_and_reads_go_on(opened: Opener, raw: Raw, url: str) -> None:
    async with opened(at=f"{url}?pool=2") as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        run(raw, f"SELECT 1 FROM conversation WHERE conv = {conv} FOR UPDATE")
        ops: list[Send] = [send(conv, ann, f"{n}", new_cid()) for n in range(5)]
        writing = [asyncio.ensure_future(store.log.append([op])) for op in ops]
        await wait_until(lambda: waits_for_a_lock(raw), "a write waiting for the lock")
        assert await store.log.heads([conv]) == {conv: 1}
        raw.rollback()
        outcomes = await asyncio.gather(*writing)
        assert [outcome.entry["text"] for (outcome,) in outcomes if isinstance(outcome, Stored)] == list("01234")
