"""A join that is answered late: the node has gone on meanwhile, for others, and the newcomer must miss nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from tests.server.services.nodes import town
from tests.waiting import wait_until


class LateLog:
    """A log whose commits are done, and told only when ``told`` is set."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.told = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes: list[Outcome] = await self._inner.append(operations)
        await self.told.wait()
        return outcomes


async def test_who_joins_while_another_session_of_the_node_begins_misses_nothing() -> None:
    async with town(2) as place:
        ann, bob, cat = await place.friends("ann", "bob", "cat")
        conv = await place.group(ann, cat)
        here, there = place.nodes
        a, b = await there.device(ann), await here.device(bob)
        late = LateLog(here.services.log._store)
        here.services.log._store = late  # type: ignore[assignment]
        start = await place.head(conv)
        joining = b.post("group.join", conv=conv, cid=str(uuid4()))

        async def stored() -> bool:
            return await place.head(conv) > start

        while not await stored():
            await asyncio.sleep(0.01)
        for _ in range(3):
            a.says(conv)
        await wait_until(lambda: len(a.of("ack")) == 3, "the words being stored")
        # Its snapshot is ahead of the join; this node begins to deliver there.
        c = await here.device(cat)
        late.told.set()
        assert (await joining)["type"] == "conversation"
        for _ in range(2):
            a.says(conv)
        await wait_until(lambda: len(a.of("ack")) == 5, "the last words being stored")
        await place.all_reach(conv, [c])
        head = await place.head(conv)
        await wait_until(lambda: head in b.seqs(conv), "the end of the log")
        begun = min(line["conversation"]["head"] for line in b.lines if line["type"] == "conversation")
        assert sorted(set(b.seqs(conv)) - set(range(begun + 1))) == list(range(begun + 1, head + 1)), b.lines
