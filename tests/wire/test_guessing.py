"""Guessing passwords becomes slow; the door is never locked for good, and tokens open it meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import PATIENCE
from tests.wire.client import PASSWORD
from tests.wire.conftest import Stage


@pytest.fixture(scope="module")
def server_limits() -> str:
    return "failure_free = 3\nfailure_delay = 0.5\nfailure_delay_max = 1"


async def test_wrong_passwords_close_the_door_for_a_while(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    someone = await stage.stranger()
    codes = []
    for _ in range(8):
        answer = await someone.answer("session.login", username=alice.username, password="wrong wrong wrong")
        codes.append(answer["code"])
    assert codes[:3] == ["bad_credentials"] * 3
    assert codes[-1] == "rate_limited"
    answer = await someone.refused("rate_limited", "session.login", username=alice.username, password=PASSWORD)
    assert 0 < answer["retry_after"] <= 1_000
    token = await stage.stranger()
    await token.resumes(alice.token)
    async with asyncio.timeout(PATIENCE):
        while answer["type"] == "error":
            assert answer["code"] == "rate_limited"
            await asyncio.sleep(answer["retry_after"] / 1000)
            answer = await someone.answer("session.login", username=alice.username, password=PASSWORD)
    assert answer["user"]["user"] == alice.id


async def test_guessing_the_old_password_is_slow_as_well(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    codes = []
    for _ in range(8):
        answer = await alice.answer("account.password", old="wrong wrong wrong", new="a new password")
        codes.append(answer["code"])
    assert set(codes) == {"bad_credentials", "rate_limited"}
    assert codes[-1] == "rate_limited"
