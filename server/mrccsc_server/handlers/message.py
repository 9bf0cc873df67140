"""Send, edit, delete, react: the hot path.

These are no tasks: each is checked, counted and queued within the call, so that what one connection sends keeps its
order, and answered from the commit's own step (see :mod:`mrccsc_server.services.log`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mrccsc_server.domain.operations import Delete, Edit, Operation, React, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.handlers.refusal import error_line
from mrccsc_server.net.connection import Connection
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.message import Ack, MessageDelete, MessageEdit, MessageReact, MessageSend
from mrccsc_shared.text import check_emoji, check_text, mentioned_names

MENTIONS_MAX = 50
"""Different user names of one text that are looked up."""


def _send(services: Services, session: Session, request: MessageSend) -> Operation:
    text, reply_to = check_text(request.text, services.limits.max_text), request.reply_to
    digest = services.digest("send", text, reply_to)
    # By position: by name it takes half as long again.
    return Send(request.conv, session.user, request.cid, digest, text, reply_to, request.after, _names(text))


def _edit(services: Services, session: Session, request: MessageEdit) -> Operation:
    text = check_text(request.text, services.limits.max_text)
    return Edit(
        conv=request.conv,
        by=session.user,
        cid=request.cid,
        digest=services.digest("edit", request.seq, text),
        target=request.seq,
        text=text,
        names=_names(text),
    )


def _delete(services: Services, session: Session, request: MessageDelete) -> Operation:
    return Delete(
        conv=request.conv,
        by=session.user,
        cid=request.cid,
        digest=services.digest("delete", request.seq),
        target=request.seq,
    )


def _react(services: Services, session: Session, request: MessageReact) -> Operation:
    emoji = check_emoji(request.emoji)
    return React(
        conv=request.conv,
        by=session.user,
        cid=request.cid,
        digest=services.digest("react", request.seq, emoji, request.on),
        target=request.seq,
        emoji=emoji,
        on=request.on,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(mentioned_names(text)[:MENTIONS_MAX]) if "@" in text else ()


Build = Callable[[Services, Session, Any], Operation]


def _operation(build: Build) -> Callable[[Services, Connection, Session, Any], None]:
    def handle(services: Services, connection: Connection, session: Session, request: Any) -> None:
        operation = build(services, session, request)
        if wait := services.rates.sends.take(session.user):
            # A retry costs nothing: only the store can tell whether this is one.
            services.spawn(_retry(services, connection, session, operation, request.id, wait))
            return
        _submit(services, connection, session, operation, request.id)

    return handle


OPERATIONS = {
    "message.send": _operation(_send),
    "message.edit": _operation(_edit),
    "message.delete": _operation(_delete),
    "message.react": _operation(_react),
}
"""Called as ``(services, connection, session, request)``; raise :class:`Refusal`, else see to the answer."""


def _submit(
    services: Services, connection: Connection, session: Session, operation: Operation, re: int, *, free: bool = False
) -> None:
    def done(outcome: Outcome) -> None:
        if isinstance(outcome, Stored):
            line = _ack(re, operation, outcome.entry["seq"], outcome.entry["at"], duplicate=False)
        elif isinstance(outcome, Refusal):
            line = _refusal(services, outcome, re)
        else:
            line = _ack(re, operation, outcome.seq, outcome.at, duplicate=True)
            if not free:
                services.rates.sends.give_back(session.user)
        connection.answer(re, line)

    services.log.submit(operation, session, done, acked=True)


def _ack(re: int, operation: Operation, seq: int, at: int, *, duplicate: bool) -> bytes:
    ack: Ack = {
        "type": "ack",
        "re": re,
        "conv": operation.conv,
        "cid": operation.cid,
        "seq": seq,
        "at": at,
        "duplicate": duplicate,
    }
    return encode(ack)


async def _retry(
    services: Services, connection: Connection, session: Session, operation: Operation, re: int, wait: int
) -> None:
    refusal = Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)
    try:
        if await services.store.log.known(operation.conv, operation.by, operation.cid) is not None:
            _submit(services, connection, session, operation, re, free=True)
            return
    except Refusal as other:
        refusal = other
    connection.answer(re, _refusal(services, refusal, re))


def _refusal(services: Services, refusal: Refusal, re: int) -> bytes:
    services.metrics.errors[refusal.code] += 1
    return error_line(refusal, re)
