"""A refusal as a line."""

from __future__ import annotations

from mrccsc_shared.codec import encode
from mrccsc_shared.errors import Refusal
from mrccsc_shared.messages.control import Error


def error_line(refusal: Refusal, re: int | None) -> bytes:
    """The line of a refusal. ``rate_limited`` always says when to come back."""
    error: Error = {"type": "error", "code": refusal.code, "message": refusal.message}
    if re is not None:
        error["re"] = re
    if refusal.retry_after is not None:
        error["retry_after"] = refusal.retry_after
    return encode(error)
