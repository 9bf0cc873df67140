"""Hints between nodes.

A hint makes delivery fast; nothing depends on one arriving. What a hint cannot promise is made good from the database:
after :meth:`HintListener.gap` a node compares the heads of all its conversations, and while :attr:`Bus.connected` is
false it keeps comparing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from mrccsc_server.domain.planning import Outcome


@dataclass(slots=True)
class EntryHint:
    """An outcome that was committed: what travels so that other nodes deliver without asking the database.

    Not frozen, as one is made for every message. It goes to the nodes that follow the conversation, and for a join
    also to those that follow the user who joins.
    """

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class HeadHint:
    """A conversation's log has come to ``head``. In place of entries that were too much for one bundle."""

    conv: int
    head: int


@dataclass(frozen=True, slots=True)
class UserHint:
    """A frame for all connections of some users, save one that has a hint of its own. To the nodes that follow any."""

    users: tuple[int, ...]
    line: bytes


@dataclass(frozen=True, slots=True)
class ViewHint:
    """The frame of a conversation that is new to some users or has other facts now. To the nodes that follow any."""

    users: tuple[int, ...]
    conv: int
    line: bytes


@dataclass(frozen=True, slots=True)
class ContactHint:
    """The frame of a contact: what ``other`` is to some users now. To the nodes that follow any of them."""

    users: tuple[int, ...]
    other: int
    line: bytes


@dataclass(frozen=True, slots=True)
class PresenceHint:
    """How ``user`` is seen may have changed; the ``friends`` are to be told what the lease store says now."""

    user: int
    friends: tuple[int, ...]


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


Hint = EntryHint | HeadHint | UserHint | ViewHint | ContactHint | PresenceHint | ConversationHint | SessionsEnded


class HintListener(Protocol):
    """Who gets what the others say. Called on the event loop; nothing here raises or blocks."""

    def hear(self, hint: Hint) -> None:
        """Take one hint of another node."""
        ...

    def gap(self) -> None:
        """Hints may have been lost: the bus was away, was flushed, overflowed, or a node died with some unsent.

        Called once the bus hears again, after everything that was followed is followed anew; and once more when
        presence that was unknown meanwhile can be asked.
        """
        ...


class Bus(Protocol):
    """Hints between nodes. At most once, in the publisher's order, never to the publisher itself.

    Only nodes that have use for a hint get it: those that follow one of its users or its conversation.
    """

    @property
    def connected(self) -> bool:
        """Whether hints travel now, both ways. False from the moment that silence shows it."""
        ...

    def publish(self, hints: Iterable[Hint]) -> None:
        """Send hints to the other nodes. Never blocks and never raises.

        What does not fit its bounded queue is dropped and counted; the others are then told of a gap where that can
        be.
        """
        ...

    async def follow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """Subscribe this node to hints for these users and conversations.

        Returns once subscribed, or at the latest after ``limits.bus_time`` seconds; what could not be is
        subscribed to when the bus is back, before :meth:`HintListener.gap`. Never raises; idempotent.
        """
        ...

    def unfollow(self, users: Collection[int], conversations: Collection[int]) -> None:
        """Unsubscribe this node from them. Some hints may still arrive."""
        ...

    def listen(self, listener: HintListener) -> None:
        """Say who gets the hints of the others; once, before :meth:`open`."""
        ...

    async def open(self) -> None:
        """Begin to receive. Returns also when the bus is away; it is then tried again until :meth:`close`."""
        ...

    async def close(self) -> None:
        """End; nothing is received afterwards, and nobody counts this node any more."""
        ...
