"""The heart: operations → group commit → delivery, in seq order.

All that arrives while a commit is in flight goes into the next one. A few committers, chosen by conversation, hide the
latency of a commit. After it each outcome is delivered and answered in the order of the batch, in one step; what must
wait for entries of other nodes is delivered and answered in seq order all the same (see
:mod:`mrccsc_server.services.live`). An answer is given only for what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Bus, EntryHint, HeadHint, Hint, Log
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival, Done
from mrccsc_server.services.session import Session
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Submission:
    operation: Operation
    session: Session
    acked: bool
    done: Done


class LogService:
    """Takes operations and sees them stored and delivered.

    Operations of one conversation are decided in the order in which they were submitted. ``committed`` is told of each
    commit: how many operations, how many seconds, what was stored.
    """

    def __init__(
        self,
        store: Log,
        live: Live,
        bus: Bus,
        limits: Limits,
        *,
        committers: int,
        committed: Callable[[int, float, Iterable[Stored]], None],
    ) -> None:
        self._store = store
        self._live = live
        self._bus = bus
        self._limits = limits
        self._committed = committed
        self._queues: list[deque[_Submission]] = [deque() for _ in range(committers)]
        self._work = [asyncio.Event() for _ in self._queues]
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Operations that wait for a commit."""
        return sum(map(len, self._queues))

    def submit(self, operation: Operation, session: Session, done: Done, *, acked: bool) -> None:
        """Queue an operation; ``done`` gets its outcome in order, after the delivery. Raises ``overloaded``.

        With ``acked`` the session is answered by ``done`` itself and gets no entry.
        """
        if self.waiting >= self._limits.commit_queue:
            raise Refusal(ErrorCode.OVERLOADED, retry_after=1_000)
        which = operation.conv % len(self._queues)
        self._queues[which].append(_Submission(operation, session, acked, done))
        self._work[which].set()
        self._open += 1
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
        async with asyncio.TaskGroup() as committers:
            for queue, work in zip(self._queues, self._work, strict=True):
                committers.create_task(self._commit(queue, work))

    async def drain(self) -> None:
        """Wait until everything queued is stored and answered."""
        await self._idle.wait()

    async def _commit(self, queue: deque[_Submission], work: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            if not queue:
                work.clear()
                await work.wait()
            batch = [queue.popleft() for _ in range(min(len(queue), self._limits.commit_batch))]
            operations = [submission.operation for submission in batch]
            began = clock()
            self._live.begin_commit(operations)
            outcomes = await self._append(operations)
            self._settle(batch, outcomes, clock() - began)
            self._live.end_commit(operations)

    async def _append(self, operations: list[Operation]) -> list[Outcome]:
        try:
            return await self._store.append(operations)
        except Refusal as refusal:
            return [refusal] * len(operations)
        except Exception:
            log.exception("A commit failed")
            return [Refusal(ErrorCode.UNAVAILABLE)] * len(operations)

    def _settle(self, batch: list[_Submission], outcomes: list[Outcome], seconds: float) -> None:
        stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
        hints: list[Hint] = [EntryHint(outcome) for outcome in stored]
        for submission, outcome in zip(batch, outcomes, strict=True):
            conv = submission.operation.conv
            if isinstance(outcome, Duplicate) and outcome.seq > (self._live.applied(conv) or outcome.seq):
                # It was stored, but nobody may have been told: its commit was answered with an error.
                hints.append(HeadHint(conv, outcome.seq))
        if hints:
            # Before the delivery here: the others need not wait for what may be missing on this node.
            self._bus.publish(hints)
        for submission, outcome in zip(batch, outcomes, strict=True):
            self._deliver(submission, outcome)
        for hint in hints:
            if isinstance(hint, HeadHint):
                self._live.expect(hint.conv, hint.head)
        self._committed(len(batch), seconds, stored)

    def _deliver(self, submission: _Submission, outcome: Outcome) -> None:
        if not isinstance(outcome, Stored):
            self._answer(submission, outcome)
            return
        done = partial(self._answer, submission)
        try:
            self._live.deliver(Arrival(outcome, submission.session, submission.acked, done))
        except Exception:
            log.exception("An entry could not be delivered")
            self._live.expect(submission.operation.conv, outcome.entry["seq"])

    def _answer(self, submission: _Submission, outcome: Outcome) -> None:
        try:
            submission.done(outcome)
        except Exception:
            log.exception("An outcome could not be answered")
        self._open -= 1
        if not self._open:
            self._idle.set()
