"""Redis killed, restarted, flushed, frozen, cut off; nodes that die. Over both clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mrccsc_server.cluster.redis.lua import ROUTE
from mrccsc_server.ports import Chosen, HeadHint, UserHint
from tests.server.cluster.actors import LIMITS, Actor, message, redis_maker
from tests.server.cluster.conftest import Stage
from tests.server.cluster.relay import Relay
from tests.waiting import wait_until
from tools.cluster.redis import RedisServer

ONLINE = Chosen("online")


async def flows(a: Actor, b: Actor, conv: int = 5) -> None:
    """Wait until what ``a`` says is heard by ``b``."""
    b.heard.clear()
    loop = asyncio.get_running_loop()
    seq = 1000
    deadline = loop.time() + 20
    while not b.heard:
        assert loop.time() < deadline, "no hint came through"
        seq += 1
        a.cluster.bus.publish([message(conv, seq)])
        await asyncio.sleep(0.05)
    b.heard.clear()


async def never_offline(actor: Actor, user: int, ending: asyncio.Event) -> None:
    while not ending.is_set():
        seen = await actor.cluster.presence.of([user])
        assert seen.get(user, {"status": "unknown"})["status"] != "offline"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def seen_all_along(actor: Actor, user: int) -> AsyncIterator[None]:
    """Within, the user is seen as being here, or is unknown, but never offline."""
    ending = asyncio.Event()
    watch = asyncio.create_task(never_offline(actor, user, ending))
    try:
        yield
    finally:
        ending.set()
        await watch


async def test_redis_killed_and_started_again(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    await b.cluster.presence.arrive(1, ONLINE)
    async with seen_all_along(a, 1):
        own_server.kill()
        await a.disconnected()
        await b.disconnected()
        async with asyncio.timeout(LIMITS.bus_time):
            await b.cluster.bus.follow((), (6,))
            assert await b.cluster.presence.arrive(2, ONLINE)
            assert await a.cluster.presence.of([1, 2]) == {}
            assert await a.cluster.nodes.all() is None
            assert a.cluster.nodes.others == []
        a.cluster.bus.publish([message(5, 1)])
        assert (a.gaps, b.gaps) == (0, 0)
        own_server.start()
        await a.connected()
        await b.connected()
        await flows(a, b)
        await flows(a, b, 6)
    assert a.gaps >= 1
    assert b.gaps >= 1
    seen = await a.cluster.presence.of([1, 2])
    assert [seen[user]["status"] for user in (1, 2)] == ["online", "online"]


async def test_redis_flushed(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    await b.cluster.presence.arrive(1, ONLINE)
    async with seen_all_along(a, 1):
        own_server.flush()
        await wait_until(lambda: a.gaps and b.gaps, "a gap at both")
        await flows(a, b)
        await a.meets("b")
        seen = await a.cluster.presence.of([1])
    assert seen[1]["status"] == "online"
    await wait_until(lambda: a.cluster.bus.connected and b.cluster.bus.connected, "both connected")


async def test_what_was_unknown_can_be_asked_again(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.presence.arrive(1, ONLINE)
    own_server.flush()
    await wait_until(lambda: a.gaps and b.gaps, "a gap at both")
    seen = await a.cluster.presence.of([1, 2])
    assert 2 not in seen, "not all nodes can have spoken"
    gaps = a.gaps
    await wait_until(lambda: a.gaps > gaps, "the word that it can be asked")
    seen = await a.cluster.presence.of([1, 2])
    assert [seen[user]["status"] for user in (1, 2)] == ["online", "offline"]


async def test_the_latest_choice_outlives_a_flush(play: Stage, own_server: RedisServer) -> None:
    a, b, c = await play.node("a"), await play.node("b"), await play.node("c")
    for node in (a, b, c):
        await node.cluster.presence.arrive(1, ONLINE)
    for chooser in (a, b, c):
        text = chooser.me.name
        await chooser.cluster.presence.choose(1, Chosen("dnd", text))
        gaps = [node.gaps for node in (a, b, c)]
        own_server.flush()
        await wait_until(
            lambda gaps=gaps: all(n.gaps > g for n, g in zip((a, b, c), gaps, strict=True)), "a gap at all"
        )
        assert (await a.cluster.presence.of([1]))[1] == {"user": 1, "status": "dnd", "text": text}


async def test_redis_forgets_the_scripts(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    own_server.ask("SCRIPT", "FLUSH")
    await flows(a, b)
    assert (a.gaps, b.gaps) == (0, 0)


async def test_redis_out_of_memory(play: Stage, own_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    with caplog.at_level(logging.WARNING):
        own_server.ask("CONFIG", "SET", "maxmemory", "1")
        await wait_until(lambda: caplog.text.count("out of memory") == 2, "the reason at both")
    own_server.ask("CONFIG", "SET", "maxmemory", "0")
    await a.connected()
    await b.connected()
    await flows(a, b)
    assert a.gaps


async def test_a_call_with_hints_is_not_carried_out_twice(play: Stage) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    await flows(a, b)
    link, (prefix, me) = a.cluster.bus._link, a.cluster.bus._head  # type: ignore[attr-defined]
    line = b"1h[5,%d]"
    assert await link.call(ROUTE, prefix, me, b"1000000", b"c:5", line % 7) == 1
    assert await link.call(ROUTE, prefix, me, b"1000000", b"c:5", line % 8) == 0
    assert await link.call(ROUTE, prefix, me, b"1000001", b"c:5", line % 9) == 1
    await wait_until(lambda: HeadHint(5, 9) in b.heard, "the last")
    assert [hint for hint in b.heard if isinstance(hint, HeadHint)] == [HeadHint(5, 7), HeadHint(5, 9)]


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
async def test_a_connection_cut_by_redis(play: Stage, own_server: RedisServer, kind: str) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    await b.cluster.presence.arrive(1, ONLINE)
    async with seen_all_along(a, 1):
        own_server.ask("CLIENT", "KILL", "TYPE", kind)
        await wait_until(lambda: a.gaps and b.gaps, "a gap at both")
        await flows(a, b)


async def test_redis_frozen(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    await b.cluster.presence.arrive(1, ONLINE)
    rate = a.cluster.throttles.rate("sends", rate=0.01, burst=1)
    async with seen_all_along(a, 1):
        own_server.freeze()
        try:
            async with asyncio.timeout(2 * LIMITS.bus_time):
                a.cluster.bus.publish([message(5, 1)])
                await asyncio.gather(
                    b.cluster.bus.follow((), (6,)),
                    b.cluster.presence.arrive(2, ONLINE),
                    b.cluster.presence.depart(2),
                    a.cluster.presence.of([1]),
                    a.cluster.nodes.all(),
                    rate.take("u"),
                )
            await a.disconnected()
            await b.disconnected()
            # Longer than every lease, so that all have lapsed when it goes on.
            await asyncio.sleep(LIMITS.lease_time + 0.5)
        finally:
            own_server.thaw()
        await a.connected()
        await b.connected()
        await flows(a, b)
        await flows(a, b, 6)
        await wait_until(lambda: a.gaps and b.gaps, "a gap at both")
        await asyncio.sleep(LIMITS.lease_time)
    assert 1 not in a.lapsed + b.lapsed


async def test_a_throttle_goes_on_alone_while_redis_is_away(play: Stage, own_server: RedisServer) -> None:
    a = await play.node("a")
    rate = a.cluster.throttles.rate("sends", rate=0.01, burst=2)
    guesses = a.cluster.throttles.guesses("account", free=0, delay=100.0, delay_max=100.0)
    own_server.kill()
    await a.disconnected()
    assert [await rate.take("u") for _ in range(2)] == [0, 0]
    assert await rate.take("u") > 0
    assert await guesses.attempt("ann") == 0
    assert await guesses.attempt("ann") > 0
    await guesses.forgive("ann")
    assert await guesses.attempt("ann") == 0


async def test_a_node_that_dies_leaves_a_gap_and_its_users(play: Stage) -> None:
    a, b, c = await play.node("a"), await play.node("b"), await play.node("c")
    await a.meets("b", "c")
    await c.meets("a", "b")
    await b.cluster.presence.arrive(1, ONLINE)
    await b.cluster.presence.arrive(2, ONLINE)
    await c.cluster.presence.arrive(2, ONLINE)
    await b.cluster.presence.arrive(3, Chosen("invisible"))
    await kill(b)
    await wait_until(lambda: a.gaps and c.gaps, "a gap at both")
    await wait_until(lambda: a.lapsed or c.lapsed, "the lapsed users")
    seen = await a.cluster.presence.of([1, 2, 3])
    assert [seen[user]["status"] for user in (1, 2, 3)] == ["offline", "online", "offline"]
    assert seen[1]["last_seen"] > 0
    await a.meets("c")
    assert a.lapsed + c.lapsed == [1]


async def test_users_left_behind_by_a_node_that_goes_are_told_of(play: Stage) -> None:
    a, b = await play.node("a"), await play.node("b")
    await a.meets("b")
    await b.cluster.presence.arrive(1, ONLINE)
    await b.cluster.presence.arrive(2, ONLINE)
    await b.close()
    assert (await a.cluster.presence.of([1]))[1]["status"] == "online", "it may be on its way here"
    await a.cluster.presence.arrive(2, ONLINE)
    await wait_until(lambda: a.lapsed == [1], "the one who did not come")
    assert a.gaps == 0


async def test_a_node_cut_off_comes_back(play: Stage, own_server: RedisServer) -> None:
    a = await play.node("a")
    async with Relay(own_server.port).running() as relay:
        b = await play.node("b", at=own_server.url().replace(f":{own_server.port}/", f":{relay.port}/"))
        await a.meets("b")
        await a.cluster.bus.follow((), (5,))
        await b.cluster.bus.follow((), (5,))
        await b.cluster.presence.arrive(1, ONLINE)
        relay.hold()
        await b.disconnected()
        await wait_until(lambda: a.gaps == 1, "the gap of a node that seems dead")
        await wait_until(lambda: a.lapsed == [1], "its user")
        assert not b.gaps
        for seq in range(1, 500):
            b.cluster.bus.publish([message(5, seq, "x" * 8_000), UserHint((1,), b"{}\n")])
        assert b.cluster.counters["hints_dropped"] == 0
        assert b.cluster.counters["hints_condensed"] > 300, "beyond the backlog only heads are kept"
        for _ in range(5_000):
            b.cluster.bus.publish([UserHint((1,), b'{"x":"%s"}\n' % (b"x" * 8_000))])
        assert b.cluster.counters["hints_dropped"] > 0
        a.heard.clear()
        relay.release()
        await b.connected()
        await wait_until(lambda: b.gaps, "its own gap")
        await wait_until(lambda: a.gaps >= 2, "the gap that b has told of")
        await wait_until(lambda: b.lapsed == [1], "that its user is seen again")
        assert (await a.cluster.presence.of([1]))[1]["status"] == "online"
        await flows(a, b)
        await flows(b, a)
        await b.close()


async def test_a_node_comes_back_to_a_redis_that_was_away_too(play: Stage, own_server: RedisServer) -> None:
    quick = LIMITS.model_copy(update={"beat_time": 0.2, "lease_time": 1.5})
    a = await play.node("a", quick)
    async with Relay(own_server.port).running() as relay:
        b = await play.node("b", quick, at=own_server.url().replace(f":{own_server.port}/", f":{relay.port}/"))
        await b.cluster.presence.arrive(1, ONLINE)
        await a.meets("b")
        assert not b.lapsed
        relay.hold()
        await wait_until(lambda: a.lapsed == [1], "the user of the node that seems dead")
        assert not b.lapsed
        own_server.freeze()
        try:
            await asyncio.sleep(quick.lease_time)
        finally:
            own_server.thaw()
        relay.release()
        await wait_until(lambda: b.lapsed == [1], "that its user is seen again")
        assert (await a.cluster.presence.of([1]))[1]["status"] == "online"
        await b.close()


async def test_a_user_who_left_meanwhile_is_told_of_later(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await a.cluster.presence.arrive(1, ONLINE)
    await b.cluster.presence.arrive(2, ONLINE)
    own_server.kill()
    await a.disconnected()
    assert not await a.cluster.presence.depart(1)
    own_server.start()
    await wait_until(lambda: 1 in a.lapsed, "the one who left")
    seen = await b.cluster.presence.of([1, 2])
    assert seen[1]["status"] == "offline"
    assert seen[2]["status"] == "online"
    assert 2 not in a.lapsed + b.lapsed


async def test_redis_that_is_away_at_the_start(
    play: Stage, own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    own_server.kill()
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(LIMITS.bus_time + 1):
            a, b = await play.node("a"), await play.node("b")
    assert not a.cluster.bus.connected
    assert len([record for record in caplog.records if "The bus is away" in record.message]) == 2
    await b.cluster.bus.follow((), (5,))
    a.cluster.bus.publish([message(5, 1)])
    own_server.start()
    await a.connected()
    await b.connected()
    await flows(a, b)
    assert b.gaps


async def test_nothing_of_a_cluster_stays_for_ever(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((1, 2), (5,))
    await b.cluster.presence.arrive(1, ONLINE)
    await b.cluster.presence.choose(1, Chosen("away"))
    await a.cluster.throttles.rate("x", rate=1, burst=5).take("u")
    await a.cluster.throttles.guesses("y", free=1, delay=1, delay_max=2).attempt("u")
    await flows(a, b)
    await kill(a)
    forever = """local found = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
          if redis.call('PTTL', key) < 0 then found[#found + 1] = key end
        end
        return found"""
    assert int(own_server.ask("DBSIZE")) > 5
    assert own_server.ask("EVAL", forever, "0") == ""


async def test_what_is_malformed_is_counted_and_dropped(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await b.cluster.bus.follow((), (5,))
    channel = f"mrccsc:0:node:{b.me.incarnation}"
    bad = [
        "",
        "1",
        "1e",
        "1e{}",
        '1e{"entry":{"conv":-1}}',
        "1h[5]",
        "1h[5,1.5]",
        "1h[5,99999999999999999999]",
        "1u[1]",
        "1u[1] nonsense",
        "1u[1] 3",
        "1c[1] {}",
        "1p[]",
        "1s[]",
        "1b[1,2]",
        '1d{"act":"format","connections":1}',
        "1x[]",
        "1h" + "[" * 100_000,
        "1h[1,1\udcff]",
    ]
    for line in bad:
        # In a thread: the nodes are to live meanwhile.
        await asyncio.to_thread(own_server.ask, "PUBLISH", channel, line)
    own_server.ask("PUBLISH", channel, "2e{}\n1z{}\n1h[5,7]")
    await wait_until(lambda: b.heard, "the good one")
    assert b.heard
    assert b.cluster.counters["malformed"] == len(bad) - 2
    assert b.cluster.counters["unknown"] == 4
    b.heard.clear()
    await flows(a, b)
    assert b.gaps == 0


async def test_a_batch_is_one_call(play: Stage, own_server: RedisServer) -> None:
    a, b = await play.node("a"), await play.node("b")
    await a.meets("b")
    before = own_server.calls("evalsha")
    await asyncio.gather(*(b.cluster.bus.follow((conv,), (conv,)) for conv in range(1, 101)))
    await asyncio.gather(*(b.cluster.presence.arrive(user, ONLINE) for user in range(1, 101)))
    await asyncio.gather(*(a.cluster.presence.of([user]) for user in range(1, 101)))
    a.cluster.bus.publish([message(conv, 1) for conv in range(1, 51)])
    a.cluster.bus.publish([message(conv, 1) for conv in range(51, 101)])
    await b.hears(*[message(conv, 1) for conv in range(1, 101)])
    await wait_until(lambda: a.cluster.counters["hints_sent"] == 100, "the answer")
    assert a.cluster.counters["bundles_sent"] == 1
    assert b.cluster.counters["hints_received"] == 100
    # Four batches; the rest are beats.
    assert own_server.calls("evalsha") - before < 4 + 40


@asynccontextmanager
async def staged(url: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(stack, redis_maker(url))


async def test_databases_of_one_redis_are_apart(own_server: RedisServer) -> None:
    async with staged(own_server.url(0)) as one, staged(own_server.url(1)) as two:
        a, b, c = await one.node("a"), await one.node("b"), await two.node("c")
        await c.cluster.bus.follow((), (5,))
        await b.cluster.bus.follow((), (5,))
        await a.cluster.presence.arrive(1, ONLINE)
        await flows(a, b)
        assert not c.heard
        assert c.cluster.nodes.others == []
        assert (await c.cluster.presence.of([1]))[1]["status"] == "offline"


async def kill(actor: Actor) -> None:
    """End it without a word to anybody, as ``kill -9`` would."""
    actor.closed = True
    await actor.cluster._link.close()  # type: ignore[attr-defined]
    pump = actor.cluster.bus._pump  # type: ignore[attr-defined]
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


async def test_who_is_alone_says_nothing_and_who_comes_then_looks_for_what_was_not_said(play: Stage) -> None:
    a = await play.node("a")
    await asyncio.sleep(3 * LIMITS.beat_time)
    a.cluster.bus.publish([message(5, 1)])
    await asyncio.sleep(2 * LIMITS.beat_time)
    assert a.cluster.counters["hints_sent"] == 0
    b = await play.node("b")
    await wait_until(lambda: b.gaps, "a gap at the one who has come")
    await b.cluster.bus.follow((), (5,))
    a.cluster.bus.publish([message(5, 2)])
    await b.hears(message(5, 2))
    await b.close()
    await wait_until(lambda: not a.cluster.nodes.others, "a being alone again")
    await asyncio.sleep(3 * LIMITS.beat_time)
    sent = a.cluster.counters["hints_sent"]
    a.cluster.bus.publish([message(5, 3)])
    await asyncio.sleep(2 * LIMITS.beat_time)
    assert a.cluster.counters["hints_sent"] == sent == 1


async def test_two_who_come_at_once_miss_nothing(play: Stage) -> None:
    for number in range(5):
        a, b = await asyncio.gather(play.node(f"a{number}"), play.node(f"b{number}"))
        await asyncio.gather(a.cluster.bus.follow((), (5,)), b.cluster.bus.follow((), (6,)))
        a.cluster.bus.publish([message(6, 1)])
        b.cluster.bus.publish([message(5, 1)])
        await a.hears(message(5, 1))
        await b.hears(message(6, 1))
        await asyncio.gather(a.close(), b.close())
