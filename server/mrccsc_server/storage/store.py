"""All stores on one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from mrccsc_server.ports import Accounts, Contacts, Conversations, Log, SearchIndex, Sessions
from mrccsc_server.storage.accounts import StoredAccounts
from mrccsc_server.storage.contacts import StoredContacts
from mrccsc_server.storage.conversations import StoredConversations
from mrccsc_server.storage.database import Database, Reader, Transaction, new_epoch
from mrccsc_server.storage.log import StoredLog
from mrccsc_server.storage.search import StoredSearch
from mrccsc_server.storage.sessions import StoredSessions
from mrccsc_shared.errors import Refusal

HEALTH_EVERY = 1.0
"""Seconds that an answer about the database's health stands."""

HEALTH_TIME = 5.0
"""Seconds within which a healthy database answers."""

Probe = Callable[[Transaction], Coroutine[Any, Any, object]]
"""A write that shows whether the database takes one."""


class DatabaseStore:
    """:class:`mrccsc_server.ports.Store` on a database."""

    committers: int

    def __init__(self, database: Database, probe: Probe, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._probe = probe
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._probed: tuple[float, bool] | None = None
        self.accounts: Accounts = StoredAccounts(database)
        self.sessions: Sessions = StoredSessions(database)
        self.contacts: Contacts = StoredContacts(database)
        self.conversations: Conversations = StoredConversations(database)
        self.log: Log = StoredLog(database)
        self.search: SearchIndex = StoredSearch(database)

    async def open(self) -> None:
        """See the port."""
        await self._database.open()

    async def new_epoch(self) -> str:
        """See the port."""
        epoch = new_epoch()
        await self._database.write(
            lambda transaction: transaction.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", epoch.encode()),
            repeatable=True,
        )
        self._database.identity = replace(self._database.identity, epoch=epoch)
        return epoch

    async def healthy(self) -> bool:
        """See the port. A real write and a real read, at most every second."""
        async with self._turn:
            if self._probed is None or self._monotonic() - self._probed[0] >= HEALTH_EVERY:
                self._probed = self._monotonic(), await self._answers()
            return self._probed[1]

    async def close(self) -> None:
        """See the port."""
        await self._database.close()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_TIME):
                await self._database.write(self._probe, repeatable=True)
                await self._database.read(_look)
        except (Refusal, TimeoutError):
            return False
        return True


async def _look(reader: Reader) -> None:
    await reader.row("SELECT value FROM meta WHERE name = 'epoch'")
