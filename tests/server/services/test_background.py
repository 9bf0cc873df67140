"""Work in the background comes to an end, whatever it does with being told to."""

from __future__ import annotations

import asyncio

import pytest

from mrccsc_server.services import background
from mrccsc_server.services.background import Background
from tests.waiting import PATIENCE, wait_until


async def test_work_in_which_a_cancellation_was_lost_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``asyncio.wait_for`` loses one before Python 3.12 that comes just as what it waits for is there."""
    monkeypatch.setattr(background, "ASK_AGAIN", 0.01)
    working = Background()
    heard = 0

    async def works_on() -> None:
        nonlocal heard
        while heard < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard += 1

    working.attend(works_on())
    working.spawn(works_on())
    await asyncio.sleep(0)
    ending = asyncio.create_task(working.cancel())
    await wait_until(ending.done, "all having ended", PATIENCE)
    assert heard >= 3
