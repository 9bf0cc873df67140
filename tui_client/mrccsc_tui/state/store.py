"""The one store of what the client knows. Frames go in, changes come out; no I/O, no clock.

Everything handed out is frozen and safe to print. What a log holds is always one contiguous tail, and each
(conv, seq) is in it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mrccsc_tui.state.changes import Change
from mrccsc_tui.state.models import Contact, Conversation, LinkStatus, Member, Message, Pending, Person, Presence, Row


class Store:
    """What is known now. Reading is for everybody; the methods that change it are the client's."""

    me: Person | None
    """The signed-in user, also while offline; ``None`` before the first sign-in."""

    epoch: str | None
    status: LinkStatus
    contacts: Mapping[int, Contact]
    """By user id: friends, requests both ways, and the blocked."""

    conversations: Mapping[int, Conversation]
    """By conversation id, in no particular order."""

    people: Mapping[int, Person]
    """Everybody whose name is known, by user id."""

    my_presence: Presence | None
    """How the user chose to be seen, as far as this device knows."""

    def person(self, user: int) -> Person:
        """Somebody; where the name is not known, a person that is called by the number."""
        raise NotImplementedError

    def presence(self, user: int) -> Presence | None:
        """Where somebody stands; ``None`` is unknown."""
        raise NotImplementedError

    def timeline(self, conv: int) -> Sequence[Row]:
        """What is held of a conversation: messages and notices in ascending seq. A live view: cheap, never copied."""
        raise NotImplementedError

    def message(self, conv: int, seq: int) -> Message | None:
        """A held message."""
        raise NotImplementedError

    def index(self, conv: int, seq: int) -> int:
        """The place in ``timeline(conv)`` of the first row at or after ``seq``."""
        raise NotImplementedError

    def pending(self, conv: int) -> tuple[Pending, ...]:
        """What waits to be sent into a conversation, or failed, in the order it was done."""
        raise NotImplementedError

    def members(self, conv: int) -> Mapping[int, Member] | None:
        """The members of a group by user id, kept up to date once loaded; ``None`` when they are not loaded."""
        raise NotImplementedError

    def apply(self, frame: Mapping[str, Any], request: Mapping[str, Any] | None = None) -> tuple[Change, ...]:
        """Take in a frame of the server, with the request that it answers. Unknown types change nothing."""
        raise NotImplementedError
