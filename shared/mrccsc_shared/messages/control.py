"""What belongs to no feature: the plain answer, the refusal, and signs of life."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from mrccsc_shared.errors import CloseCode, ErrorCode
from mrccsc_shared.messages.base import Notice, frame
from mrccsc_shared.types import OR_AS_IT_STANDS, RequestId, Time


@frame
class Ok(TypedDict):
    """The request was carried out and there is nothing more to say."""

    type: Literal["ok"]
    re: RequestId


@frame
class Error(TypedDict):
    """The request was refused. ``retry_after`` is in milliseconds."""

    type: Literal["error"]
    re: NotRequired[RequestId]
    code: Annotated[ErrorCode, OR_AS_IT_STANDS]
    message: str
    retry_after: NotRequired[int]


class Ping(Notice):
    """A sign of life; with an ``id`` it is answered."""

    answer = "pong"
    type: Literal["ping"] = "ping"


@frame
class ServerPing(TypedDict):
    """A sign of life from the server. No answer is owed."""

    type: Literal["ping"]


@frame
class Pong(TypedDict):
    """The answer to a ping: the server's time."""

    type: Literal["pong"]
    re: RequestId
    at: Time


@frame
class Closing(TypedDict):
    """The last line before the server closes. ``after``: milliseconds to wait before coming back."""

    type: Literal["closing"]
    code: Annotated[CloseCode, OR_AS_IT_STANDS]
    reason: str
    reconnect: bool
    after: NotRequired[int]
