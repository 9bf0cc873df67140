"""What every cluster promises about its nodes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from mrccsc_server.ports import Command
from tests.server.cluster.actors import LIMITS
from tests.server.cluster.conftest import Stage
from tests.waiting import wait_until


async def test_nodes_see_each_other_by_name(stage: Stage) -> None:
    b, a = await stage.node("b"), await stage.node("a")
    nodes = await b.cluster.nodes.all()
    assert nodes is not None
    assert [node.incarnation for node in nodes] == [a.me.incarnation, b.me.incarnation]
    await a.meets("b")
    await b.meets("a")


async def test_what_a_node_says_of_itself_is_seen(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    a.cluster.nodes.describe(connections=12, draining=True, healthy=False)
    await wait_until(lambda: any(node.draining for node in b.cluster.nodes.others), "a drains")
    (seen,) = b.cluster.nodes.others
    assert (seen.name, seen.connections, seen.healthy, seen.since) == ("a", 12, False, a.me.since)


async def test_a_node_hears_a_command(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    assert await a.cluster.nodes.command(b.me.incarnation, Command("move", 40))
    await wait_until(lambda: b.commands == [Command("move", 40)], "the command")
    assert await b.cluster.nodes.command(b.me.incarnation, Command("drain"))
    await wait_until(lambda: b.commands[1:] == [Command("drain")], "its own command")
    assert not a.commands
    assert not await a.cluster.nodes.command("nobody", Command("drain"))


async def test_a_node_that_has_gone_is_seen_no_more(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await a.meets("b")
    await b.close()
    await a.meets()
    nodes = await a.cluster.nodes.all()
    assert nodes is not None
    assert [node.name for node in nodes] == ["a"]
    assert not await a.cluster.nodes.command(b.me.incarnation, Command("drain"))


async def test_who_comes_after_all_took_their_leave_waits_for_nobody(play: Stage) -> None:
    a = await play.node("a")
    await a.close()
    async with asyncio.timeout(20):
        b = await play.node("b", LIMITS.model_copy(update={"beat_time": 60.0, "lease_time": 600.0}))
    assert await b.cluster.presence.of([1]) == {1: {"user": 1, "status": "offline"}}


async def test_two_nodes_of_one_name_do_no_harm_and_are_reported(play: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        a, twin = await play.node("a"), await play.node("a")
        await a.meets("a")
        await twin.meets("a")
        nodes = await a.cluster.nodes.all()
    assert nodes is not None
    assert {node.incarnation for node in nodes} == {a.me.incarnation, twin.me.incarnation}
    assert [record for record in caplog.records if "has the name a too" in record.message]
