"""How the line fails. Every sentence is for a person and safe to print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrccsc_shared.errors import ErrorCode
from mrccsc_tui.sanitize import line

RETRYABLE = frozenset(code.value for code in ErrorCode if code.retryable)
_KNOWN = frozenset(code.value for code in ErrorCode)

LONGEST_WAIT = 3_600_000
"""Milliseconds: longer than that no server keeps a client waiting."""


def patience(asked: int | None) -> int | None:
    """How many milliseconds a client waits that a server asks to wait for so many."""
    return None if asked is None else min(max(0, asked), LONGEST_WAIT)


class RequestError(Exception):
    """A request was refused or could not be made. ``str()`` is a sentence for a person, safe to print.

    ``code`` is one of ``mrccsc_shared.errors.ErrorCode`` or one that came after this version, or ``offline`` (not
    connected, nothing was asked), ``no_answer`` (asked, but the outcome is unknown). ``retry_after`` is in
    milliseconds.
    """

    def __init__(self, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """The server says that the same request may succeed later."""
        return self.code in RETRYABLE or (self.code not in _KNOWN and self.retry_after is not None)

    @classmethod
    def of(cls, frame: Mapping[str, Any]) -> RequestError:
        """From an ``error`` frame."""
        return cls(str(frame["code"]), line(frame["message"]), patience(frame.get("retry_after")))


class LineLost(Exception):
    """The connection could not be made, or has ended. ``str()`` says why.

    ``final``: do not come back by itself. ``forget``: the session is over, its token is worth nothing. ``after``:
    seconds to wait before coming back, as the server asks.
    """

    def __init__(self, reason: str, *, final: bool = False, forget: bool = False, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.forget = forget
        self.after = after
