"""When the index for search steps back: what is said now goes before what can be found."""

from __future__ import annotations

import asyncio
from typing import Any

from mrccsc_server.services.reading import CROWDED, Reading

WORK = 0.01
"""Seconds of one piece of indexing, of which there is always another."""


class Index:
    """A store of which only the index is asked. Each piece of work is done while commits go on."""

    def __init__(self) -> None:
        self.search = self
        self.done = 0

    async def index(self, most: int) -> int:
        await asyncio.sleep(WORK)
        self.done += 1
        return most


async def pieces(share: float, operations: int, seconds: float = 0.3) -> int:
    """How many pieces are done on a node that uses that share of a core and has so many operations in each commit."""
    index: Any = Index()
    reading = Reading(index, lambda: share * asyncio.get_running_loop().time())
    indexing = asyncio.create_task(reading.index())
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        reading.committed(operations)
        await asyncio.sleep(0.002)
    indexing.cancel()
    await asyncio.gather(indexing, return_exceptions=True)
    done: int = index.done
    return done


async def test_the_index_is_worked_off_where_there_is_time() -> None:
    assert await pieces(0.5, 2) > 4
    assert await pieces(0.1, CROWDED * 2) > 4


async def test_it_rests_where_the_node_uses_its_core() -> None:
    assert await pieces(0.9, 1) <= 2


async def test_it_rests_where_many_share_a_commit_though_the_node_uses_half_a_core() -> None:
    assert await pieces(0.4, CROWDED * 2) <= 2
