"""Hints between nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mrccsc_server.domain.planning import Outcome


@dataclass(frozen=True, slots=True)
class EntryHint:
    """An outcome that was committed: what travels so that other nodes deliver without asking the database."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class UserHint:
    """A frame for all connections of some users, save those of one session connection."""

    users: tuple[int, ...]
    line: bytes


@dataclass(frozen=True, slots=True)
class ConversationHint:
    """A fleeting frame (``typing``) for the members of a conversation but one user."""

    conv: int
    line: bytes
    but: int


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Sessions that were revoked: their connections are to be closed."""

    user: int
    sessions: tuple[int, ...]


Hint = EntryHint | UserHint | ConversationHint | SessionsEnded


class Bus(Protocol):
    """Hints between nodes. At most once, in the publisher's order, never to the publisher itself.

    Nothing depends on a hint arriving. ``publish`` never blocks and never raises; what does not fit its bounded
    queue is dropped and counted.
    """

    def publish(self, hints: Iterable[Hint]) -> None:
        """Send hints to the other nodes."""
        ...

    def listen(self, receive: Callable[[Hint], None]) -> None:
        """Say who gets the hints of the others; once, before :meth:`open`."""
        ...

    async def open(self) -> None:
        """Begin to receive."""
        ...

    async def close(self) -> None:
        """End; nothing is received afterwards."""
        ...
