"""All stores on one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mrccsc_server.ports import Accounts, Contacts, Conversations, Log, SearchIndex, Sessions
from mrccsc_server.storage.sqlite import schema
from mrccsc_server.storage.sqlite.accounts import SqliteAccounts
from mrccsc_server.storage.sqlite.contacts import SqliteContacts
from mrccsc_server.storage.sqlite.conversations import SqliteConversations
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.log import SqliteLog
from mrccsc_server.storage.sqlite.search import SqliteSearch
from mrccsc_server.storage.sqlite.sessions import SqliteSessions
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import Limits

HEALTH_EVERY = 1.0
"""Seconds that an answer about the database's health stands."""

PROBE = 32_768
"""Bytes that a probe writes: what the largest message takes, so that a disk without room for one shows."""


class SqliteStore:
    """:class:`mrccsc_server.ports.Store` on one SQLite file."""

    def __init__(self, path: str | Path, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = Database(Path(path), limits)
        self._monotonic = monotonic
        self._probe = asyncio.Lock()
        self._probed: tuple[float, bool] | None = None
        self.accounts: Accounts = SqliteAccounts(self._database)
        self.sessions: Sessions = SqliteSessions(self._database)
        self.contacts: Contacts = SqliteContacts(self._database)
        self.conversations: Conversations = SqliteConversations(self._database)
        self.log: Log = SqliteLog(self._database)
        self.search: SearchIndex = SqliteSearch(self._database)

    async def open(self) -> None:
        """See the port."""
        await self._database.open()

    async def new_epoch(self) -> str:
        """See the port."""
        epoch = schema.new_epoch()

        def work(transaction: Transaction) -> None:
            transaction.connection.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (epoch.encode(),))

        await self._database.write(work)
        self._database.identity = replace(self._database.identity, epoch=epoch)
        return epoch

    async def healthy(self) -> bool:
        """See the port. A real write and a real read, at most every second."""
        async with self._probe:
            if self._probed is None or self._monotonic() - self._probed[0] >= HEALTH_EVERY:
                self._probed = self._monotonic(), await self._answers()
            return self._probed[1]

    async def close(self) -> None:
        """See the port."""
        await self._database.close()

    async def _answers(self) -> bool:
        try:
            await self._database.write(_touch)
            await self._database.read(_look)
        except Refusal:
            return False
        return True


def _touch(transaction: Transaction) -> None:
    transaction.connection.execute(
        "INSERT INTO meta (name, value) VALUES ('probe', zeroblob(?))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (PROBE,),
    )


def _look(connection: sqlite3.Connection) -> None:
    connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
