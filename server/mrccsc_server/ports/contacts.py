"""Who people are to each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_shared.messages.contact import Contact


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What an act made of a pair: each side's :class:`Contact` (without presence) as that side sees the other.

    ``theirs`` is ``None`` when the other side is not to notice. ``changed`` is false when the act changed nothing.
    ``friends``: they are friends now.
    """

    mine: Contact
    theirs: Contact | None
    changed: bool
    friends: bool


class Contacts(Protocol):
    """Who people are to each other."""

    async def act(self, act: ContactAct, user: int, other: int) -> ContactChange:
        """Carry out :func:`mrccsc_server.domain.contacts.decide` on the pair under the lock of their direct
        conversation.

        That conversation becomes read-only when a friendship ends and writable when one begins. Raises
        ``not_found`` for an unknown ``other`` and ``invalid`` for oneself; ``too_large`` when a list of
        contacts is full (``limits.contacts`` rows of one user, ``limits.requests_pending`` incoming requests).
        """
        ...

    async def friends(self, user: int) -> list[int]:
        """The user's friends."""
        ...

    async def friends_of(self, users: Collection[int]) -> dict[int, list[int]]:
        """The friends of each of the users, in one query. Every user has a list."""
        ...

    async def of_user(self, user: int) -> list[Contact]:
        """All contacts of the user, by user name, without presence."""
        ...
