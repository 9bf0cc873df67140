"""What every cluster promises about who is here."""

from __future__ import annotations

from mrccsc_server.ports import Chosen
from tests.server.cluster.conftest import Stage

ONLINE, AWAY, HIDDEN = Chosen("online"), Chosen("away", "at lunch"), Chosen("invisible", "hush")


async def test_a_user_is_seen_on_all_nodes(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    assert await b.cluster.presence.of([1, 2]) == {
        1: {"user": 1, "status": "offline"},
        2: {"user": 2, "status": "offline"},
    }
    assert await a.cluster.presence.arrive(1, AWAY)
    assert await b.cluster.presence.of([1, 2]) == {
        1: {"user": 1, "status": "away", "text": "at lunch"},
        2: {"user": 2, "status": "offline"},
    }
    assert await b.cluster.presence.of([]) == {}


async def test_a_user_is_here_while_any_node_has_them(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    assert await a.cluster.presence.arrive(1, ONLINE)
    assert not await b.cluster.presence.arrive(1, ONLINE)
    assert not await a.cluster.presence.depart(1)
    assert (await a.cluster.presence.of([1]))[1]["status"] == "online"
    assert await b.cluster.presence.depart(1)
    gone = (await a.cluster.presence.of([1]))[1]
    assert gone["status"] == "offline"
    assert gone["last_seen"] > 1_600_000_000_000
    assert await a.cluster.presence.arrive(1, ONLINE)
    assert (await b.cluster.presence.of([1]))[1] == {"user": 1, "status": "online"}


async def test_a_choice_holds_on_all_nodes(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await a.cluster.presence.arrive(1, ONLINE)
    await b.cluster.presence.arrive(1, ONLINE)
    await a.cluster.presence.choose(1, AWAY)
    assert (await b.cluster.presence.of([1]))[1] == {"user": 1, "status": "away", "text": "at lunch"}
    assert not await a.cluster.presence.depart(1)
    assert (await b.cluster.presence.of([1]))[1]["status"] == "away"


async def test_invisible_looks_offline_since_then(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await a.cluster.presence.arrive(1, ONLINE)
    await a.cluster.presence.choose(1, HIDDEN)
    hidden = (await b.cluster.presence.of([1]))[1]
    assert hidden["status"] == "offline"
    assert "text" not in hidden
    since = hidden["last_seen"]
    assert not await b.cluster.presence.arrive(1, HIDDEN)
    assert not await a.cluster.presence.depart(1)
    assert not await b.cluster.presence.depart(1)
    assert (await b.cluster.presence.of([1]))[1]["last_seen"] == since


async def test_who_arrives_invisible_is_not_seen(stage: Stage) -> None:
    a = await stage.node("a")
    assert not await a.cluster.presence.arrive(1, HIDDEN)
    assert (await a.cluster.presence.of([1]))[1] == {"user": 1, "status": "offline"}
    await a.cluster.presence.choose(1, ONLINE)
    assert (await a.cluster.presence.of([1]))[1]["status"] == "online"


async def test_many_at_once(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    for user in range(1, 1_200, 2):
        await a.cluster.presence.arrive(user, ONLINE)
    seen = await b.cluster.presence.of(range(1, 1_200))
    assert [user for user, sight in seen.items() if sight["status"] == "online"] == list(range(1, 1_200, 2))
    assert len(seen) == 1_199
