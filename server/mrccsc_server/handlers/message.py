"""Send, edit, delete, react: the hot path."""

from __future__ import annotations

from functools import partial

from mrccsc_server.domain.operations import Delete, Edit, Operation, React, Send
from mrccsc_server.domain.state import Stored
from mrccsc_server.handlers.operations import Operations, Settled, operation
from mrccsc_server.net.connection import Connection
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.codec import encode
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


def _ack(
    services: Services, connection: Connection, session: Session, operation: Operation, re: int, outcome: Settled
) -> None:
    if isinstance(outcome, Stored):
        seq, at, duplicate = outcome.entry["seq"], outcome.entry["at"], False
    else:
        seq, at, duplicate = outcome.seq, outcome.at, True
    ack: Ack = {
        "type": "ack",
        "re": re,
        "conv": operation.conv,
        "cid": operation.cid,
        "seq": seq,
        "at": at,
        "duplicate": duplicate,
    }
    connection.answer(re, encode(ack))


_said = partial(operation, reply=_ack, rate="sends", acked=True)

OPERATIONS: Operations = {
    "message.send": _said(_send),
    "message.edit": _said(_edit),
    "message.delete": _said(_delete),
    "message.react": _said(_react),
}
