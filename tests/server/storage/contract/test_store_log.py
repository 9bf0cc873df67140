"""Appending to a log: durable, in order, once; each operation judged alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mrccsc_server.domain.operations import Change, Remove, SetRole
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Store
from mrccsc_shared.errors import ErrorCode, Refusal
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
    send,
    sign,
)


async def test_a_store_keeps_its_identity_until_it_is_given_a_new_one(opened: Opener) -> None:
    async with opened() as store:
        epoch, secret = store.log.epoch, store.log.secret
        assert 1 <= len(epoch) <= 64
        assert len(secret) >= 32
    async with opened() as store:
        assert (store.log.epoch, store.log.secret) == (epoch, secret)
        renewed = await store.new_epoch()
        assert renewed != epoch
        assert (store.log.epoch, store.log.secret) == (renewed, secret)
    async with opened() as store:
        assert store.log.epoch == renewed


async def test_every_kind_of_entry_reads_back_as_it_was_acknowledged(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    await scene.befriend(ann, cid)
    conv = await scene.group(ann)
    made = await scene.done(
        join(conv, bob),
        send(conv, bob, "hello @ann @bob @nobody"),
        send(conv, ann, "plain", reply_to=3),
        invite(conv, ann, cid),
        sign(SetRole(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob, role="admin")),
        sign(Change(conv=conv, by=bob, cid=new_cid(), digest=b"", title="Neu", topic="t", visibility="private")),
        sign(Remove(conv=conv, by=bob, cid=new_cid(), digest=b"", user=cid, ban=True)),
        leave(conv, bob),
    )
    log = await scene.log(conv)
    assert [entry["kind"] for entry in log] == [
        "create", "join", "message", "message", "join", "role", "change", "leave", "leave",
    ]  # fmt: skip
    assert log[1:] == made
    assert made[1]["mentions"] == [ann, bob]
    assert made[2]["reply_to"] == 3
    second = await scene.done(edit(conv, ann, 4, "better @ann"), react(conv, ann, 3, "👍"), delete(conv, ann, 3))
    log = await scene.log(conv)
    assert log[9:] == second
    at = {entry["seq"]: entry["at"] for entry in log}
    assert log[3] == made[2] | {"text": "better @ann", "rev": 10, "edited": at[10], "mentions": [ann]}
    kept = {key: value for key, value in made[1].items() if key not in ("text", "mentions")}
    assert log[2] == kept | {"rev": 12, "deleted": True}


async def test_seqs_have_no_holes_and_time_does_not_go_back(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    await asyncio.gather(*(scene.store.log.append([send(conv, by, f"{n}")]) for n in range(50) for by in (ann, bob)))
    log = await scene.log(conv)
    assert [entry["seq"] for entry in log] == list(range(1, 103))
    times = [entry["at"] for entry in log]
    assert times == sorted(times)
    assert times[0] > 1_700_000_000_000


async def test_a_batch_keeps_its_order_among_others(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    batches = [[send(conv, by, f"{n}") for n in range(20)] for by in (ann, bob) * 5]
    for outcomes in await asyncio.gather(*map(scene.store.log.append, batches)):
        seqs = [outcome.entry["seq"] for outcome in outcomes if isinstance(outcome, Stored)]
        assert seqs == list(range(seqs[0], seqs[0] + 20))
    assert [entry["seq"] for entry in await scene.log(conv)] == list(range(1, 203))


async def test_a_retry_gets_what_was_stored_whatever_has_happened_since(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    op = send(conv, bob, "once")
    (entry,) = await scene.done(op)
    expected = Duplicate(entry["seq"], entry["at"])
    assert await scene.outcome(op) == expected
    assert await scene.store.log.append([op, op]) == [expected, expected]
    await scene.done(edit(conv, bob, entry["seq"], "changed"), delete(conv, bob, entry["seq"]))
    assert await scene.outcome(op) == expected
    await scene.done(leave(conv, bob))
    assert await scene.outcome(op) == expected
    assert (await scene.store.log.heads([conv]))[conv] == 6


async def test_a_retry_in_the_same_batch_is_stored_once(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    op = send(conv, ann, "twice")
    first, second = await scene.store.log.append([op, op])
    assert isinstance(first, Stored)
    assert second == Duplicate(first.entry["seq"], first.entry["at"])
    assert len(await scene.log(conv)) == 2


async def test_a_cid_with_another_content_is_a_conflict(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv, other = await scene.group(ann, bob), await scene.group(ann)
    cid = new_cid()
    await scene.done(send(conv, ann, "one", cid))
    assert await scene.refused(send(conv, ann, "two", cid)) is ErrorCode.CID_CONFLICT
    assert await scene.refused(edit(conv, ann, 3, "two", cid)) is ErrorCode.CID_CONFLICT
    await scene.done(send(conv, bob, "two", cid), send(other, ann, "two", cid))


async def test_what_is_known_under_a_cid(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    op = send(conv, ann, "hello")
    (entry,) = await scene.done(op)
    known = await scene.store.log.known(conv, ann, op.cid)
    assert known is not None
    assert (known.seq, known.at, known.digest) == (entry["seq"], entry["at"], op.digest)
    assert await scene.store.log.known(conv, bob, op.cid) is None
    assert await scene.store.log.known(conv, ann, new_cid()) is None
    assert await scene.store.log.known(999, ann, op.cid) is None


async def test_what_follows_an_unstored_send_is_refused(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    first = send(conv, ann, "first")
    second = send(conv, ann, "second", after=first.cid)
    assert await scene.refused(second) is ErrorCode.UNAVAILABLE
    await scene.done(first, second)
    await scene.done(send(conv, ann, "third", after=second.cid))


async def test_one_refusal_leaves_its_neighbours_alone(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann)
    outcomes = await scene.store.log.append(
        [send(conv, ann, "one"), send(conv, bob, "no member"), send(999, ann, "no such"), send(conv, ann, "two")]
    )
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [True, False, False, True]
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)] == [ErrorCode.NOT_FOUND] * 2
    assert [entry.get("text") for entry in await scene.log(conv)] == [None, "one", "two"]


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_what_the_database_itself_refuses_is_refused_alone(scene: Scene, size: int) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    ops = [send(conv, ann, f"{n}") for n in range(size)]
    ops[size // 2] = replace(ops[size // 2], text="a lone surrogate: \ud800")
    outcomes = await scene.store.log.append(ops)
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [n != size // 2 for n in range(size)]
    outcome = outcomes[size // 2]
    assert isinstance(outcome, Refusal)
    assert outcome.code is ErrorCode.INVALID
    assert [entry["seq"] for entry in await scene.log(conv)] == list(range(1, size + 1))


async def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert await store.log.append([]) == []


async def test_a_message_changed_many_times_in_one_batch_shows_its_present_state(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    await scene.done(
        send(conv, ann, "zero"),
        edit(conv, ann, 3, "one @bob"),
        react(conv, bob, 3, "👍"),
        edit(conv, ann, 3, "two"),
        react(conv, ann, 3, "🎉"),
        react(conv, bob, 3, "👍", on=False),
        send(conv, ann, "gone"),
        react(conv, bob, 9, "👍"),
        edit(conv, ann, 9, "going"),
        delete(conv, ann, 9),
    )
    log = await scene.log(conv)
    at = {entry["seq"]: entry["at"] for entry in log}
    message = log[2]
    assert (message["text"], message["rev"], message["edited"]) == ("two", 8, at[6])
    assert message["reactions"] == {"🎉": [ann]}
    assert "mentions" not in message
    assert (log[3]["text"], log[5]["text"]) == ("", "two")
    assert "mentions" not in log[3]
    gone = log[8]
    assert gone.keys() == {"conv", "seq", "kind", "by", "at", "cid", "rev", "deleted"}
    assert log[10]["text"] == ""


async def test_an_edit_of_an_earlier_batch_is_emptied_when_it_is_superseded(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    await scene.say(conv, ann, "zero")
    await scene.done(edit(conv, ann, 3, "one @bob"))
    assert (await scene.log(conv))[3]["text"] == "one @bob"
    await scene.done(edit(conv, ann, 3, "two @bob"))
    log = await scene.log(conv)
    assert (log[2]["text"], log[3]["text"], log[4]["text"]) == ("two @bob", "", "two @bob")
    assert "mentions" not in log[3]
    assert log[2]["mentions"] == log[4]["mentions"] == [bob]
    await scene.done(delete(conv, ann, 3))
    log = await scene.log(conv)
    assert [entry.get("text") for entry in log[2:]] == [None, "", "", None]


async def test_reactions_are_listed_in_the_order_they_were_set(scene: Scene) -> None:
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    conv = await scene.group(ann, bob, cid)
    seq = await scene.say(conv, ann, "hello")
    await scene.done(react(conv, cid, seq, "🎉"), react(conv, bob, seq, "👍"), react(conv, ann, seq, "🎉"))
    await scene.done(react(conv, cid, seq, "🎉", on=False))
    await scene.done(react(conv, cid, seq, "🎉"), react(conv, cid, seq, "👍"))
    (message,) = await scene.store.log.range(conv, seq - 1, seq)
    assert list(message["reactions"].items()) == [("👍", [bob, cid]), ("🎉", [ann, cid])]


async def test_a_reaction_that_changes_nothing_names_the_entry_that_made_it_so(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    seq = await scene.say(conv, ann, "hello")
    (on,) = await scene.done(react(conv, ann, seq, "👍"))
    assert await scene.outcome(react(conv, ann, seq, "👍")) == Duplicate(on["seq"], on["at"])
    (off,) = await scene.done(react(conv, ann, seq, "👍", on=False))
    assert await scene.outcome(react(conv, ann, seq, "👍", on=False)) == Duplicate(off["seq"], off["at"])


async def test_memberships_are_judged_by_what_the_batch_has_made_so_far(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann)
    outcomes = await scene.store.log.append(
        [send(conv, bob, "early"), join(conv, bob), send(conv, bob, "in"), leave(conv, bob), send(conv, bob, "late")]
    )
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [False, True, True, True, False]
    joined = outcomes[1]
    assert isinstance(joined, Stored)
    assert joined.view is not None
    assert (joined.view["head"], joined.view.get("members")) == (1, 2)
    left = outcomes[3]
    assert isinstance(left, Stored)
    assert left.gone == "left"
    assert (await scene.view(conv, ann))["members"] == 1


async def test_a_ban_without_an_entry_lasts(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann)
    outcome = await scene.outcome(sign(Remove(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob, ban=True)))
    assert isinstance(outcome, Duplicate)
    assert await scene.refused(join(conv, bob)) is ErrorCode.FORBIDDEN
    assert len(await scene.log(conv)) == 1


async def test_the_last_leave_closes_a_group_for_ever(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann)
    outcome = await scene.outcome(leave(conv, ann))
    assert isinstance(outcome, Stored)
    assert outcome.gone == "closed"
    assert await scene.refused(join(conv, bob)) is ErrorCode.NOT_FOUND
    assert await scene.refused(send(conv, ann, "anybody?")) is ErrorCode.NOT_FOUND


async def test_a_removal_races_with_sends_and_each_is_below_it_or_refused(scene: Scene) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    removal = sign(Remove(conv=conv, by=ann, cid=new_cid(), digest=b"", user=bob))
    ops = [send(conv, bob, f"{n}") for n in range(40)]
    results = await asyncio.gather(*(scene.store.log.append([op]) for op in [*ops[:20], removal, *ops[20:]]))
    log = await scene.log(conv)
    end = next(entry["seq"] for entry in log if entry["kind"] == "leave")
    assert all(entry["seq"] < end for entry in log if entry["kind"] == "message")
    refused = sum(isinstance(outcome, Refusal) for (outcome,) in results)
    assert refused + sum(entry["kind"] == "message" for entry in log) == 40


async def test_heads_and_ranges_are_for_nodes_and_know_no_permission(scene: Scene) -> None:
    ann = await scene.user("ann")
    first, second = await scene.group(ann, visibility="private"), await scene.group(ann)
    for n in range(5):
        await scene.say(first, ann, f"{n}")
    assert await scene.store.log.heads([first, second, 999]) == {first: 6, second: 1}
    assert await scene.store.log.heads([]) == {}
    assert [entry["seq"] for entry in await scene.store.log.range(first, 2, 4)] == [3, 4]
    assert await scene.store.log.range(first, 4, 4) == []
    assert [entry["seq"] for entry in await scene.store.log.range(first, 5, 2**53 - 1)] == [6]
    assert await scene.store.log.range(999, 0, 5) == []


async def test_heads_of_only_what_was_touched_lately(scene: Scene) -> None:
    ann = await scene.user("ann")
    quiet, lively = await scene.group(ann), await scene.group(ann)
    created = (await scene.log(quiet))[0]["at"]
    heads = scene.store.log.heads
    assert await heads([quiet, lively], since=created) == {quiet: 1, lively: 1}
    while await scene.store.log.now() <= created:
        pass
    (entry,) = await scene.done(send(lively, ann, "hello"))
    assert entry["at"] > created
    assert await heads([quiet, lively, 999], since=entry["at"]) == {lively: 2}
    assert await heads([quiet, lively], since=entry["at"] + 1) == {}
    assert await heads([quiet], since=entry["at"]) == {}


async def test_the_clock_is_that_of_the_entries(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    before = await scene.store.log.now()
    (entry,) = await scene.done(send(conv, ann, "hello"))
    assert before <= entry["at"] <= await scene.store.log.now()


async def test_what_was_acknowledged_is_there_after_opening_again(opened: Opener) -> None:
    async with opened() as store:
        scene = Scene(store)
        ann, bob = await scene.users("ann", "bob")
        conv = await scene.direct(ann, bob)
        await scene.done(send(conv, ann, "zero 👋"), edit(conv, ann, 2, "one"), react(conv, bob, 2, "👍"))
        before = await scene.log(conv)
    async with opened() as store:
        scene = Scene(store)
        assert await scene.log(conv) == before
        assert await scene.store.log.heads([conv]) == {conv: 4}


async def test_members_of_a_group_are_bounded(opened: Opener) -> None:
    async with opened(Limits(members=2)) as store:
        scene = Scene(store)
        ann, bob, cid = await scene.users("ann", "bob", "cid")
        conv = await scene.group(ann, bob)
        assert await scene.refused(join(conv, cid)) is ErrorCode.TOO_LARGE


async def test_beyond_the_commit_queue_writes_are_refused_before_they_are_accepted(opened: Opener) -> None:
    async with opened(Limits(commit_queue=8)) as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        # While the first batch is stored one more may wait, and then the queue is full.
        batches = [[send(conv, ann, f"{m} {n}") for n in range(200)] for m in range(10)]
        results = await asyncio.gather(*map(store.log.append, batches), return_exceptions=True)
        refused = [result for result in results if isinstance(result, Refusal)]
        assert refused
        assert {refusal.code for refusal in refused} == {ErrorCode.OVERLOADED}
        assert len(await scene.log(conv)) - 1 == 200 * (len(results) - len(refused))
        await scene.say(conv, ann, "room again")


async def test_a_closed_store_answers_that_it_is_unavailable(opened: Opener) -> None:
    async with opened() as store:
        ann = await Scene(store).user("ann")
        conv = await Scene(store).group(ann)
    assert await code_of(store.log.append([send(conv, ann, "late")])) is ErrorCode.UNAVAILABLE
    assert await code_of(store.log.heads([conv])) is ErrorCode.UNAVAILABLE
    assert await store.healthy() is False


async def test_closing_finishes_what_is_queued(opened: Opener) -> None:
    async with opened() as store:
        scene = Scene(store)
        ann = await scene.user("ann")
        conv = await scene.group(ann)
        pending = [asyncio.ensure_future(store.log.append([send(conv, ann, f"{n}")])) for n in range(100)]
        await asyncio.sleep(0)
        await store.close()
        outcomes = await asyncio.gather(*pending)
    assert all(isinstance(outcome, Stored) for (outcome,) in outcomes)
    async with opened() as store:
        assert await store.log.heads([conv]) == {conv: 101}


async def test_a_working_store_is_healthy(store: Store) -> None:
    assert await store.healthy() is True
