"""Requests of connections → handlers → answers."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from mrccsc_server.handlers import message, room, session
from mrccsc_server.handlers.answers import refuse, respond
from mrccsc_server.handlers.operations import Operations
from mrccsc_server.handlers.registry import HANDLERS, Answer
from mrccsc_server.net.connection import Connection
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages import Request
from mrccsc_shared.messages.session import SessionResume

log = logging.getLogger(__name__)

OPERATIONS: Operations = {**message.OPERATIONS, **room.OPERATIONS}
"""What is queued at once, in the order in which it comes."""


class MessageDispatcher:
    """Implements :class:`mrccsc_server.net.dispatch.Dispatcher` on the use cases."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def opened(self, connection: Connection) -> None:
        """Nothing is known of a connection before it signs in."""

    def received(self, connection: Connection, request: Request) -> None:
        """Start what the request asks for. Log operations are queued at once, so that they keep their order."""
        signed_in: Session | None = connection.session
        operation = OPERATIONS.get(request.type)
        if operation is not None and signed_in is not None:
            try:
                operation(self._services, connection, signed_in, request)
            except Refusal as refusal:
                self._refuse(connection, request, refusal)
        elif request.opens:
            if signed_in is not None:
                self._refuse(connection, request, Refusal(ErrorCode.INVALID, "This connection is signed in already."))
            elif isinstance(request, SessionResume):
                session.resume(self._services, connection, request, partial(self._shut_out, connection, request))
            else:
                self._services.background.spawn(self._open(connection, request))
        elif request.type == "ping":
            session.pong(self._services, connection, request.id)
        elif signed_in is None:
            self._refuse(connection, request, Refusal(ErrorCode.UNAUTHENTICATED))
        else:
            self._services.background.spawn(self._handle(connection, signed_in, request))

    def closed(self, connection: Connection) -> None:
        """The session of the connection is gone."""
        # Each holds the other: without this, thousands of both would wait for the garbage collector.
        signed_in, connection.session = connection.session, None
        if signed_in is not None:
            self._services.sign_in.leave(signed_in)

    async def _open(self, connection: Connection, request: Any) -> None:
        try:
            await session.open_session(self._services, connection, request)
        except Refusal as refusal:
            self._shut_out(connection, request, refusal)
        except Exception:
            log.exception("A sign-in failed")
            self._shut_out(connection, request, Refusal(ErrorCode.UNAVAILABLE))

    def _shut_out(self, connection: Connection, request: Request, refusal: Refusal) -> None:
        connection.session = None
        self._services.metrics.sign_ins["throttled" if refusal.code.retryable else "refused"] += 1
        self._refuse(connection, request, refusal)

    async def _handle(self, connection: Connection, signed_in: Session, request: Request) -> None:
        await respond(self._services, connection, request.type, request.id, self._find(signed_in, request))
        if signed_in.logged_out:
            session.close_logged_out(connection)

    async def _find(self, signed_in: Session, request: Request) -> Answer:
        entry = HANDLERS[request.type]
        if entry.rate is not None:
            self._services.rates.require(entry.rate, signed_in.user)
        answer: Answer = await entry.handler(self._services, signed_in, request)
        return answer

    def _refuse(self, connection: Connection, request: Request, refusal: Refusal) -> None:
        refuse(self._services, connection, request.id, refusal)
