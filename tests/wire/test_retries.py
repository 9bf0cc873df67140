"""A retry with a known cid is answered before any rate limit and costs none; here one may change little at a time."""

from __future__ import annotations

import pytest

from tests.wire.client import Client, cid
from tests.wire.conftest import Stage

BURST = 6


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    return []


@pytest.fixture(scope="module")
def server_limits() -> str:
    # What is used up does not come back within a test.
    return f"changes_rate = 0.001\nchanges_burst = {BURST}\naddress_rate = 1_000\naddress_burst = 1_000"


async def spend(person: Client, count: int = BURST) -> None:
    """Use up what a person may change, to the last."""
    for _ in range(count):
        await person.ask("presence.set", status="online")
    await person.refused("rate_limited", "presence.set", status="online")


async def test_a_retry_is_answered_when_no_more_may_be_changed(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    founded = {"cid": cid(), "title": "open", "visibility": "public"}
    conv = (await alice.ask("group.create", **founded))["conversation"]["conv"]
    renamed = {"cid": cid(), "conv": conv, "title": "renamed"}
    await alice.ask("group.update", **renamed)
    joined, left = {"cid": cid(), "conv": conv}, {"cid": cid(), "conv": conv}
    await bob.ask("group.join", **joined)
    removed = {"cid": cid(), "conv": conv, "user": bob.id}
    await bob.ask("group.leave", **left)
    await bob.ask("group.join", conv=conv)
    await alice.ask("group.remove", **removed)
    await spend(alice, BURST - 3)
    await spend(bob, BURST - 3)
    for _ in range(BURST + 1):
        assert (await alice.ask("group.create", **founded))["conversation"]["conv"] == conv
        assert (await alice.ask("group.update", **renamed))["type"] == "ok"
        assert (await alice.ask("group.remove", **removed))["type"] == "ok"
        assert (await bob.ask("group.join", **joined))["conversation"]["conv"] == conv
        assert (await bob.ask("group.leave", **left))["type"] == "ok"
    await alice.refused("cid_conflict", "group.update", **{**renamed, "title": "another"})
    await alice.refused("cid_conflict", "group.create", **{**founded, "title": "another"})
    await alice.refused("rate_limited", "group.update", **{**renamed, "cid": cid()})
    await alice.refused("rate_limited", "group.create", **{**founded, "cid": cid()})
    await alice.refused("rate_limited", "group.update", conv=conv, title="another")


async def test_a_retry_costs_nothing(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    founded = {"cid": cid(), "title": "open", "visibility": "public"}
    conv = (await alice.ask("group.create", **founded))["conversation"]["conv"]
    renamed = {"cid": cid(), "conv": conv, "title": "renamed"}
    await alice.ask("group.update", **renamed)
    for _ in range(BURST):
        await alice.ask("group.create", **founded)
        await alice.ask("group.update", **renamed)
    await spend(alice, BURST - 2)


async def test_what_changes_something_without_an_entry_costs_what_a_change_costs(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    for act in ("group.ban", "group.unban"):
        await alice.ask(act, conv=conv, user=bob.id, cid=cid())
    await spend(alice, BURST - 3)
