"""One database: all stores on it."""

from __future__ import annotations

from typing import Protocol

from mrccsc_server.ports.accounts import Accounts, Sessions
from mrccsc_server.ports.contacts import Contacts
from mrccsc_server.ports.conversations import Conversations
from mrccsc_server.ports.log import Log
from mrccsc_server.ports.search import SearchIndex


class Store(Protocol):
    """One database: all stores on it."""

    committers: int
    """How many :meth:`Log.append` calls are worth running at once; no two share a conversation.

    SQLite 2: one is planned while the other is stored. MySQL: half the pool.
    """
    accounts: Accounts
    sessions: Sessions
    contacts: Contacts
    conversations: Conversations
    log: Log
    search: SearchIndex

    async def open(self) -> None:
        """Connect, run the migrations under a lock, and read epoch and secret.

        Raises :class:`StoreError` with a sentence for the operator; :class:`StoreAway` when waiting and trying again
        may help. Nothing is open then, and it may be called again.
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


class StoreAway(StoreError):
    """The database is not there now: it refuses connections, does not answer, is starting up or has no room.

    Opening it may be tried again.
    """
