"""Rates and caps: what is refused, with when to come back, and what costs nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from tests.waiting import PATIENCE
from tests.wire.client import Frame, cid, cids
from tests.wire.conftest import Stage


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    return []


@pytest.fixture(scope="module")
def server_limits() -> str:
    # Rates of log entries are the shipped ones; what the tests themselves need is generous.
    return """
        requests_rate = 10_000
        requests_burst = 10_000
        changes_rate = 10_000
        changes_burst = 10_000
        address_rate = 10_000
        address_burst = 10_000
        groups = 5
        members = 4
        contacts = 6
        requests_pending = 3
        sessions = 3
        silent_per_address = 50
    """


def limited(answers: list[Frame]) -> list[Frame]:
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {answer["code"] for answer in refused} <= {"rate_limited"}
    return refused


async def test_a_burst_is_taken_and_then_a_rate(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    started = time.monotonic()
    answers = [
        await alice.wait(future)
        for future in [alice.post("message.send", conv=conv, cid=cid(), text="x") for _ in range(100)]
    ]
    refused = limited(answers)
    allowed = 20 + 10 * (time.monotonic() - started) + 1
    assert 20 <= 100 - len(refused) <= allowed
    assert all(0 < answer["retry_after"] <= 60_000 for answer in refused)
    await bob.says(conv, "the other user is not affected")


async def test_waiting_as_told_is_enough(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    keys = cids(40)
    for key in keys:
        answer = await alice.answer("message.send", conv=conv, cid=key, text=key)
        while answer["type"] == "error":
            assert answer["code"] == "rate_limited"
            await asyncio.sleep(answer["retry_after"] / 1000)
            answer = await alice.answer("message.send", conv=conv, cid=key, text=key)
    assert [entry.get("text") for entry in await alice.history(conv)][1:] == keys


async def test_a_refused_send_is_not_stored(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    keys = cids(60)
    answers = [
        await alice.wait(future)
        for future in [alice.post("message.send", conv=conv, cid=key, text="x") for key in keys]
    ]
    assert limited(answers), "60 at once are over the burst"
    acked = [key for key, answer in zip(keys, answers, strict=True) if answer["type"] == "ack"]
    assert [entry["cid"] for entry in (await bob.history(conv))[1:]] == acked


async def test_a_duplicate_costs_nothing(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    key = cid()
    first = await alice.says(conv, "once", cid=key)
    futures = [alice.post("message.send", conv=conv, cid=key, text="once") for _ in range(300)]
    answers = [await alice.wait(future) for future in futures]
    assert {(answer["type"], answer["seq"], answer["duplicate"]) for answer in answers} == {("ack", first["seq"], True)}
    answers = [
        await alice.wait(future)
        for future in [alice.post("message.send", conv=conv, cid=cid(), text="x") for _ in range(60)]
    ]
    assert limited(answers), "the limit is reached"
    assert (await alice.says(conv, "once", cid=key))["duplicate"] is True, "and a retry is still answered"


async def test_several_connections_share_their_users_rate(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    connections = [alice, await alice.another(), await alice.other_device()]
    started = time.monotonic()
    futures = [
        (one, one.post("message.send", conv=conv, cid=cid(), text="x")) for _ in range(30) for one in connections
    ]
    answers = [await one.wait(future) for one, future in futures]
    assert 90 - len(limited(answers)) <= 20 + 10 * (time.monotonic() - started) + 1


async def test_groups_of_a_user(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await bob.founds("one more", visibility="public")
    for number in range(5):
        await alice.founds(f"{number}")
    await alice.refused("too_large", "group.create", title="a sixth", visibility="private", cid=cid())
    await alice.refused("too_large", "group.join", conv=conv, cid=cid())


async def test_members_of_a_group(stage: Stage) -> None:
    alice, bob, carol, dave, eve = await stage.friends("alice", "bob", "carol", "dave", "eve")
    conv = await alice.founds("four", bob, carol, dave, visibility="public")
    await alice.refused("too_large", "group.invite", conv=conv, user=eve.id, cid=cid())
    await eve.refused("too_large", "group.join", conv=conv, cid=cid())
    await bob.ask("group.leave", conv=conv)
    await eve.ask("group.join", conv=conv)


async def test_contacts_of_a_user_and_requests_that_wait(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    others = [await stage.person("other") for _ in range(7)]
    for other in others[:3]:
        await other.ask("contact.request", username=alice.username)
    answer = await others[3].answer("contact.request", username=alice.username)
    assert answer["code"] in ("too_large", "rate_limited", "unavailable")
    for other in others[3:6]:
        await alice.ask("contact.block", user=other.id)
    answer = await alice.answer("contact.block", user=others[6].id)
    assert answer["code"] == "too_large"


async def test_the_oldest_session_makes_room(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    devices = [await alice.other_device() for _ in range(3)]
    sessions = {session["session"] for session in (await devices[-1].ask("session.list"))["sessions"]}
    assert sessions == {device.session for device in devices}
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.resume", token=alice.token)


async def test_silent_connections_of_an_address_have_a_cap(stage: Stage) -> None:
    sockets: list[socket.socket] = []
    try:
        outcomes = []
        for _ in range(80):
            one = socket.create_connection(("127.0.0.1", stage.port), timeout=20)
            sockets.append(one)
            with contextlib.suppress(ConnectionResetError):
                outcomes.append(b'"welcome"' in one.recv(4096).split(b"\n")[0])
        assert 0 < outcomes.count(True) <= 50
    finally:
        for one in sockets:
            one.close()
    # There is room again once those are gone.
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                newcomer = await stage.stranger()
            except (AssertionError, OSError):
                await asyncio.sleep(0.05)
            else:
                break
    await newcomer.registers("newcomer")
