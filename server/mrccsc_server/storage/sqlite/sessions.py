"""Stored tokens."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from mrccsc_server.ports import StoredSession
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite.connection import DAY, now, one
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.messages.session import DeviceInfo, SessionInfo


class SqliteSessions:
    """:class:`mrccsc_server.ports.Sessions` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._days = database.limits.session_days

    async def open(self, user: int, digest: bytes, device: DeviceInfo | None) -> int:
        """See the port."""
        limit = self._database.limits.sessions

        def work(transaction: Transaction) -> int:
            connection = transaction.connection
            connection.execute(
                "DELETE FROM session WHERE user = ? AND last_seen <= ?", (user, oldest(connection, self._days))
            )
            connection.execute(
                "DELETE FROM session WHERE session IN"
                " (SELECT session FROM session WHERE user = ? ORDER BY last_seen DESC, session DESC LIMIT -1 OFFSET ?)",
                (user, limit - 1),
            )
            ident = connection.execute(
                "INSERT INTO session (user, digest, device_id, device_name, created, last_seen)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    user,
                    digest,
                    None if device is None else device["id"],
                    None if device is None else device["name"],
                    transaction.now,
                    transaction.now,
                ),
            ).lastrowid
            assert ident is not None
            return ident

        return await self._database.write(work)

    async def find(self, digest: bytes) -> StoredSession | None:
        """See the port."""

        def work(connection: sqlite3.Connection) -> StoredSession | None:
            row = one(
                connection,
                f"SELECT s.session, {rows.ACCOUNT} FROM session s JOIN account a ON a.user = s.user"
                " WHERE s.digest = ? AND s.last_seen > ?",
                digest,
                oldest(connection, self._days),
            )
            return None if row is None else StoredSession(row[0], rows.account(row[1:]))

        return await self._database.read(work)

    async def of_user(self, user: int, current: int) -> list[SessionInfo]:
        """See the port."""

        def work(connection: sqlite3.Connection) -> list[SessionInfo]:
            found = connection.execute(
                f"SELECT {rows.SESSION} FROM session s WHERE s.user = ? AND s.last_seen > ? ORDER BY s.session DESC",
                (user, oldest(connection, self._days)),
            )
            return [rows.session(row, current) for row in found]

        return await self._database.read(work)

    async def revoke(self, user: int, session: int) -> bool:
        """See the port."""

        def work(transaction: Transaction) -> bool:
            connection = transaction.connection
            ended = connection.execute(
                "DELETE FROM session WHERE user = ? AND session = ? AND last_seen > ?",
                (user, session, oldest(connection, self._days)),
            )
            return ended.rowcount == 1

        return await self._database.write(work)

    async def revoke_all(self, user: int, *, keep: int | None = None) -> list[int]:
        """See the port."""
        return await self._database.write(lambda transaction: end_all(transaction, user, keep))

    async def touch(self, sessions: Collection[int]) -> set[int]:
        """See the port."""

        def work(transaction: Transaction) -> set[int]:
            connection = transaction.connection
            since = oldest(connection, self._days)
            return {
                session
                for session in sessions
                if connection.execute(
                    "UPDATE session SET last_seen = ? WHERE session = ? AND last_seen > ?",
                    (transaction.now, session, since),
                ).rowcount
            }

        return await self._database.write(work)


def oldest(connection: sqlite3.Connection, days: float) -> int:
    """The time after which a session must have been used to live."""
    return now(connection) - round(days * DAY)


def end_all(transaction: Transaction, user: int, keep: int | None) -> list[int]:
    """End all sessions of a user but ``keep``; their ids."""
    connection = transaction.connection
    ended = [
        session
        for (session,) in connection.execute("SELECT session FROM session WHERE user = ? ORDER BY session", (user,))
        if session != keep
    ]
    connection.executemany("DELETE FROM session WHERE session = ?", [(session,) for session in ended])
    return ended
