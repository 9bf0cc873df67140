"""Accounts and the sessions that their tokens open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from mrccsc_shared.messages.contact import Contact, User
from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.messages.session import DeviceInfo, SessionInfo


@dataclass(frozen=True, slots=True)
class Account:
    """A row of ``account``. ``status`` and ``status_text`` are how the user chose to be seen."""

    user: int
    username: str
    display_name: str
    password: str = ""
    """The argon2id hash in its encoded form; empty where nobody needs it."""
    status: ChosenStatus = "online"
    status_text: str | None = None
    created: int = 0

    @property
    def profile(self) -> User:
        """The part that others see."""
        return {"user": self.user, "username": self.username, "display_name": self.display_name}


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that a token opened, its account but for the password, and the conversations that its user is in."""

    session: int
    account: Account
    convs: list[int]


class Accounts(Protocol):
    """Who has an account, and how they are seen."""

    async def create(self, username: str, display_name: str, password: str, invite: str | None = None) -> Account:
        """Make an account. ``username`` is lower case already. Raises ``exists``.

        With ``invite`` that code is used up in the same transaction; ``bad_invite`` when it is unknown, used or
        expired (checked before the name, so that nobody without a code learns which names exist).
        """
        ...

    async def by_name(self, username: str) -> Account | None:
        """The account of a lower-case user name."""
        ...

    async def by_id(self, user: int) -> Account | None:
        """The account of a user id."""
        ...

    async def search(self, query: str, limit: int) -> list[User]:
        """Users whose user name, or folded display name (:func:`mrccsc_shared.text.fold`), contains the folded
        query.

        ``%``, ``_`` and quotes in the query are themselves. Whole matches first, then beginnings, then the
        rest, each by user name. A blank query finds nobody.
        """
        ...

    async def rename(self, user: int, display_name: str) -> dict[int, Contact]:
        """Change the display name. For each friend what the user is to them then, without presence.

        No act upon a contact of the user comes between the two.
        """
        ...

    async def set_password(self, user: int, password: str, *, keep: int | None = None) -> list[int]:
        """Store a new hash and end all sessions but ``keep``; their ids."""
        ...

    async def set_status(self, user: int, status: ChosenStatus, text: str | None) -> None:
        """Store how the user wants to be seen."""
        ...

    async def add_invites(self, codes: Sequence[str], days: float) -> None:
        """Store single-use invite codes (as digests) that expire after ``days``."""
        ...

    async def everyone(self) -> list[tuple[Account, int]]:
        """All accounts by user name, each with the number of its live sessions. For the operator."""
        ...


class Sessions(Protocol):
    """Stored tokens: only their SHA-256 digests. A session that was not used for ``limits.session_days`` is
    gone.
    """

    async def open(self, user: int, digest: bytes, device: DeviceInfo | None) -> int:
        """Store a new session; above ``limits.sessions`` the user's longest unused one ends. Its id."""
        ...

    async def find(self, digests: Sequence[bytes]) -> list[StoredSession | None]:
        """The live session of each of some tokens, in one query however many there are."""
        ...

    async def of_user(self, user: int, current: int) -> list[SessionInfo]:
        """The user's live sessions, newest first."""
        ...

    async def revoke(self, user: int, session: int) -> bool:
        """End one session of the user; whether there was one."""
        ...

    async def revoke_all(self, user: int, *, keep: int | None = None) -> list[int]:
        """End all sessions of the user but ``keep``; their ids."""
        ...

    async def touch(self, sessions: Collection[int]) -> set[int]:
        """Mark sessions as used now; those of them that still live (the others were revoked elsewhere)."""
        ...
