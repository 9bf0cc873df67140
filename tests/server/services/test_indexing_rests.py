"""When the index for search steps back: what is said now goes before what can be found."""

from __future__ import annotations

from typing import Any

import pytest

from mrccsc_server.services.index_pacing import BATCH, BATCH_BUSY, CROWDED, PAUSE, REST_MAX, IndexPacing

WORK = 0.01
"""Seconds of one piece of indexing."""


class Enough(Exception):
    """As many pauses as were asked for."""


class Node:
    """Time that passes only in work and in pauses, of which the node uses a share; one commit goes on in each."""

    def __init__(self, *, share: float = 0.0, operations: int = 1, work: float = WORK, behind: bool = True) -> None:
        self.time = 0.0
        self.pauses: list[float] = []
        self.pieces: list[int] = []
        self._share = share
        self._operations = operations
        self._work = work
        self._behind = behind
        search: Any = self
        self._pacing = IndexPacing(search, used=lambda: share * self.time, clock=lambda: self.time, sleep=self._sleep)
        self._wanted = 0

    async def index(self, most: int) -> int:
        self.pieces.append(most)
        self.time += self._work
        return most if self._behind else most - 1

    async def _sleep(self, seconds: float) -> None:
        if len(self.pauses) == self._wanted:
            raise Enough
        self.pauses.append(round(seconds, 3))
        self.time += seconds
        self._pacing.committed(self._operations)

    async def rests(self, count: int) -> list[float]:
        """The first pauses that the index makes."""
        self._wanted = count
        with pytest.raises(Enough):
            await self._pacing.run()
        return self.pauses


@pytest.mark.parametrize("node", [{"share": 0.5, "operations": 2}, {"share": 0.1, "operations": CROWDED * 2}])
async def test_the_index_is_worked_off_where_there_is_time(node: dict[str, Any]) -> None:
    assert await Node(**node).rests(3) == [WORK] * 3


@pytest.mark.parametrize("node", [{"share": 0.9, "operations": 1}, {"share": 0.4, "operations": CROWDED * 2}])
async def test_it_rests_where_the_node_uses_its_core_or_many_share_a_commit(node: dict[str, Any]) -> None:
    # At least 49 times as long as it worked, looking up after each pause.
    assert await Node(**node).rests(8) == [WORK, *[PAUSE] * 3] * 2


async def test_pieces_are_small_while_the_node_is_busy() -> None:
    node = Node(share=0.9)
    await node.rests(8)
    assert node.pieces == [BATCH, BATCH_BUSY, BATCH_BUSY]
    idle = Node(share=0.5)
    await idle.rests(2)
    assert idle.pieces == [BATCH] * 3


async def test_it_looks_again_after_a_pause_when_nothing_is_behind() -> None:
    assert await Node(behind=False).rests(2) == [PAUSE] * 2


@pytest.mark.parametrize("share", [0.0, 0.9])
async def test_a_long_piece_is_followed_by_a_bounded_rest(share: float) -> None:
    pauses = await Node(share=share, work=60.0).rests(2)
    assert pauses == [REST_MAX] * 2
