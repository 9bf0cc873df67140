"""Requests that write an entry.

These are no tasks: each is checked, counted and queued within the call, so that what one connection asks of a log keeps
its order, and answered from the commit's own step, so that its answer stands where the entry does (see
:mod:`mrccsc_server.services.log`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.handlers.answers import refuse
from mrccsc_server.net.connection import Connection
from mrccsc_server.security.throttle import Throttle
from mrccsc_server.services.limits import Rate
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.errors import ErrorCode, Refusal

Build = Callable[[Services, Session, Any], Operation]
"""What a request asks of the log. Raises :class:`Refusal`."""

Settled = Stored | Duplicate
"""What became of an operation that was not refused."""

Reply = Callable[[Services, Connection, Session, Operation, int, Settled], None]
"""Answers the request of this id with what became of it."""

Operations = Mapping[str, Callable[[Services, Connection, Session, Any], None]]
"""By type of request. Called as ``(services, connection, session, request)``; raise :class:`Refusal`, else see to the
answer."""


def operation(
    build: Build, reply: Reply, *, rate: Rate, acked: bool
) -> Callable[[Services, Connection, Session, Any], None]:
    """What queues a request, counted under ``rate``; with ``acked`` its answer stands for the entry."""
    return _Handler(build, reply, rate, acked).handle


@dataclass(frozen=True, slots=True)
class _Handler:
    """How requests of one type become operations."""

    build: Build
    reply: Reply
    rate: Rate
    acked: bool

    def handle(self, services: Services, connection: Connection, session: Session, request: Any) -> None:
        """Queue a request. Raises :class:`Refusal`."""
        operation = self.build(services, session, request)
        throttle = services.rates.by_name[self.rate]
        if wait := throttle.take(session.user):
            limited = Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
            if request.cid is None:
                raise limited
            # A retry costs nothing: only the store can tell whether this is one.
            services.background.spawn(self._retry(services, connection, session, operation, request.id, limited))
            return
        self._submit(services, connection, session, operation, request.id, throttle)

    def _submit(
        self,
        services: Services,
        connection: Connection,
        session: Session,
        operation: Operation,
        re: int,
        taken: Throttle | None,
    ) -> None:
        reply = self.reply

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Refusal):
                refuse(services, connection, re, outcome)
                return
            if taken is not None and isinstance(outcome, Duplicate) and outcome.known:
                taken.give_back(session.user)
            reply(services, connection, session, operation, re, outcome)

        services.log.submit(operation, session, done, acked=self.acked)

    async def _retry(
        self,
        services: Services,
        connection: Connection,
        session: Session,
        operation: Operation,
        re: int,
        limited: Refusal,
    ) -> None:
        try:
            if await services.store.log.known(operation.conv, operation.by, operation.cid) is None:
                raise limited
            self._submit(services, connection, session, operation, re, None)
        except Refusal as refusal:
            refuse(services, connection, re, refusal)
