"""Every error code and close code once: what it says to a person, and whether to come back.

A refusal is raised as :class:`Refusal` wherever it is found, and becomes an ``error`` frame on its way out. Messages
never repeat what the peer sent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """Why a request was refused. ``retryable`` says whether the same request may succeed later."""

    text: str
    retryable: bool

    def __new__(cls, value: str, text: str, retryable: bool = False) -> Self:
        """A string that knows its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        member.retryable = retryable
        return member

    INVALID = "invalid", "The request is not well formed."
    TOO_LARGE = "too_large", "That is larger than this server allows."
    UNKNOWN_TYPE = "unknown_type", "This server does not know that type of request."
    UNAUTHENTICATED = "unauthenticated", "Sign in first."
    BAD_CREDENTIALS = "bad_credentials", "The user name, password or token is wrong."
    FORBIDDEN = "forbidden", "You may not do that."
    NOT_FOUND = "not_found", "There is no such thing, or it is not yours to see."
    EXISTS = "exists", "That name is taken."
    CID_CONFLICT = "cid_conflict", "This cid was used before for something else."
    CLOSED_REGISTRATION = "closed_registration", "This server takes no new accounts; ask its operator for one."
    BAD_INVITE = "bad_invite", "The invite code is missing, unknown, used or expired."
    UNSUPPORTED = "unsupported", "This server does not offer that."
    RATE_LIMITED = "rate_limited", "Too many requests; wait a moment.", True
    UNAVAILABLE = "unavailable", "The server cannot do that right now; try again.", True
    OVERLOADED = "overloaded", "The server has too much to do; try again in a moment.", True


class CloseCode(StrEnum):
    """Why the server closes a connection. ``reconnect`` says whether to come back."""

    text: str
    reconnect: bool

    def __new__(cls, value: str, text: str, reconnect: bool) -> Self:
        """A string that knows its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        member.reconnect = reconnect
        return member

    GOING_AWAY = "going_away", "This server is shutting down.", True
    REVOKED = "revoked", "This session was ended from elsewhere; sign in again.", False
    SLOW_READER = "slow_reader", "You did not read fast enough; come back and catch up.", True
    IDLE = "idle", "Nothing was heard from you for too long.", True
    PROTOCOL_ERROR = "protocol_error", "This port speaks the MRCCSC line protocol.", False
    AUTH_TIMEOUT = "auth_timeout", "You did not sign in in time.", True
    OVERLOADED = "overloaded", "This server has no room for more connections now.", True
    DEGRADED = "degraded", "This server has lost its database; another may do better.", True
    LOGGED_OUT = "logged_out", "You have logged out.", False


class Refusal(Exception):
    """A request that is refused: an :class:`ErrorCode`, a sentence for a person, and when to come back.

    ``retry_after`` is in milliseconds. The sentence must not contain anything that the peer sent.
    """

    def __init__(self, code: ErrorCode, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message or code.text)
        self.code = code
        self.message = message or code.text
        self.retry_after = retry_after
