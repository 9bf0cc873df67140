"""The outbox over whatever connection there is: in order within a conversation, with the same cid until acknowledged.

Messages are pipelined, each naming the one before it (``after``), so that a refused one holds back those behind it.
The window shrinks when the server asks for patience and grows again with every acknowledgement. Edits, deletions and
reactions go one at a time, after all that was done before them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, assert_never

from mrccsc_tui.link.backoff import Backoff
from mrccsc_tui.link.clock import Clock
from mrccsc_tui.link.connection import Connection, Frame
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.link.tasks import Tasks
from mrccsc_tui.state.models import Pending

WINDOW = 8
"""Messages of one conversation that may be unanswered at once."""

FLYING = 64
"""Items of all conversations that may be unanswered at once; half of what a server allows a connection."""

_NOT_ABOUT_THE_ITEM = {"offline", "unauthenticated"}


class Sender:
    """Sends what is put into it until each item is taken out again by :meth:`settled`, or refused for good."""

    def __init__(
        self,
        *,
        sent: Callable[[Pending], None],
        refused: Callable[[Pending, RequestError], None],
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._sent = sent
        self._refused = refused
        self._clock = clock
        self._random = random
        self._queues: dict[int, dict[str, Pending]] = {}
        self._connection: Connection | None = None
        self._tasks = Tasks()
        self._room = asyncio.Semaphore(FLYING)

    @property
    def waiting(self) -> int:
        """Items that are not acknowledged yet."""
        return sum(map(len, self._queues.values()))

    def put(self, item: Pending) -> None:
        """Send an item after all others of its conversation."""
        self._queues.setdefault(item.conv, {})[item.cid] = item
        self._start(item.conv)

    def clear(self) -> None:
        """Forget all items."""
        self._queues.clear()

    def settled(self, conv: int, cid: str) -> None:
        """An item is stored, or not wanted any more."""
        queue = self._queues.get(conv, {})
        queue.pop(cid, None)
        if not queue:
            self._queues.pop(conv, None)

    def online(self, connection: Connection) -> None:
        """Send over this connection from now on."""
        self.pause()
        self._connection = connection
        self._tasks = Tasks()
        for conv in self._queues:
            self._start(conv)

    def pause(self) -> None:
        """The connection is gone; what was not answered will be sent again over the next one."""
        self._connection = None
        self._tasks.cancel()

    async def stop(self) -> None:
        """Send no more."""
        self.pause()
        await self._tasks.stop()

    def _start(self, conv: int) -> None:
        if self._connection is not None:
            self._tasks.start(conv, self._pump(conv, self._connection))

    async def _pump(self, conv: int, connection: Connection) -> None:
        backoff = Backoff(self._random)
        window = float(WINDOW)
        flying: deque[tuple[Pending, asyncio.Future[Frame]]] = deque()
        try:
            while True:
                await self._fly(conv, connection, flying, int(window))
                if not flying:
                    return
                item, answer = flying[0]
                try:
                    await answer
                except RequestError as refusal:
                    # Those behind it named it as theirs to follow: none of them is stored, and all are answered soon.
                    await asyncio.gather(*(behind for _, behind in flying), return_exceptions=True)
                    flying.clear()
                    if self._connection is not connection or refusal.code in _NOT_ABOUT_THE_ITEM:
                        return
                    if refusal.retryable or refusal.code == "no_answer":
                        window = max(1.0, window / 2)
                        wait = None if refusal.retry_after is None else refusal.retry_after / 1_000
                        await self._clock.sleep(backoff.next(wait))
                    elif item.cid in self._queues.get(conv, {}):
                        self.settled(conv, item.cid)
                        self._refused(item, refusal)
                else:
                    flying.popleft()
                    backoff.reset()
                    window = min(float(WINDOW), window + 0.5)
                    self.settled(conv, item.cid)
        finally:
            for _, answer in flying:
                answer.cancel()

    async def _fly(
        self, conv: int, connection: Connection, flying: deque[tuple[Pending, asyncio.Future[Frame]]], window: int
    ) -> None:
        """Send what may be sent now."""
        aloft = {item.cid for item, _ in flying}
        for item in list(islice(self._queues.get(conv, {}).values(), len(flying) + WINDOW)):
            if item.cid in aloft:
                continue
            if flying and (len(flying) >= window or not item.kind == flying[-1][0].kind == "send"):
                return
            await self._room.acquire()
            answer = connection.ask(request_of(item, after=flying[-1][0].cid if flying else None))
            answer.add_done_callback(lambda _: self._room.release())
            flying.append((item, answer))
            self._sent(item)


def request_of(item: Pending, after: str | None = None) -> dict[str, Any]:
    """The request that an item of the outbox stands for."""
    request: dict[str, Any] = {"conv": item.conv, "cid": item.cid}
    match item.kind:
        case "send":
            request |= {"type": "message.send", "text": item.raw}
            if item.reply_to is not None:
                request["reply_to"] = item.reply_to
            if after is not None:
                request["after"] = after
        case "edit":
            request |= {"type": "message.edit", "seq": item.target, "text": item.raw}
        case "delete":
            request |= {"type": "message.delete", "seq": item.target}
        case "react":
            request |= {"type": "message.react", "seq": item.target, "emoji": item.raw, "on": item.on}
        case _:
            assert_never(item.kind)
    return request
