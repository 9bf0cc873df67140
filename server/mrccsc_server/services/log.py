"""The heart: operations → group commit → delivery, in seq order.

All that arrives while a commit is in flight goes into the next one: what a transaction costs, whatever is in it, is
shared by as many as possible. Only where enough waits for a full one do several run at a time, never two on one
conversation; that hides the latency of a slow commit. After it each outcome is delivered and answered in the order of
the batch, in one step; what must wait for entries of other nodes is delivered and answered in seq order all the same
(see :mod:`mrccsc_server.services.live`). An answer is given only for what is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import Bus, EntryHint, HeadHint, Log
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival, Done
from mrccsc_server.services.session import Session
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

log = logging.getLogger(__name__)


LEAST_BATCH = 24
LEAST_BATCH_MOST = 64
"""The minimum of operations queued before a second commit starts beside one in flight: as many as are in flight,
clamped to these two.

As many: of two commits that take turns, the database works on the one while the node makes the other, and that goes
best with halves. Not fewer: what a commit costs in any case is to be shared. Not more: a large commit that hangs holds
up only its own conversations."""


class _Submission(Arrival):
    """An operation with who asked for it; an arrival once it is stored."""

    __slots__ = ("operation", "service")

    def __init__(self, service: LogService, operation: Operation, session: Session, done: Done, *, acked: bool) -> None:
        # What was stored comes later.
        self.origin = session
        self.acked = acked
        self.done: Done = done
        self.service = service
        self.operation = operation

    def answer(self) -> None:
        """Answer the request with the entry."""
        self.service.answer(self, self.stored)


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
        self._committers = committers
        self._queue: deque[_Submission] = deque()
        self._work = asyncio.Event()
        self._commits_in_flight = 0
        self._operations_in_flight = 0
        """Operations in the commits that are in flight."""
        self._least_batch = LEAST_BATCH
        """The minimum queued before a commit starts beside those in flight: see :data:`LEAST_BATCH`."""
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

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
        self._queue.append(_Submission(self, operation, session, done, acked=acked))
        if not self._commits_in_flight or len(self._queue) == self._least_batch:
            self._work.set()
        if not self._open:
            self._idle.clear()
        self._open += 1

    async def run(self) -> None:
        """Commit what is queued, batch by batch, until cancelled."""
        async with asyncio.TaskGroup() as committers:
            for _ in range(self._committers):
                committers.create_task(self._commit_on())

    async def drain(self) -> None:
        """Wait until everything queued is stored and answered."""
        await self._idle.wait()

    async def _commit_on(self) -> None:
        while True:
            if batch := self._take():
                await self._commit(batch)
            else:
                self._work.clear()
                await self._work.wait()

    def _take(self) -> list[_Submission]:
        """The next batch, in the order of the queue, of conversations that are in no commit; empty when none is due."""
        most = self._limits.commit_batch
        if not self._commits_in_flight:
            return [self._queue.popleft() for _ in range(min(len(self._queue), most))]
        if len(self._queue) < self._least_batch:
            return []
        committing = self._live.committing
        batch = [submission for submission in self._queue if submission.operation.conv not in committing][:most]
        if len(batch) < self._least_batch:
            return []
        taken = set(batch)
        self._queue = deque(submission for submission in self._queue if submission not in taken)
        return batch

    async def _commit(self, batch: list[_Submission]) -> None:
        clock = asyncio.get_running_loop().time
        operations = [submission.operation for submission in batch]
        convs = {operation.conv for operation in operations}
        began = clock()
        self._fly(1, len(batch))
        self._live.committing.begin(convs, operations)
        outcomes = await self._append(operations)
        self._settle(batch, outcomes, clock() - began)
        self._live.end_commit(convs)
        self._fly(-1, -len(batch))
        self._work.set()

    def _fly(self, commits: int, operations: int) -> None:
        """So many more are in flight."""
        self._commits_in_flight += commits
        self._operations_in_flight += operations
        self._least_batch = max(LEAST_BATCH, min(self._operations_in_flight, LEAST_BATCH_MOST))

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
        heads: list[HeadHint] = []
        for submission, outcome in zip(batch, outcomes, strict=True):
            if type(outcome) is Stored:
                submission.stored = outcome
                stored.append(outcome)
            elif type(outcome) is Duplicate:
                conv = submission.operation.conv
                if outcome.seq > (self._live.applied(conv) or outcome.seq):
                    # It was stored, but nobody may have been told: its commit was answered with an error.
                    heads.append(HeadHint(conv, outcome.seq))
        if stored or heads:
            # Before the delivery here: the others need not wait for what may be missing on this node.
            self._bus.publish(chain(map(EntryHint, stored), heads))
        for submission, outcome in zip(batch, outcomes, strict=True):
            if type(outcome) is Stored:
                try:
                    self._live.deliver(submission)
                except Exception:
                    log.exception("An entry could not be delivered")
                    self._live.expect(submission.operation.conv, outcome.entry["seq"])
            else:
                self.answer(submission, outcome)
        for hint in heads:
            self._live.expect(hint.conv, hint.head)
        self._committed(len(batch), seconds, stored)

    def answer(self, submission: _Submission, outcome: Outcome) -> None:
        """Answer a submission with what became of it."""
        try:
            submission.done(outcome)
        except Exception:
            log.exception("An outcome could not be answered")
        self._open -= 1
        if not self._open:
            self._idle.set()
