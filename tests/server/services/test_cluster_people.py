"""People across nodes: presence, relations, sessions and rates, with a bus that comes and goes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from mrccsc_server.ports import Chosen
from mrccsc_shared.errors import CloseCode, ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import SessionLogin
from tests.server.services.nodes import BadCarrier, Device, town
from tests.waiting import wait_until


async def shown(device: Device, user: int, status: str) -> None:
    await wait_until(lambda: device.sees(user) == status, f"{status} at the friend's")


async def test_coming_choosing_and_going_is_seen_on_the_other_node() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        here, there = place.nodes
        a = await here.device(ann)
        assert a.sees(bob.user) == "offline"
        b = await there.device(bob)
        await shown(a, bob.user, "online")
        assert b.sees(ann.user) == "online"
        await there.services.people.set_status(b.session, "away", "lunch")
        await shown(a, bob.user, "away")
        assert a.of("presence")[-1]["text"] == "lunch"
        second = await here.device(bob)
        b.leave(logged_out=True)
        await here.services.people.set_status(second.session, "invisible", None)
        await shown(a, bob.user, "offline")
        await here.services.people.set_status(second.session, "dnd", None)
        await shown(a, bob.user, "dnd")
        second.leave(logged_out=True)
        await shown(a, bob.user, "offline")
        # That another device of theirs came and went in between made no difference.
        assert a.presence(bob.user) == ["online", "away", "offline", "dnd", "offline"]


async def test_who_moves_between_nodes_does_not_flicker() -> None:
    async with town(2, limits=Limits(presence_grace=30)) as place:
        ann, bob = await place.friends("ann", "bob")
        a = await place.nodes[0].device(ann)
        b = await place.nodes[0].device(bob)
        await shown(a, bob.user, "online")
        b.leave()
        await place.nodes[1].device(bob)
        place.nodes[0].services.presence.leave(bob.user, at_once=True)
        await place.nodes[0].services.people.set_status(a.session, "away", None)
        assert a.presence(bob.user) == ["online"]


async def test_the_users_of_a_dead_node_are_offline_and_come_back_on_another() -> None:
    async with town(3) as place:
        ann, bob = await place.friends("ann", "bob")
        a, _ = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        await shown(a, bob.user, "online")
        place.nodes[1].die()
        await shown(a, bob.user, "offline")
        await place.nodes[2].device(bob)
        await shown(a, bob.user, "online")


async def test_without_the_bus_presence_is_unknown_and_returns_with_it() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        for node in place.nodes:
            node.cut()
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        assert a.sees(bob.user) is None
        assert b.sees(ann.user) is None
        for node in place.nodes:
            node.mend()
        await shown(a, bob.user, "online")
        await shown(b, ann.user, "online")


async def test_who_leaves_while_their_node_is_cut_off_is_offline_afterwards() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        await shown(a, bob.user, "online")
        place.nodes[1].cut()
        b.leave(logged_out=True)
        await wait_until(lambda: not place.nodes[1].services.live.users, "the leaving")
        assert a.sees(bob.user) == "online"
        place.nodes[1].mend()
        await shown(a, bob.user, "offline")


async def test_lost_changes_of_contacts_and_marks_are_told_after_the_gap() -> None:
    modes = ["well"]
    async with town(2, carry=BadCarrier(lambda: modes[0])) as place:
        ann, bob, cid = await place.friends("ann", "bob", "cid")
        conv = await place.group(ann, bob)
        here, there = place.nodes
        first, second = await here.device(ann), await there.device(ann)
        first.says(conv)
        await place.all_reach(conv, [second])
        modes[0] = "lose"
        await first.asks("contact.remove", user=cid.user)
        await first.asks("conversation.mute", conv=conv, muted=True)
        modes[0] = "well"
        there.cut()
        there.mend()

        def told(device: Device) -> bool:
            relations = {line["contact"]["user"]["user"]: line["contact"]["relation"] for line in device.of("contact")}
            muted = [line["conversation"]["muted"] for line in device.of("conversation")]
            return relations == {bob.user: "friend", cid.user: "none"} and muted[-1:] == [True]

        await wait_until(lambda: told(second), "what was lost")


async def test_a_session_that_is_ended_on_one_node_is_closed_on_the_other() -> None:
    modes = ["well"]
    async with town(2, carry=BadCarrier(lambda: modes[0])) as place:
        (ann,) = await place.friends("ann")
        here, there = place.nodes
        first, second, third = await here.device(ann), await there.device(ann), await there.device(ann)
        await here.services.sign_in.revoke(first.session, second.session.id)
        await wait_until(lambda: second.closed, "the end of the session")
        assert second.closed is CloseCode.REVOKED
        modes[0] = "lose"
        await here.services.sign_in.logout(first.session, everywhere=True)
        assert third.closed is None
        there.cut()
        there.mend()
        await wait_until(lambda: third.closed, "the end of the session whose hint was lost")


async def test_a_new_group_is_shown_on_the_users_other_devices_everywhere() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        here, there = place.nodes
        first, second, b = await here.device(ann), await there.device(ann), await there.device(bob)
        view = (await first.asks("group.create", title="tea", visibility="private"))["conversation"]
        await wait_until(lambda: second.is_in(view["conv"]), "the group on the other node")
        second.says(view["conv"])
        await wait_until(lambda: first.seqs(view["conv"]) == [2], "what was said there")
        await second.asks("group.invite", conv=view["conv"], user=bob.user)
        await wait_until(lambda: b.is_in(view["conv"]), "the group at the friend's")
        await first.asks("group.update", conv=view["conv"], title="cake")
        await wait_until(
            lambda: b.of("conversation") and b.of("conversation")[-1]["conversation"]["title"] == "cake",
            "the new title",
        )


async def test_guesses_count_on_all_nodes_together() -> None:
    async with town(2, limits=Limits(failure_free=2, failure_delay=100)) as place:
        ann = await place.person("ann")
        request = SessionLogin(id=1, username=ann.username, password="not the right one")
        codes = []
        for turn in range(5):
            with pytest.raises(Refusal) as refused:
                await place.nodes[turn % 2].services.sign_in.login(request, f"10.0.0.{turn}")
            codes.append(refused.value.code)
        assert codes[:3] == [ErrorCode.BAD_CREDENTIALS] * 3
        assert codes[3:] == [ErrorCode.RATE_LIMITED] * 2


async def test_what_a_user_sends_elsewhere_is_charged_here() -> None:
    async with town(2, limits=Limits(sends_rate=0.001, sends_burst=5)) as place:
        (ann,) = await place.friends("ann")
        conv = await place.group(ann)
        first, second = await place.nodes[0].device(ann), await place.nodes[1].device(ann)
        for _ in range(5):
            first.says(conv)
        await wait_until(lambda: len(first.of("ack")) == 5, "the acks")
        await place.all_reach(conv, [second])
        assert place.nodes[1].services.rates.sends.take(ann.user) > 0


async def test_without_the_database_nothing_leaks_and_all_is_told_once_it_is_back() -> None:
    away = False

    def shut(where: Any, name: str) -> None:
        real = getattr(where, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            if away:
                raise Refusal(ErrorCode.UNAVAILABLE)
            return await real(*arguments, **named)

        setattr(where, name, call)

    modes = ["well"]
    async with town(2, carry=BadCarrier(lambda: modes[0])) as place:
        for where, names in (
            (place.store.log, ("append", "range", "heads", "now", "snapshots")),
            (place.store.conversations, ("memberships", "views", "page")),
            (place.store.contacts, ("friends_of", "of_user")),
        ):
            for name in names:
                shut(where, name)
        ann, bob = await place.friends("ann", "bob")
        conv = await place.group(ann, bob)
        a, b = await place.nodes[0].device(ann), await place.nodes[1].device(bob)
        modes[0] = "lose"
        a.says(conv)
        await wait_until(lambda: a.of("ack"), "the ack")
        away = True
        for node in place.nodes:
            node.cluster.node.bus.hear_gap()
        a.says(conv)
        await wait_until(lambda: a.of("error"), "the refusal")
        assert a.of("error")[0]["code"] is ErrorCode.UNAVAILABLE
        with pytest.raises(Refusal):
            await place.nodes[1].device(bob)
        assert place.nodes[1].services.live.sessions(bob.user) == [b.session]
        away = False
        await place.all_reach(conv, [a, b])


async def test_a_choice_holds_on_the_node_where_the_user_comes_later() -> None:
    async with town(2) as place:
        ann, bob = await place.friends("ann", "bob")
        a = await place.nodes[0].device(ann)
        b = await place.nodes[1].device(bob)
        await place.nodes[1].services.presence.choose(bob.user, Chosen("away"))
        await shown(a, bob.user, "away")
        # The account was read before the choice.
        await place.nodes[0].device(bob)
        assert (await place.nodes[0].services.presence.of([bob.user]))[bob.user]["status"] == "away"
        b.leave(logged_out=True)
        users: Collection[int] = [bob.user]
        await wait_until(lambda: bob.user not in place.nodes[1].services.live.users, "the leaving")
        assert (await place.nodes[0].services.presence.of(users))[bob.user]["status"] == "away"


async def test_a_lost_hint_of_presence_is_made_good() -> None:
    modes = ["well"]
    async with town(2, carry=BadCarrier(lambda: modes[0])) as place:
        ann, bob = await place.friends("ann", "bob")
        a = await place.nodes[0].device(ann)
        modes[0] = "lose"
        b = await place.nodes[1].device(bob)
        await wait_until(lambda: bob.user in place.hub.chosen, "the arrival")
        assert a.sees(bob.user) == "offline"
        await place.nodes[0].services.presence.compare()
        await shown(a, bob.user, "online")
        b.leave(logged_out=True)
        await wait_until(lambda: bob.user not in place.hub.chosen, "the leaving")
        # A friend's other device that signs in reads it, so that all learn of it.
        await place.nodes[0].device(ann)
        await shown(a, bob.user, "offline")
