"""What comes within a moment is done together, and no slow batch holds up the next for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mrccsc_server.services.batcher import Batcher
from tests.waiting import wait_until


class Workshop:
    """Batches that are begun, each done when the test says so."""

    def __init__(self) -> None:
        self.begun: list[list[int]] = []
        self.ends: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.together = Batcher(self._work, lambda work: self.tasks.append(asyncio.create_task(work)), most=8)

    async def _work(self, batch: list[int]) -> None:
        self.begun.append(batch)
        self.ends.append(asyncio.Event())
        await self.ends[-1].wait()

    async def add(self, *ones: int) -> None:
        for one in ones:
            self.together.add(one)
        await asyncio.sleep(0)


@pytest.fixture
async def shop() -> AsyncIterator[Workshop]:
    shop = Workshop()
    yield shop
    for task in shop.tasks:
        task.cancel()


async def test_what_comes_in_one_turn_is_one_batch_up_to_the_most(shop: Workshop) -> None:
    await shop.add(*range(10))
    assert shop.begun == [list(range(8))]
    shop.ends[0].set()
    await wait_until(lambda: shop.begun[1:], "the rest")
    assert shop.begun[1] == [8, 9]
    shop.ends[1].set()
    await asyncio.gather(*shop.tasks)
    await shop.add(10)
    assert shop.begun[2] == [10]


async def test_a_second_batch_begins_beside_the_first_when_enough_wait_and_no_third(shop: Workshop) -> None:
    await shop.add(0)
    await shop.add(1)
    assert shop.begun == [[0]]
    await shop.add(2)
    assert shop.begun == [[0], [1, 2]]
    await shop.add(*range(3, 9))
    assert shop.begun == [[0], [1, 2]]
    shop.ends[0].set()
    await wait_until(lambda: shop.begun[2:], "the third in the place of the first")
    assert shop.begun[2] == list(range(3, 9))


async def test_a_few_do_not_wait_for_a_slow_one_for_ever(shop: Workshop) -> None:
    await shop.add(0)
    await shop.add(1)
    await wait_until(lambda: shop.begun == [[0], [1]], "a second batch")
    shop.ends[0].set()
    shop.ends[1].set()
    await asyncio.gather(*shop.tasks)
    assert shop.begun == [[0], [1]]
