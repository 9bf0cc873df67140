"""Several nodes on one database."""

from __future__ import annotations

import asyncio
import random

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Operation, Remove
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import ROOM, Opener, Scene, join, leave, new_cid, send, sign


async def test_two_nodes_write_into_the_same_conversations(opened: Opener) -> None:
    chance = random.Random(7)
    async with opened() as one, opened() as two:
        scene = Scene(one)
        users = await scene.users("ann", "bob", "cid")
        convs = [await scene.group(*users) for _ in range(4)]
        batches = [
            [send(chance.choice(convs), chance.choice(users), f"{batch} {n}") for n in range(chance.randint(1, 20))]
            for batch in range(40)
        ]
        # Every batch goes to both, as when a client moves while its sends are under way.
        calls = [(store, batch) for batch in batches for store in (one, two)]
        chance.shuffle(calls)
        results = await asyncio.gather(*(store.log.append(batch) for store, batch in calls))
        told: dict[str, list[tuple[int, bool]]] = {}
        for (_, batch), outcomes in zip(calls, results, strict=True):
            for op, outcome in zip(batch, outcomes, strict=True):
                assert not isinstance(outcome, Refusal)
                seq = outcome.seq if isinstance(outcome, Duplicate) else outcome.entry["seq"]
                told.setdefault(op.cid, []).append((seq, isinstance(outcome, Stored)))
        for seqs in told.values():
            assert len({seq for seq, _ in seqs}) == 1
            assert sorted(stored for _, stored in seqs) == [False, True]
        for conv in convs:
            log = await scene.log(conv)
            assert log == await Scene(two).log(conv)
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            times = [entry["at"] for entry in log]
            assert times == sorted(times)
            assert {entry["cid"]: entry["seq"] for entry in log[3:]} == {
                op.cid: told[op.cid][0][0] for batch in batches for op in batch if op.conv == conv
            }
            for user in users:
                view = await scene.view(conv, user)
                assert view["unread"] == sum(entry["kind"] == "message" and entry["by"] != user for entry in log)


async def test_a_removal_on_one_node_races_with_sends_on_another(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.group(ann, bob)
        removal = sign(Remove(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob))

        async def remove() -> None:
            while len(await scene.log(conv)) < 10:
                pass
            await scene.done(removal)

        async def say() -> int:
            said = 0
            while isinstance(await Scene(two).outcome(send(conv, bob, "still here")), Stored):
                said += 1
            return said

        _, *said = await asyncio.gather(remove(), *(say() for _ in range(4)))
        log = await scene.log(conv)
        assert log[-1]["kind"] == "leave"
        assert sum(entry["kind"] == "message" for entry in log) == sum(said)


async def test_marks_move_while_others_write_and_come_and_go(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann, bob, cid = await scene.users("ann", "bob", "cid")
        conv = await scene.group(ann, bob)
        ended = False

        async def mark() -> None:
            while not ended:
                head = (await two.log.heads([conv]))[conv]
                await two.conversations.mark_read(conv, bob, head, unread=False)
                await two.conversations.mute(conv, bob, muted=True)

        async def write(user: int) -> None:
            for n in range(40):
                await one.log.append([send(conv, user, f"{n}"), send(conv, user, f"{n} again")])

        async def come_and_go() -> None:
            for _ in range(15):
                await two.log.append([join(conv, cid)])
                await one.log.append([send(conv, cid, "hello"), leave(conv, cid)])

        marking = asyncio.ensure_future(mark())
        await asyncio.gather(write(ann), write(bob), come_and_go())
        ended = True
        await marking
        log = await scene.log(conv)
        assert len(log) == 2 + 160 + 45
        view = await scene.view(conv, bob)
        assert view["muted"] is True
        new = [entry for entry in log if entry["kind"] == "message" and entry["by"] != bob]
        assert view["unread"] == sum(entry["seq"] > view["read"] for entry in new)
        assert (await scene.view(conv, ann))["unread"] == sum(
            entry["kind"] == "message" and entry["by"] != ann for entry in log
        )


async def test_what_may_be_there_once_is_made_once(opened: Opener) -> None:
    async with opened() as one, opened() as two:
        scene = Scene(one)
        made = await asyncio.gather(
            *(store.accounts.create("ann", "Ann", "hash") for store in (one, two) * 5), return_exceptions=True
        )
        assert [result.code for result in made if isinstance(result, Refusal)] == [ErrorCode.EXISTS] * 9
        ann, bob = (await one.accounts.by_name("ann")).user, await scene.user("bob")
        await one.accounts.add_invites(["code"], 1)
        used = await asyncio.gather(
            *(store.accounts.create(f"u{n}", "U", "hash", invite="code") for n, store in enumerate((one, two) * 3)),
            return_exceptions=True,
        )
        assert [result.code for result in used if isinstance(result, Refusal)] == [ErrorCode.BAD_INVITE] * 5
        await scene.befriend(ann, bob)
        opened_ = await asyncio.gather(
            *(store.conversations.open_direct(*pair) for store in (one, two) for pair in ((ann, bob), (bob, ann)) * 3)
        )
        assert len({view["conv"] for view, _ in opened_}) == 1
        assert sum(theirs is not None for _, theirs in opened_) == 1
        cid = new_cid()
        groups = await asyncio.gather(
            *(store.conversations.create_group(ann, cid, b"d", "G", "", "public") for store in (one, two) * 4)
        )
        assert len({view["conv"] for view, _ in groups}) == 1
        assert sum(new for _, new in groups) == 1


async def test_limits_hold_across_nodes(opened: Opener) -> None:
    limits = Limits(groups=3, contacts=3)
    async with opened(limits) as one, opened(limits) as two:
        scene = Scene(one)
        ann, bob, *others = await scene.users("ann", "bob", "c", "d", "e", "f")
        convs = [await scene.group(bob) for _ in range(3)] + [await scene.group(others[0]) for _ in range(3)]
        results = await asyncio.gather(
            *((one, two)[n % 2].log.append([join(conv, ann)]) for n, conv in enumerate(convs))
        )
        assert sum(isinstance(outcome, Stored) for (outcome,) in results) == 3
        asked = await asyncio.gather(
            *((one, two)[n % 2].contacts.act(ContactAct.REQUEST, other, ann) for n, other in enumerate([bob, *others])),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Refusal) for result in asked) == 2
        assert len(await one.contacts.of_user(ann)) == 3


async def test_nodes_index_what_others_have_left_behind(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrccsc_server.storage.indexing.SWEEP_EVERY", 0.0)
    async with opened() as one, opened() as two:
        scene = Scene(one)
        ann = await scene.user("ann")
        convs = [await scene.group(ann) for _ in range(3)]
        await asyncio.gather(*(store.search.index(100) for store in (one, two)))
        for conv in convs:
            await scene.done(*(send(conv, ann, f"word{n} common") for n in range(20)))
        indexed = await asyncio.gather(*(store.search.index(1_000) for store in (one, two) * 3))
        assert sum(indexed) >= 60, "by either, or by one after the other"
        hits, _ = await two.search.find(ann, "common", conv=None, by=None, before=None, limit=100, max_bytes=ROOM)
        assert len(hits) == 60


async def test_large_batches_travel_in_parts(opened: Opener) -> None:
    async with opened() as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        said: list[str] = []
        for _ in range(2):  # The second time, nothing is read for it.
            texts = [f"{n} " + "\\'\0安" * 1_300 for n in range(512)]
            ops: list[Operation] = [send(conv, ann, text) for text in texts]
            assert all(isinstance(outcome, Stored) for outcome in await store.log.append(ops))
            said += texts
        log = await scene.log(conv)
        assert [entry["text"] for entry in log[1:]] == said
