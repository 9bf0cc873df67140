"""Calls that share a round trip: what comes while one is under way goes into the next.

Unlike the queries of ``storage.query_batcher`` they run one after the other, are filled by weight and waited for with a
time limit; unlike what is given to ``services.batcher`` each has an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mrccsc_server.cluster.redis.wire import SILENT, WireError

log = logging.getLogger(__name__)

Op = TypeVar("Op")
Result = TypeVar("Result")


class CallBatcher(Generic[Op, Result]):
    """Runs operations in the order in which they came, one call after the other.

    A call takes operations up to a weight of ``most``, and at least one. Whoever asks waits for ``time`` seconds at
    most; what was asked is carried out even so.
    """

    def __init__(
        self,
        run: Callable[[list[Op]], Awaitable[Sequence[Result]]],
        *,
        most: int,
        time: float,
        weigh: Callable[[Op], int] = lambda _: 1,
    ) -> None:
        self._run = run
        self._most = most
        self._time = time
        self._weigh = weigh
        self._waiting: deque[tuple[Op, asyncio.Future[Result]]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def do(self, op: Op) -> Result:
        """The result of one operation. Raises :class:`WireError` when its call failed or takes too long."""
        (result,) = await self.do_all((op,))
        return result

    async def do_all(self, ops: Sequence[Op]) -> list[Result]:
        """The results of some operations, in order. Raises :class:`WireError` when a call failed or takes too long."""
        futures = [self._submit(op) for op in ops]
        for future in futures:
            future.add_done_callback(_look)
        try:
            async with asyncio.timeout(self._time):
                return [await future for future in futures]
        except TimeoutError:
            raise WireError(SILENT) from None

    def push(self, op: Op) -> None:
        """Run one operation some time; nobody minds when it fails."""
        self._submit(op).add_done_callback(_look)

    def _submit(self, op: Op) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((op, future))
        if self._runner is None:
            # A task begins in the next turn of the loop, so all that is asked in this one is in its first call.
            self._runner = asyncio.create_task(self._work())
        return future

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = self._take()
                try:
                    results = await self._run([op for op, _ in taken])
                except Exception as error:
                    if not isinstance(error, WireError):
                        log.exception("A call to Redis failed")
                    for _, future in taken:
                        if not future.done():
                            future.set_exception(WireError(str(error)))
                else:
                    for (_, future), result in zip(taken, results, strict=True):
                        if not future.done():
                            future.set_result(result)
        finally:
            self._runner = None

    def _take(self) -> list[tuple[Op, asyncio.Future[Result]]]:
        taken: list[tuple[Op, asyncio.Future[Result]]] = []
        weight = 0
        while self._waiting:
            weight += self._weigh(self._waiting[0][0])
            if taken and weight > self._most:
                break
            taken.append(self._waiting.popleft())
        return taken


def _look(future: asyncio.Future[Result]) -> None:
    # Else asyncio would report an exception that was never looked at.
    if not future.cancelled():
        future.exception()
