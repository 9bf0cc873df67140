"""Calls that arrive while a query is in flight go together into the next one.

Unlike the calls of ``cluster.redis.call_batcher`` two queries run beside each other, each for as long as the database
takes; unlike what is given to ``services.batcher`` each call has an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class QueryBatcher(Generic[Request, Answer]):
    """Answers requests in batches of at most ``most``, in the order they came.

    ``answer`` gets a batch and returns the answers in the same order; what it raises, all of its batch get. At most
    ``width`` batches are in flight at once, so that one that is slow does not hold up everybody.
    """

    def __init__(
        self, answer: Callable[[Sequence[Request]], Awaitable[Sequence[Answer]]], *, most: int, width: int = 2
    ) -> None:
        self._answer = answer
        self._most = most
        self._width = width
        self._waiting: deque[tuple[Request, asyncio.Future[Answer]]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._working = 0

    async def ask(self, request: Request) -> Answer:
        """The answer to one request."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._working < self._width:
            self._working += 1
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                batch = [(request, future) for request, future in batch if not future.done()]
                if batch:
                    await self._settle(batch)
        finally:
            # In the very step in which it saw that nobody waits: who comes next needs another worker.
            self._working -= 1

    async def _settle(self, batch: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer([request for request, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is the callers' to handle
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        finally:
            for _, future in batch:  # The loop is ending.
                if not future.done():
                    future.cancel()
