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


def error(code: ErrorCode, message: str, re: int | None) -> bytes:
    """A refusal of a line."""
    frame: Error = {"type": "error", "code": code, "message": message}
    if re is not None:
        frame["re"] = re
    return encode(frame)
