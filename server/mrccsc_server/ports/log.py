"""The conversations' logs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mrccsc_server.domain.operations import Operation
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Known
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages.contact import Contact


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in ascending seq without holes, the head as it was read with them, and whether there are more."""

    entries: list[Entry]
    head: int
    more: bool


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """Who asks for a snapshot: what the client has, and the bytes of JSON that it may take."""

    user: int
    epoch: str | None
    cursors: Mapping[int, int]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a session begins with, read in one transaction."""

    epoch: str
    reset: bool
    contacts: list[Contact]
    conversations: list[bytes]
    """The JSON of each :class:`mrccsc_shared.messages.conversation.Conversation`."""
    more: bool
    missed: list[bytes]
    """The JSON of each :class:`mrccsc_shared.messages.session.Missed`."""
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
        decide, writes its changes with set-wise statements, commits. What this node itself has left a moment ago need
        not be read, when the transaction fails where it is not so any more. An operation that the database itself
        refuses is refused alone. Calls may overlap, also on several nodes; which of those that do goes first is
        not promised.
        """
        ...

    def heard(self, conv: int) -> None:
        """Another node has written to the conversation: it is to be read before anything is appended."""
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

    async def snapshots(self, requests: Sequence[SnapshotRequest]) -> list[Snapshot]:
        """What some sessions begin with, in a handful of queries however many they and their conversations are.

        Per cursor with newer entries a ``missed``: all of them, or ``limited`` with the newest that fit,
        contiguous up to the head, each at or above the user's ``from``. ``reset`` when the epoch differs or a
        cursor is above its head (a cursor of a conversation that the user is not in is ignored); then
        ``missed`` is empty. All together stay below ``max_bytes`` of JSON; conversations (ascending) that do
        not fit are left to :meth:`Conversations.page` by ``more``.
        """
        ...

    async def heads(self, convs: Collection[int], since: int | None = None) -> dict[int, int]:
        """The heads of conversations, for comparing after a gap; of as many as there are in one query.

        With ``since`` only of those whose newest entry has ``at`` ≥ ``since``. An entry's ``at`` is taken before
        its commit, so that a poll must look back longer than the longest transaction (``limits.database_time``).
        """
        ...

    async def now(self) -> int:
        """The database's clock. Read it before :meth:`heads` to have the next poll's ``since``."""
        ...

    async def range(self, conv: int, after: int, upto: int) -> list[Entry]:
        """Entries after < seq ≤ upto in their present state, for a node that missed hints. No permission is
        checked.
        """
        ...
