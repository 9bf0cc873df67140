"""What comes of a request, or why it is refused, as a line."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from mrccsc_server.handlers.registry import Answer
from mrccsc_server.net import frames
from mrccsc_server.net.connection import Connection
from mrccsc_server.services.wiring import Services
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal

log = logging.getLogger(__name__)


async def respond(
    services: Services, connection: Connection, kind: str, re: int | None, work: Awaitable[Answer]
) -> None:
    """Answer a request with what ``work`` comes to; without an id only a refusal is told."""
    try:
        answer = await work
    except Refusal as refusal:
        refuse(services, connection, re, refusal)
    except Exception:
        log.exception("A request of type %s failed", kind)
        refuse(services, connection, re, Refusal(ErrorCode.UNAVAILABLE))
    else:
        if re is None:
            connection.done()
        else:
            connection.answer(re, encode(answer or {"type": "ok", "re": re}))


def refuse(services: Services, connection: Connection, re: int | None, refusal: Refusal) -> None:
    """Answer a request with an error."""
    services.metrics.errors[refusal.code] += 1
    connection.answer(re, frames.error(refusal.code, refusal.message, re, refusal.retry_after))
