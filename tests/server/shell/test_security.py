"""Passwords, tokens, and the cost of trying."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st

from mrccsc_server.security import tokens
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.throttle import FailureThrottle, Throttle
from mrccsc_shared.errors import ErrorCode, Refusal


class TurnedClock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> int:
        return 0


# -- passwords


async def test_a_password_is_known_again_and_no_other() -> None:
    passwords = Passwords(workers=1, queue=10)
    stored = await passwords.hash("пароль 🔑 horse")
    assert "horse" not in stored
    assert await passwords.verify(stored, "пароль 🔑 horse")
    assert not await passwords.verify(stored, "пароль 🔑 Horse")
    assert stored != await passwords.hash("пароль 🔑 horse"), "salted"
    passwords.close()


async def test_the_hash_is_as_strong_as_promised() -> None:
    passwords = Passwords(workers=1, queue=10)
    parameters = extract_parameters(await passwords.hash("long enough"))
    assert parameters.type.name == "ID"
    assert parameters.memory_cost >= 19 * 1024
    assert (parameters.time_cost, parameters.parallelism) == (2, 1)
    passwords.close()


async def test_an_unknown_user_costs_the_same_work() -> None:
    passwords = Passwords(workers=1, queue=10)
    hashed: list[str] = []
    matches = passwords._matches
    passwords._matches = lambda stored, password: hashed.append(stored) or matches(stored, password)  # type: ignore[func-returns-value,method-assign]
    assert not await passwords.verify(None, "whatever it is")
    assert extract_parameters(hashed[0]) == extract_parameters(await passwords.hash("x" * 8))
    with pytest.raises(VerifyMismatchError):  # Computed, and not refused for its form.
        PasswordHasher().verify(hashed[0], "whatever it is")
    passwords.close()


async def test_a_stored_hash_that_is_none_matches_nothing() -> None:
    passwords = Passwords(workers=1, queue=10)
    assert not await passwords.verify("not a hash", "not a hash")
    passwords.close()


async def test_the_queue_is_bounded_and_the_loop_stays_free() -> None:
    passwords = Passwords(workers=1, queue=3)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    results = await asyncio.gather(*(passwords.hash("x" * 8) for _ in range(10)), return_exceptions=True)
    counting.cancel()
    refused = [result for result in results if isinstance(result, Refusal)]
    assert len(refused) == 6
    assert {refusal.code for refusal in refused} == {ErrorCode.OVERLOADED}
    assert all(refusal.retry_after for refusal in refused)
    assert turns > 10
    assert passwords.waiting == 0
    assert await passwords.verify(await passwords.hash("x" * 8), "x" * 8)
    passwords.close()


# -- tokens


def test_tokens_have_256_bits_and_only_a_digest_of_them_is_kept() -> None:
    found = {tokens.new_token() for _ in range(1_000)}
    assert len(found) == 1_000
    assert all(len(token) == 43 and token.isascii() for token in found)
    digests = {tokens.digest(token) for token in found}
    assert len(digests) == 1_000
    assert {len(digest) for digest in digests} == {32}


def test_invite_codes_can_be_read_aloud() -> None:
    code = tokens.new_invite()
    assert [len(group) for group in code.split("-")] == [6, 6, 6, 6]
    assert not set(code) & set("lo01ABC")


# -- rates


def test_a_burst_then_a_rate() -> None:
    clock = TurnedClock()
    throttle = Throttle(clock, rate=10, burst=20)
    assert [throttle.take("a") for _ in range(20)] == [0] * 20
    assert throttle.take("a") == 100
    assert throttle.take("b") == 0, "others have their own"
    clock.time += 0.1
    assert throttle.take("a") == 0
    assert throttle.take("a") == 100
    clock.time += 1_000
    assert [throttle.take("a") for _ in range(21)] == [0] * 20 + [100]


def test_a_refused_take_costs_nothing() -> None:
    clock = TurnedClock()
    throttle = Throttle(clock, rate=1, burst=1)
    assert throttle.take("a") == 0
    for _ in range(100):
        assert throttle.take("a") == 1_000
    clock.time += 1
    assert throttle.take("a") == 0


@given(
    rate=st.floats(0.01, 1_000),
    burst=st.integers(1, 100),
    steps=st.lists(st.floats(0, 5), max_size=100),
)
def test_never_more_than_burst_plus_rate_and_the_wait_is_right(rate: float, burst: int, steps: list[float]) -> None:
    clock = TurnedClock()
    throttle = Throttle(clock, rate=rate, burst=burst)
    began = clock.time
    for taken, step in enumerate(steps, start=1):
        clock.time += step
        wait = throttle.take("a")
        if wait:
            clock.time += wait / 1_000 + 0.001
            assert throttle.take("a") == 0, "after the time that was named it succeeds"
        assert taken <= burst + (clock.time - began) * rate + 1e-3


def test_memory_is_bounded_and_the_full_go_first() -> None:
    clock = TurnedClock()
    throttle = Throttle(clock, rate=1, burst=2, keys=100)
    for key in range(50):
        throttle.take(("old", key))
    clock.time += 10
    throttle.take("spent")
    throttle.take("spent")
    for key in range(10_000):
        throttle.take(("new", key))
        clock.time += 0.001
        assert len(throttle._full_at) <= 100
    assert throttle.take("spent") == 0


# -- failures


def test_after_some_free_failures_each_further_one_doubles_the_wait() -> None:
    clock = TurnedClock()
    throttle = FailureThrottle(clock, free=3, delay=1, delay_max=60)
    waits = []
    for _ in range(12):
        wait = throttle.attempt("alice", "192.0.2.1")
        waits.append(wait)
        if wait:
            clock.time += wait / 1_000
            assert throttle.attempt("alice", "192.0.2.1") == 0
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:] == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_no_lock_out_is_for_ever() -> None:
    clock = TurnedClock()
    throttle = FailureThrottle(clock, free=0, delay=1, delay_max=60)
    for _ in range(1_000):
        clock.time += throttle.attempt("alice") / 1_000
    assert throttle.attempt("alice") <= 60_000
    clock.time += 60
    assert throttle.attempt("alice") == 0


def test_each_key_counts_for_itself() -> None:
    clock = TurnedClock()
    throttle = FailureThrottle(clock, free=2, delay=1, delay_max=60)
    for name in ("a", "b", "c"):
        assert throttle.attempt(name, "192.0.2.1") == 0
    assert throttle.attempt("d", "192.0.2.1") > 0, "one address tries many accounts"
    assert throttle.attempt("a", "192.0.2.2") == 0


def test_many_attempts_at_once_gain_nothing() -> None:
    throttle = FailureThrottle(TurnedClock(), free=3, delay=1, delay_max=60)
    assert [throttle.attempt("alice") == 0 for _ in range(100)].count(True) == 4


def test_what_was_right_is_forgiven() -> None:
    throttle = FailureThrottle(TurnedClock(), free=1, delay=1, delay_max=60)
    for _ in range(100):
        assert throttle.attempt("alice") == 0
        throttle.forgive("alice")
    assert not throttle._records


def test_failures_are_forgotten_with_time() -> None:
    clock = TurnedClock()
    throttle = FailureThrottle(clock, free=2, delay=1, delay_max=10)
    for _ in range(3):
        assert throttle.attempt("alice") == 0
    assert throttle.attempt("alice") == 1_000
    clock.time += 30
    assert throttle.attempt("alice") == 0
    assert throttle.attempt("alice") == 0


@pytest.mark.parametrize("count", [1, 1_000])
def test_failures_of_many_take_bounded_memory(count: int) -> None:
    throttle = FailureThrottle(TurnedClock(), free=2, delay=1, delay_max=10, keys=50)
    for number in range(count):
        throttle.attempt(number)
    assert len(throttle._records) == min(50, count)
