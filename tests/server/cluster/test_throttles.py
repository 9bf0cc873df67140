"""What every cluster promises about rates and delays."""

from __future__ import annotations

import asyncio

from tests.server.cluster.conftest import Stage


async def test_a_rate_holds_over_all_nodes(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    rates = [node.cluster.throttles.rate("sends", rate=0.01, burst=4) for node in (a, b)]
    assert [await rates[turn % 2].take("u1") for turn in range(4)] == [0, 0, 0, 0]
    for rate in rates:
        assert 90_000 < await rate.take("u1") <= 100_000
    assert await rates[0].take("u2") == 0
    other = b.cluster.throttles.rate("others", rate=0.01, burst=1)
    assert await other.take("u1") == 0


async def test_a_bucket_fills_again(stage: Stage) -> None:
    a = await stage.node("a")
    rate = a.cluster.throttles.rate("sends", rate=2, burst=1)
    assert await rate.take("u1") == 0
    wait = await rate.take("u1")
    assert 0 < wait <= 500
    await asyncio.sleep((wait + 5) / 1000)
    assert await rate.take("u1") == 0


async def test_guesses_are_slowed_over_all_nodes(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    guesses = [node.cluster.throttles.guesses("account", free=2, delay=100.0, delay_max=300.0) for node in (a, b)]
    assert [await guesses[turn % 2].attempt("ann") for turn in range(3)] == [0, 0, 0]
    for guess in guesses:
        assert 95_000 < await guess.attempt("ann") <= 100_000
    assert await guesses[0].attempt("ben" * 10_000) == 0
    await guesses[1].forgive("ann")
    assert await guesses[0].attempt("ann") == 0
    assert await guesses[0].attempt("ann") > 0


async def test_delays_double_up_to_a_largest_one(stage: Stage) -> None:
    a = await stage.node("a")
    guesses = a.cluster.throttles.guesses("account", free=0, delay=0.25, delay_max=0.5)
    waits = []
    for _ in range(3):
        assert await guesses.attempt("ann") == 0
        waits.append(await guesses.attempt("ann"))
        await asyncio.sleep(waits[-1] / 1000 + 0.002)
    for wait, most in zip(waits, (250, 500, 500), strict=True):
        assert 0 < wait <= most


async def test_what_is_right_leaves_nothing(stage: Stage) -> None:
    a = await stage.node("a")
    guesses = a.cluster.throttles.guesses("account", free=1, delay=100.0, delay_max=300.0)
    for _ in range(20):
        assert await guesses.attempt("ann") == 0
        await guesses.forgive("ann")
