"""Who is here. Presence is a lease; absent means unknown, which is not the same as offline."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import StringConstraints
from typing_extensions import TypedDict

from mrccsc_shared import limits
from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.types import Id, RequestId, Time, or_else

Status = Literal["online", "away", "dnd", "offline"]
ChosenStatus = Literal["online", "away", "dnd", "invisible"]


class Presence(TypedDict):
    """Where a user stands now. ``last_seen`` is given with ``offline`` where it is known."""

    user: Id
    status: Annotated[Status, or_else("away")]
    text: NotRequired[str]
    last_seen: NotRequired[Time]


@frame
class PresenceEvent(Presence):
    """A friend's presence changed."""

    type: Literal["presence"]
    re: NotRequired[RequestId]


class PresenceSet(Command):
    """Choose how one is seen, on all devices, until changed. ``invisible`` looks offline; no text clears it."""

    type: Literal["presence.set"] = "presence.set"
    status: ChosenStatus
    text: Annotated[str, StringConstraints(max_length=limits.MAX_PRESENCE_TEXT)] | None = None
