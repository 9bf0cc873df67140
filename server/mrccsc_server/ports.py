"""The contracts between the use cases and what they stand on: stores, bus, clock.

Every implementation passes the same contract tests. What all stores promise:

- A method that writes returns only after its change is durably committed; one that raises has changed nothing,
  save that a lost connection during the commit leaves the outcome unknown (the cids make a repetition safe).
- Rules of the domain are applied inside the transaction, on facts read under its locks.
- :class:`Refusal` with ``unavailable`` when the database is away, full, locked for too long or past its deadline;
  ``overloaded`` when its bounded queue is full. Any call returns or raises within ``limits.database_time`` seconds
  of work plus the time in that queue.
- Times are milliseconds since 1970 by the database's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Known
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages.contact import Contact, User
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.messages.session import DeviceInfo, Missed, SessionInfo


class Clock(Protocol):
    """Time that tests can turn."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back. For intervals."""
        ...

    def now(self) -> int:
        """Milliseconds since 1970 by this machine's clock. For showing only; entries use the database's."""
        ...


# -- accounts and sessions -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """A row of ``account``. ``status`` and ``status_text`` are how the user chose to be seen."""

    user: int
    username: str
    display_name: str
    password: str
    """The argon2id hash in its encoded form."""
    status: ChosenStatus = "online"
    status_text: str | None = None
    created: int = 0

    @property
    def profile(self) -> User:
        """The part that others see."""
        return {"user": self.user, "username": self.username, "display_name": self.display_name}


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that a token opened, with its account."""

    session: int
    account: Account


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

    async def rename(self, user: int, display_name: str) -> None:
        """Change the display name."""
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

    async def find(self, digest: bytes) -> StoredSession | None:
        """The live session of a token."""
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


# -- people --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What an act made of a pair: each side's :class:`Contact` (without presence) as that side sees the other.

    ``theirs`` is ``None`` when the other side is not to notice. ``changed`` is false when the act changed nothing.
    ``friends_before`` and ``friends`` say whether they were and are friends.
    """

    mine: Contact
    theirs: Contact | None
    changed: bool
    friends_before: bool
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

    async def of_user(self, user: int) -> list[Contact]:
        """All contacts of the user, by user name, without presence."""
        ...


# -- conversations -------------------------------------------------------------------------------------------------


class Conversations(Protocol):
    """Conversations as their members see them."""

    async def page(self, user: int, after: int, limit: int) -> tuple[list[Conversation], bool]:
        """The user's conversations with an id above ``after``, ascending; whether there are more."""
        ...

    async def ids(self, user: int) -> list[int]:
        """The ids of all conversations that the user is a member of."""
        ...

    async def views(self, conv: int, users: Collection[int]) -> dict[int, Conversation]:
        """One conversation in the eyes of those of ``users`` who are members."""
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

        A known (user, cid) gives the group it made, or ``cid_conflict`` when the digest differs. ``too_large`` when
        the user is in ``limits.groups`` groups.
        """
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


@dataclass(frozen=True, slots=True)
class ReadMark:
    """A user's mark after a request. ``peer`` is the other one of a direct conversation."""

    conv: int
    user: int
    seq: int
    unread_from: int | None
    changed: bool
    peer: int | None


# -- the log -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in ascending seq without holes, the head as it was read with them, and whether there are more."""

    entries: list[Entry]
    head: int
    more: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a session begins with, read in one transaction."""

    epoch: str
    reset: bool
    contacts: list[Contact]
    conversations: list[Conversation]
    more: bool
    missed: list[Missed]
    heads: Mapping[int, int]
    """The head of every conversation of the user, also of those that are not in ``conversations``."""


class Log(Protocol):
    """The conversations' logs."""

    @property
    def epoch(self) -> str:
        """The identity of this store; changes when a backup is restored."""
        ...

    @property
    def secret(self) -> bytes:
        """A random key that belongs to this store, for keyed digests."""
        ...

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Decide and durably store a batch in one transaction; the outcomes in the same order.

        Locks the rows of the conversations in ascending order, reads the facts that
        :func:`mrccsc_server.domain.planning.needs` names, lets a :class:`~mrccsc_server.domain.planning.Plan`
        decide, writes its changes with set-wise statements, commits. An operation that the database itself
        refuses is refused alone.
        """
        ...

    async def known(self, conv: int, by: int, cid: str) -> Known | None:
        """What is stored under a cid. For answering retries before any rate limit."""
        ...

    async def page(
        self,
        conv: int,
        asker: int,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """A page for a member, never below their ``from``; ends early (with ``more``) at ``max_bytes`` of JSON.

        At least one entry where there is one. ``before`` and ``after`` are exclusive, ``around`` is in the
        middle; none of them: the newest. ``not_found``.
        """
        ...

    async def snapshot(
        self, user: int, *, epoch: str | None, cursors: Mapping[int, int] | None, max_bytes: int
    ) -> Snapshot:
        """What a session of ``user`` begins with, in a handful of queries however many conversations there are.

        Per cursor with newer entries a ``missed``: all of them, or ``limited`` with the newest that fit,
        contiguous up to the head, each at or above the user's ``from``. ``reset`` when the epoch differs or a
        cursor is above its head (a cursor of a conversation that the user is not in is ignored); then
        ``missed`` is empty. All together stay below ``max_bytes`` of JSON; conversations (ascending) that do
        not fit are left to :meth:`Conversations.page` by ``more``.
        """
        ...

    async def heads(self, convs: Collection[int]) -> dict[int, int]:
        """The heads of conversations, for comparing after a gap."""
        ...

    async def range(self, conv: int, after: int, upto: int) -> list[Entry]:
        """Entries after < seq ≤ upto in their present state, for a node that missed hints. No permission is
        checked.
        """
        ...


class SearchIndex(Protocol):
    """An inverted table of our own tokens, kept beside the log and behind it by at most two seconds of work."""

    async def index(self, max_entries: int) -> int:
        """Work up to ``max_entries`` not yet indexed entries into the index; how many were.

        An edit replaces its message's tokens, a deletion removes them. Resumes where it stopped, also after a
        crash.
        """
        ...

    async def find(
        self,
        user: int,
        query: str,
        *,
        conv: int | None,
        by: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> tuple[list[Entry], int | None]:
        """Messages that the user may read now and that match the query (:mod:`mrccsc_server.domain.tokens`),
        newest first.

        With them the position to go on from as ``before``, ``None`` at the end. Deleted text is never found,
        and a hit is verified against the message's present text. ``not_found`` for a ``conv`` that is not the
        user's.
        """
        ...


class Store(Protocol):
    """One database: all stores on it."""

    accounts: Accounts
    sessions: Sessions
    contacts: Contacts
    conversations: Conversations
    log: Log
    search: SearchIndex

    async def open(self) -> None:
        """Connect, run the migrations under a lock, and read epoch and secret.

        Raises :class:`StoreError` with a sentence for the operator.
        """
        ...

    async def new_epoch(self) -> str:
        """Give the store a new identity, so that all cursors are void. For the operator after restoring a
        backup.
        """
        ...

    async def healthy(self) -> bool:
        """Whether the database answers and takes writes now. Never raises."""
        ...

    async def close(self) -> None:
        """Finish what is queued, within bounds, and close."""
        ...


class StoreError(Exception):
    """The database cannot be used; the message says to the operator why and what to do."""


# -- between nodes -------------------------------------------------------------------------------------------------


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
