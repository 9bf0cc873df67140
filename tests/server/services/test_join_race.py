"""Answers that come late: what was told meanwhile must agree with them, and nothing be missed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from tests.server.services.nodes import town
from tests.waiting import wait_for, wait_until


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


class LateViews:
    """What is read of conversations, told for the first time only when ``told`` is set: as it was when it was read."""

    def __init__(self, inner: Any, late: str) -> None:
        self._inner = inner
        self._late = late
        self.read = asyncio.Event()
        self.told = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._late:
            return real

        async def call(*arguments: Any) -> Any:
            result = await real(*arguments)
            self.read.set()
            await self.told.wait()
            return result

        return call


@pytest.mark.parametrize(
    ("late", "kind"), [("page", "conversation.list"), ("seen", "group.join"), ("create_group", "group.create")]
)
async def test_who_is_removed_while_a_view_is_read_does_not_believe_to_be_in(late: str, kind: str) -> None:
    async with town(1) as place:
        ann, bob = await place.friends("ann", "bob")
        (here,) = place.nodes
        a, b = await here.device(ann), await here.device(bob)
        founded = {"cid": str(uuid4()), "title": "tea", "visibility": "public"}
        joined = {"cid": str(uuid4())}
        conv = (await b.asks("group.create", **founded))["conversation"]["conv"]
        await a.asks("group.join", conv=conv, cid=str(uuid4()))
        await b.asks("group.role", conv=conv, user=ann.user, role="owner")
        await b.asks("group.leave", conv=conv)
        await b.asks("group.join", conv=conv, **joined)
        views = LateViews(place.store.conversations, late)
        here.services.rooms._store.conversations = views  # type: ignore[assignment]
        again = {"conversation.list": {"limit": 9}, "group.create": founded, "group.join": {"conv": conv, **joined}}
        asking = b.post(kind, **again[kind])
        await views.read.wait()
        await a.asks("group.remove", conv=conv, user=bob.user)
        assert b.of("conversation.gone")
        views.told.set()
        answer = await asking
        assert answer.get("conversations", []) == []
        assert "role" not in answer.get("conversation", {})
        assert not b.is_in(conv)


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

        await wait_for(stored, "the join being stored")
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
