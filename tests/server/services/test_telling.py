"""What is told of people is told in the order in which it became so, whatever is looked up for it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.presence import Presence
from tests.server.services.nodes import Device, Node, Town, town
from tests.waiting import wait_until


class HeldUp:
    """The presence of a node, which answers what it is asked when ``told`` is set: as it was when it was asked."""

    def __init__(self, node: Node) -> None:
        self._inner: Any = node.cluster.presence
        self.asked = asyncio.Event()
        self.told = asyncio.Event()
        node.services.presence._presence = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def of(self, users: Collection[int]) -> dict[int, Presence]:
        seen: dict[int, Presence] = await self._inner.of(users)
        self.asked.set()
        await self.told.wait()
        return seen


def relation(device: Device, user: int) -> str:
    """What a device was told last of another."""
    told = [line["contact"] for line in device.of("contact") if line["contact"]["user"]["user"] == user]
    return str(told[-1]["relation"])


async def truth(place: Town, user: int, other: int) -> str:
    relations = {one["user"]["user"]: one["relation"] for one in await place.store.contacts.of_user(user)}
    return relations.get(other, "none")


async def test_an_act_is_not_told_after_a_later_one() -> None:
    async with town(1) as place:
        ann, bob = await place.person("ann"), await place.person("bob")
        (here,) = place.nodes
        a, b, b2 = await here.device(ann), await here.device(bob), await here.device(bob)
        await a.asks("contact.request", username=bob.username)
        held = HeldUp(here)
        accepting = b.post("contact.accept", user=ann.user)
        await held.asked.wait()
        await b.asks("contact.block", user=ann.user)
        held.told.set()
        await accepting
        for device, other in ((a, bob), (b, ann), (b2, ann)):
            assert relation(device, other.user) == await truth(place, device.user, other.user), device.lines


async def test_a_new_name_is_not_told_to_one_who_is_no_friend_any_more() -> None:
    async with town(1) as place:
        ann, bob = await place.friends("ann", "bob")
        (here,) = place.nodes
        a, b, b2 = await here.device(ann), await here.device(bob), await here.device(bob)
        held = HeldUp(here)
        renaming = a.post("account.update", display_name="Anna")
        await held.asked.wait()
        await b.asks("contact.remove", user=ann.user)
        held.told.set()
        assert (await renaming)["type"] == "ok"
        assert [line["contact"]["relation"] for line in b2.of("contact")] == ["none"]


async def test_who_is_seen_differently_while_becoming_a_friend_is_seen_rightly_then() -> None:
    async with town(1) as place:
        ann, bob = await place.person("ann"), await place.person("bob")
        (here,) = place.nodes
        a, b, b2 = await here.device(ann), await here.device(bob), await here.device(bob)
        await a.asks("contact.request", username=bob.username)
        held = HeldUp(here)
        accepting = b.post("contact.accept", user=ann.user)
        await held.asked.wait()
        await a.asks("presence.set", status="dnd")
        held.told.set()
        await accepting
        for device in (b, b2):
            await wait_until(lambda device=device: device.sees(ann.user) == "dnd", "how the new friend is seen")


async def test_a_name_that_is_stored_is_no_failure() -> None:
    async def overloaded(_user: int) -> Any:
        raise Refusal(ErrorCode.OVERLOADED)

    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        here, there = place.nodes
        a, b = await here.device(ann), await there.device(bob)
        conv = (await a.asks("direct.open", user=bob.user))["conversation"]["conv"]
        place.store.contacts.of_user = overloaded  # type: ignore[method-assign]
        assert (await a.asks("account.update", display_name="Anna"))["type"] == "ok"
        await wait_until(lambda: b.of("contact"), "the new name")
        (told,) = b.of("contact")
        assert told["contact"] == {
            "user": {"user": ann.user, "username": ann.username, "display_name": "Anna"},
            "relation": "friend",
            "presence": {"user": ann.user, "status": "online"},
            "conv": conv,
        }


async def test_a_session_that_was_used_for_a_moment_was_used() -> None:
    async with town(1) as place:
        ann = await place.person("ann")
        (here,) = place.nodes
        device = await here.device(ann)
        (before,) = await place.store.sessions.of_user(ann.user, 0)
        device.leave()
        await wait_until(lambda: not here.services.live.users, "the leaving")
        while await place.store.log.now() <= before["last_seen"]:
            await asyncio.sleep(0.01)
        await here.services.sign_in.check()
        (after,) = await place.store.sessions.of_user(ann.user, 0)
        assert after["last_seen"] > before["last_seen"]
