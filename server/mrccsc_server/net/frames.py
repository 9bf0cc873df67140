"""The few frames that connections make themselves, encoded."""

from __future__ import annotations

from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode, ErrorCode
from mrccsc_shared.messages.control import Closing, Error

PING = encode({"type": "ping"})


def closing(code: CloseCode, reason: str | None = None, after: int | None = None) -> bytes:
    """The last line of a connection. ``reason`` replaces the code's own sentence; ``after`` is in milliseconds."""
    frame: Closing = {"type": "closing", "code": code, "reason": reason or code.text, "reconnect": code.reconnect}
    if after is not None:
        frame["after"] = after
    return encode(frame)


def error(code: ErrorCode, message: str, re: int | None, retry_after: int | None = None) -> bytes:
    """A refusal of the line with this id. ``retry_after`` is in milliseconds; ``rate_limited`` always has it."""
    frame: Error = {"type": "error", "code": code, "message": message}
    if re is not None:
        frame["re"] = re
    if retry_after is not None:
        frame["retry_after"] = retry_after
    return encode(frame)
