"""The heart: operations → group commit → delivery, in seq order.

All that arrives while a commit is in flight goes into the next one. After the commit each outcome is delivered and
answered in the order of the batch, in one step, so that the acks and entries of a conversation leave every connection
in seq order. An answer is given only for what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Bus, EntryHint, Log
from mrccsc_server.services.live import Live, Session
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)

Done = Callable[[Outcome], None]
Observer = Callable[[Stored], None]


@dataclass(frozen=True, slots=True)
class _Submission:
    operation: Operation
    session: Session
    acked: bool
    done: Done


class LogService:
    """Takes operations and sees them stored and delivered.

    Operations of one conversation are decided in the order in which they were submitted. ``observers`` are called for
    every stored entry after its delivery.
    """

    def __init__(
        self,
        store: Log,
        live: Live,
        bus: Bus,
        limits: Limits,
        *,
        committed: Callable[[int, float, Iterable[Stored]], None],
    ) -> None:
        self._store = store
        self._live = live
        self._bus = bus
        self._limits = limits
        self._committed = committed
        self._queue: deque[_Submission] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.observers: list[Observer] = []

    @property
    def waiting(self) -> int:
        """Operations that wait for a commit."""
        return len(self._queue)

    def submit(self, operation: Operation, session: Session, done: Done, *, acked: bool) -> None:
        """Queue an operation; ``done`` gets its outcome in order, after the delivery. Raises ``overloaded``.

        With ``acked`` the session is answered by ``done`` itself and gets no entry.
        """
        if len(self._queue) >= self._limits.commit_queue:
            raise Refusal(ErrorCode.OVERLOADED, retry_after=1_000)
        self._queue.append(_Submission(operation, session, acked, done))
        self._work.set()
        self._idle.clear()

    async def perform(self, operation: Operation, session: Session) -> Stored | Duplicate:
        """Queue an operation and wait for its outcome. Raises its refusal."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(operation, session, done, acked=False)
        outcome = await future
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def run(self) -> None:
        """Commit what is queued, batch by batch, until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            if not self._queue:
                self._idle.set()
                self._work.clear()
                await self._work.wait()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._limits.commit_batch))]
            began = clock()
            outcomes = await self._append([submission.operation for submission in batch])
            self._settle(batch, outcomes, clock() - began)

    async def drain(self) -> None:
        """Wait until everything queued is stored and answered."""
        await self._idle.wait()

    async def _append(self, operations: list[Operation]) -> list[Outcome]:
        try:
            return await self._store.append(operations)
        except Refusal as refusal:
            return [refusal] * len(operations)
        except Exception:
            log.exception("A commit failed")
            return [Refusal(ErrorCode.UNAVAILABLE)] * len(operations)

    def _settle(self, batch: list[_Submission], outcomes: list[Outcome], seconds: float) -> None:
        stored: list[Stored] = []
        for submission, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Stored):
                stored.append(outcome)
                self._live.deliver(outcome, submission.session, acked=submission.acked)
            try:
                submission.done(outcome)
            except Exception:
                log.exception("An outcome could not be answered")
        if stored:
            self._bus.publish([EntryHint(outcome) for outcome in stored])
            for observer in self.observers:
                for outcome in stored:
                    observer(outcome)
        self._committed(len(batch), seconds, stored)
