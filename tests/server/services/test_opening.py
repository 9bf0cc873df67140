"""Sessions that are opened together: what they share, and what none of them does to another."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from mrccsc_server.ports import Account, StoredSession
from mrccsc_server.security.tokens import digest, new_token
from mrccsc_server.services.resuming import Knock
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import SessionResume
from tests.server.services.nodes import Device, Node, Town, town
from tests.waiting import wait_until


class Comer:
    """Somebody who knocks with a token, and what came of it."""

    def __init__(self, node: Node, token: str) -> None:
        self.node = node
        self.token = token
        self.device: Device | None = None
        self.outcomes: list[Refusal | None] = []
        self.hangs_up = False

    def knock(self, **more: Any) -> None:
        request = SessionResume(type="session.resume", id=1, token=self.token, **more)
        self.node.services.sign_in.resume(Knock(request, "10.0.0.1", self._enter, self.outcomes.append))

    def _enter(self, stored: StoredSession) -> Any:
        if self.hangs_up:
            return None
        self.device = Device(self.node, stored.account, stored.session)
        return self.device.session

    @property
    def code(self) -> ErrorCode | None:
        (outcome,) = self.outcomes
        return outcome and outcome.code


async def comer(place: Town, account: Account) -> Comer:
    token = new_token()
    await place.store.sessions.open(account.user, digest(token), None)
    return Comer(place.nodes[0], token)


async def all_answered(comers: list[Comer]) -> None:
    await wait_until(lambda: all(one.outcomes for one in comers), "an answer for all")


def count_calls(place: Town) -> Counter[str]:
    calls: Counter[str] = Counter()

    def counted(where: Any, name: str) -> None:
        real = getattr(where, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            calls[name] += 1
            return await real(*arguments, **named)

        setattr(where, name, call)

    counted(place.store.sessions, "find")
    counted(place.store.log, "snapshots")
    counted(place.store.conversations, "memberships")
    counted(place.nodes[0].cluster.presence, "update")
    return calls


async def test_those_who_come_together_share_all_calls() -> None:
    async with town(1) as place:
        people = await place.friends(*(f"u{n}" for n in range(20)))
        conv = await place.group(*people[:5])
        comers = [await comer(place, account) for account in people]
        await wait_until(lambda: not place.hub.has(people[0].user), "the owner has gone")
        calls = count_calls(place)
        for one in comers:
            one.knock()
        await all_answered(comers)
        assert [one.code for one in comers] == [None] * 20
        assert calls == {"find": 1, "snapshots": 1, "update": 1}
        for account, one in zip(people, comers, strict=True):
            assert one.device is not None
            assert one.device.ready["user"]["user"] == account.user
            assert [view["conv"] for view in one.device.ready["conversations"]] == [conv] * (account in people[:5])
        hub = comers[0].device
        assert hub is not None
        assert {contact["presence"]["status"] for contact in hub.ready["friends"]} == {"online"}
        hub.says(conv, "hello")
        await place.all_reach(conv, [one.device for one in comers[:5] if one.device])


async def test_a_token_that_is_no_good_is_refused_alone() -> None:
    async with town(1) as place:
        (ann,) = await place.friends("ann")
        good, bad, gone = await comer(place, ann), Comer(place.nodes[0], new_token()), await comer(place, ann)
        gone.hangs_up = True
        for one in (bad, good, gone):
            one.knock()
        await all_answered([good, bad])
        assert (good.code, bad.code) == (None, ErrorCode.BAD_CREDENTIALS)
        assert (bad.device, gone.outcomes) == (None, [])
        assert place.nodes[0].services.live.sessions(ann.user) == [good.device and good.device.session]


async def test_whoever_goes_while_being_let_in_leaves_nothing_behind() -> None:
    async with town(1) as place:
        ann, bob = await place.friends("ann", "bob")
        going, staying = await comer(place, ann), await comer(place, bob)
        snapshots = place.store.log.snapshots

        async def meanwhile(*arguments: Any) -> Any:
            found = await snapshots(*arguments)
            assert going.device is not None
            place.nodes[0].services.sign_in.leave(going.device.session)
            return found

        place.store.log.snapshots = meanwhile  # type: ignore[method-assign]
        going.knock()
        staying.knock()
        await all_answered([going, staying])
        assert (going.code, staying.code) == (None, None)
        assert going.device is not None
        assert going.device.lines == []
        assert list(place.nodes[0].services.live.users) == [bob.user]
        assert staying.device is not None
        await wait_until(lambda: staying.device.sees(ann.user) == "offline", "that she has gone")


@pytest.mark.parametrize("step", ["find", "snapshots"])
async def test_what_fails_refuses_all_of_its_batch_and_nobody_after_it(step: str) -> None:
    async with town(1) as place:
        (ann,) = await place.friends("ann")
        comers = [await comer(place, ann) for _ in range(3)]
        where: Any = place.store.sessions if step == "find" else place.store.log
        real = getattr(where, step)

        async def fail(*arguments: Any) -> Any:
            setattr(where, step, real)
            raise ZeroDivisionError

        setattr(where, step, fail)
        for one in comers:
            one.knock()
        await all_answered(comers)
        assert [one.code for one in comers] == [ErrorCode.UNAVAILABLE] * 3
        assert not place.nodes[0].services.live.users
        again = await comer(place, ann)
        again.knock()
        await all_answered([again])
        assert again.code is None


async def test_tokens_are_let_in_at_the_rate_of_the_node() -> None:
    async with town(1, limits=Limits(sign_in_rate=0.001, sign_in_burst=3)) as place:
        (ann,) = await place.friends("ann")
        comers = [await comer(place, ann) for _ in range(5)]
        for one in comers:
            one.knock()
        await all_answered(comers)
        assert [one.code for one in comers] == [None] * 3 + [ErrorCode.RATE_LIMITED] * 2
        assert all(one.outcomes[0].retry_after for one in comers[3:] if one.outcomes[0])


async def test_one_whose_waiting_is_ended_leaves_nothing_behind() -> None:
    async with town(1) as place:
        (ann,) = await place.friends("ann")
        snapshots = place.store.log.snapshots
        asked, answered = asyncio.Event(), asyncio.Event()

        async def held(*arguments: Any) -> Any:
            asked.set()
            await answered.wait()
            return await snapshots(*arguments)

        place.store.log.snapshots = held  # type: ignore[method-assign]
        opening = asyncio.create_task(place.nodes[0].device(ann))
        await asked.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not place.nodes[0].services.live.users
        answered.set()
        again = await place.nodes[0].device(ann)
        assert place.nodes[0].services.live.sessions(ann.user) == [again.session]
