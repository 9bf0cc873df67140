"""Read marks and typing: shown at once, gathered, sent when the line is up."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from mrccsc_shared.limits import TYPING_INTERVAL
from mrccsc_tui.engine.engine import Engine
from mrccsc_tui.link.connection import Frame
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.state.reducers.reading import mark

GATHER = 0.3
"""Seconds in which read marks of a conversation are gathered into one."""


@dataclass(slots=True)
class _Mark:
    read: int = 0
    unread_from: int | None = None


class Marks:
    """What the user has read or wants to see as unread, as far as the server has not been told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._untold: dict[int, _Mark] = {}
        self._telling: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._typed: dict[int, float] = {}

    def mark(self, conv: int, seq: int, *, unread: bool) -> None:
        """Read up to ``seq``, or to be seen as unread from ``seq`` on."""
        conversation = self._engine.store.conversations.get(conv)
        if conversation is None:
            return
        line, read = conversation.unread_from, conversation.read
        if unread:
            line = seq = min(max(seq, conversation.start), conversation.head)
        else:
            read = max(read, min(seq, conversation.head))
            line = None if line is not None and seq >= line else line
        if (read, line) == (conversation.read, conversation.unread_from):
            return
        untold = self._untold.setdefault(conv, _Mark())
        if unread:
            untold.unread_from = seq
        else:
            untold.read = max(untold.read, seq)
            if untold.unread_from is not None and seq >= untold.unread_from:
                untold.unread_from = None
        self._engine.store.marking.add(conv)
        self._engine.tasks.start(("mark", conv), self._tell_soon(conv))
        self._engine.publish(mark(self._engine.store, conversation, read, line))

    def compare(self, frame: Frame) -> None:
        """What was read while away, the server hears now."""
        for wire in frame["conversations"]:
            held = self._engine.store.conversations.get(wire["conv"])
            if held is not None and held.read > wire["read"]:
                untold = self._untold.setdefault(held.conv, _Mark())
                untold.read = max(untold.read, held.read)

    def tell_all(self) -> None:
        """The line is up."""
        for conv in list(self._untold):
            self._engine.tasks.start(("mark", conv), self._tell_soon(conv))

    async def tell(self, conv: int) -> None:
        """Tell the server now what it does not know yet of a conversation; later, when the line is down."""
        async with self._telling[conv]:
            await self._tell(conv)

    async def _tell(self, conv: int) -> None:
        while (untold := self._untold.get(conv)) is not None and (connection := self._engine.connection) is not None:
            del self._untold[conv]
            try:
                if untold.read:
                    await connection.ask({"type": "read.mark", "conv": conv, "seq": untold.read})
                if untold.unread_from is not None:
                    request = {"type": "read.mark", "conv": conv, "seq": untold.unread_from, "unread": True}
                    await connection.ask(request)
            except RequestError as refusal:
                if refusal.code in {"no_answer", "offline"}:
                    # What was marked meanwhile is newer.
                    self._untold.setdefault(conv, untold)
                    return
                if refusal.retryable:
                    self._untold.setdefault(conv, untold)
                    await self._engine.clock.sleep((refusal.retry_after or 1_000) / 1_000)
        if conv not in self._untold:
            self._engine.store.marking.discard(conv)

    def typing(self, conv: int) -> None:
        """The user is typing."""
        connection, now = self._engine.connection, self._engine.clock.monotonic()
        if connection is not None and now - self._typed.get(conv, -TYPING_INTERVAL) >= TYPING_INTERVAL:
            self._typed[conv] = now
            connection.tell({"type": "typing", "conv": conv})

    def clear(self) -> None:
        """Forget everything."""
        self._untold.clear()
        self._engine.store.marking.clear()

    async def _tell_soon(self, conv: int) -> None:
        await self._engine.clock.sleep(GATHER)
        await self.tell(conv)
