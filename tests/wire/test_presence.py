"""Presence: who sees whom, and when somebody is gone."""

from __future__ import annotations

import time

import pytest

from tests.wire.client import ABSENT, Client
from tests.wire.conftest import Stage


def of(person: Client, conversation_partner: Client) -> dict[str, object]:
    """How ``person`` appears in the other's fresh sign-in."""
    (contact,) = [one for one in conversation_partner.ready["friends"] if one["user"]["user"] == person.id]
    return dict(contact["presence"])


async def seen(person: Client, by: Client) -> dict[str, object]:
    probe = await by.another()
    await probe.close()
    return of(person, probe)


async def test_coming_and_going(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    assert (await seen(bob, by=alice))["status"] == "online"
    await bob.ask("session.logout")
    event = await alice.sees("presence", user=bob.id, status="offline")
    assert abs(event.get("last_seen", time.time() * 1000) - time.time() * 1000) < 3_600_000
    assert (await seen(bob, by=alice))["status"] == "offline"
    again = await stage.stranger("bob again")
    await again.logs_in(bob.username)
    await alice.sees("presence", user=bob.id, status="online")


async def test_a_lost_connection_has_some_seconds_to_come_back(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    started = time.monotonic()
    await bob.close()
    again = await stage.stranger("bob again")
    await again.resumes(bob.token)
    await alice.sees_no("presence", user=bob.id)
    await again.close()
    await alice.sees("presence", user=bob.id, status="offline")
    assert time.monotonic() - started > 4, "not before its 5 s"


async def test_one_connection_of_several_makes_no_difference(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    device = await bob.other_device()
    await device.ask("session.logout")
    await device.sees_close()
    assert (await seen(bob, by=alice))["status"] == "online"
    await alice.sees_no("presence", user=bob.id)


@pytest.mark.parametrize("status", ["away", "dnd", "online"])
async def test_a_status_belongs_to_the_user_on_all_devices(stage: Stage, status: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    assert (await bob.ask("presence.set", status=status, text="gone fishing 🎣"))["type"] == "ok"
    await alice.sees("presence", user=bob.id, status=status, text="gone fishing 🎣")
    device = await bob.other_device()
    await device.settle()
    presence = await seen(bob, by=alice)
    assert (presence["status"], presence["text"]) == (status, "gone fishing 🎣")
    await bob.ask("session.logout")
    await device.ask("session.logout")
    await alice.sees("presence", user=bob.id, status="offline")
    again = await stage.stranger("bob again")
    await again.logs_in(bob.username)
    await alice.sees("presence", user=bob.id, status=status, text="gone fishing 🎣")
    await again.ask("presence.set", status="online")
    await alice.sees("presence", user=bob.id, status="online", text=ABSENT)


async def test_invisible_looks_offline(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team", bob)
    await bob.ask("presence.set", status="invisible", text="hidden")
    await alice.sees("presence", user=bob.id, status="offline", text=ABSENT)
    presence = await seen(bob, by=alice)
    assert presence["status"] == "offline"
    assert "text" not in presence
    members = (await alice.ask("group.members", conv=conv, limit=10))["members"]
    (member,) = [one for one in members if one["user"]["user"] == bob.id]
    assert member["presence"]["status"] == "offline"
    device = await bob.other_device()
    await device.settle()
    await bob.ask("session.logout")
    await device.ask("session.logout")
    again = await stage.stranger("bob again")
    await again.logs_in(bob.username)
    await alice.sees_no("presence", user=bob.id)
    await again.says(conv, "still invisible")
    await alice.sees("entry", conv=conv, by=bob.id)
    await alice.sees_no("presence", user=bob.id)
    await again.ask("presence.set", status="online")
    await alice.sees("presence", user=bob.id, status="online")


async def test_goes_to_friends_only(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    await alice.founds("team", bob, carol)
    carol.forget()
    await bob.ask("presence.set", status="away")
    await alice.sees("presence", user=bob.id, status="away")
    await carol.sees_no("presence")


async def test_members_see_presence_when_they_ask(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob, carol)
    await bob.ask("presence.set", status="dnd", text="busy")
    members = (await carol.ask("group.members", conv=conv, limit=10))["members"]
    presence = {member["user"]["user"]: member["presence"] for member in members}
    assert (presence[bob.id]["status"], presence[bob.id]["text"]) == ("dnd", "busy")


async def test_a_former_friend_sees_no_more(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    await alice.ask("contact.remove", user=bob.id)
    alice.forget()
    await bob.ask("presence.set", status="away")
    await alice.sees_no("presence")


async def test_a_new_friend_is_seen_at_once(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await bob.ask("presence.set", status="away")
    await alice.ask("contact.request", username=bob.username)
    answer = await bob.ask("contact.accept", user=alice.id)
    assert answer["contact"]["presence"]["status"] == "online"
    event = await alice.sees("contact", contact={"relation": "friend"})
    assert event["contact"]["presence"]["status"] == "away"


@pytest.mark.parametrize("text", ["x" * 81, "a\nb", "a\u202eb", "\x1b[0m"], ids=ascii)
async def test_the_text_is_one_line(stage: Stage, text: str) -> None:
    (alice,) = await stage.people("alice")
    answer = await alice.answer("presence.set", status="away", text=text)
    assert answer["code"] in ("invalid", "too_large")


async def test_offline_cannot_be_chosen(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.refused("invalid", "presence.set", status="offline")
    await alice.refused("invalid", "presence.set", status="Away")


async def test_a_status_text_that_cannot_stand_is_refused_by_its_name(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    refused = await alice.answer("presence.set", status="away", text="a\x07b")
    assert (refused["code"], refused["message"]) == ("invalid", "A status text has no control or bidi characters.")
