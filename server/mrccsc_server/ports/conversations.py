"""Conversations as their members see them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member


@dataclass(frozen=True, slots=True)
class ReadMark:
    """A user's mark after a request. ``peer`` is the other one of a direct conversation."""

    conv: int
    user: int
    seq: int
    unread_from: int | None
    changed: bool
    peer: int | None


class Conversations(Protocol):
    """Conversations as their members see them."""

    async def page(self, user: int, after: int, limit: int) -> tuple[list[Conversation], bool]:
        """The user's conversations with an id above ``after``, ascending; whether there are more."""
        ...

    async def memberships(self, users: Collection[int], since: int | None = None) -> dict[int, set[int]]:
        """The conversations that each of the users is a member of, in one query. Every user has a set.

        With ``since`` only those whose newest entry has ``at`` ≥ ``since``, as in :meth:`Log.heads`: who has become a
        member since then is among them.
        """
        ...

    async def views(self, conv: int, users: Collection[int]) -> dict[int, Conversation]:
        """One conversation in the eyes of those of ``users`` who are members."""
        ...

    async def seen(self, conv: int, user: int) -> Conversation:
        """A conversation in the eyes of one who is or was a member; without a ``role`` of one who has left since.

        A public group shows them then what it shows everybody. Raises ``not_found`` for any other.
        """
        ...

    async def open_direct(self, user: int, friend: int) -> tuple[Conversation, Conversation | None]:
        """The direct conversation of two friends in the eyes of each; the second ``None`` when it was there before.

        Raises ``not_found`` for an unknown user and ``forbidden`` for one who is no friend (unless it exists
        already).
        """
        ...

    async def create_group(
        self, user: int, cid: str, digest: bytes, title: str, topic: str, visibility: str
    ) -> tuple[Conversation, bool]:
        """A new group owned by ``user``, its log beginning with ``create`` at seq 1; whether it is new.

        A known (user, cid) gives the group it made, as :meth:`seen` does, or ``cid_conflict`` when the digest differs.
        ``too_large`` when the user is in ``limits.groups`` groups.
        """
        ...

    async def made(self, user: int, cid: str) -> bool:
        """Whether this cid has made a group of the user's. For answering retries before any rate limit."""
        ...

    async def find_groups(self, query: str, limit: int) -> list[Conversation]:
        """Public groups whose folded title contains the folded query, the largest first, as no member's view."""
        ...

    async def members(self, conv: int, asker: int, after: int, limit: int) -> tuple[list[Member], bool]:
        """Members with an id above ``after``, ascending, without presence; whether there are more.
        ``not_found``.
        """
        ...

    async def require_writer(self, conv: int, user: int) -> None:
        """Raise ``not_found`` unless the user is a member now, ``forbidden`` where nothing may be written any more."""
        ...

    async def mute(self, conv: int, user: int, muted: bool) -> Conversation:
        """Mute or unmute; the conversation as the user sees it. ``not_found``."""
        ...

    async def mark_read(self, conv: int, user: int, seq: int, unread: bool) -> ReadMark:
        """Move the user's read mark: it only grows and is clamped to the head. ``not_found``."""
        ...
