"""Accounts and invite codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mrccsc_server.ports import Account
from mrccsc_server.security.tokens import digest
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite import sessions
from mrccsc_server.storage.sqlite.connection import DAY, one
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.contact import User
from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.text import fold


class SqliteAccounts:
    """:class:`mrccsc_server.ports.Accounts` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, username: str, display_name: str, password: str, invite: str | None = None) -> Account:
        """See the port."""

        def work(transaction: Transaction) -> Account:
            connection = transaction.connection
            if invite is not None:
                _require_invite(transaction, invite)
            if one(connection, "SELECT 1 FROM account WHERE username = ?", username):
                raise Refusal(ErrorCode.EXISTS)
            user = connection.execute(
                "INSERT INTO account (username, display_name, display_folded, password, created)"
                " VALUES (?, ?, ?, ?, ?)",
                (username, display_name, fold(display_name), password, transaction.now),
            ).lastrowid
            assert user is not None
            if invite is not None:
                connection.execute("UPDATE invite SET used_by = ? WHERE digest = ?", (user, digest(invite)))
            return Account(user, username, display_name, password, created=transaction.now)

        return await self._database.write(work)

    async def by_name(self, username: str) -> Account | None:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, "a.username = ?", username))

    async def by_id(self, user: int) -> Account | None:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, "a.user = ?", user))

    async def search(self, query: str, limit: int) -> list[User]:
        """See the port."""
        folded = fold(query).strip()
        if not folded:
            return []

        def work(connection: sqlite3.Connection) -> list[User]:
            found = connection.execute(
                "SELECT user, username, display_name FROM account"
                " WHERE instr(username, :query) > 0 OR instr(display_folded, :query) > 0"
                " ORDER BY CASE WHEN username = :query OR display_folded = :query THEN 0"
                " WHEN instr(username, :query) = 1 OR instr(display_folded, :query) = 1 THEN 1 ELSE 2 END, username"
                " LIMIT :limit",
                {"query": folded, "limit": limit},
            )
            return [{"user": user, "username": name, "display_name": shown} for user, name, shown in found]

        return await self._database.read(work)

    async def rename(self, user: int, display_name: str) -> None:
        """See the port."""
        await self._update(
            "UPDATE account SET display_name = ?, display_folded = ? WHERE user = ?",
            display_name,
            fold(display_name),
            user,
        )

    async def set_password(self, user: int, password: str, *, keep: int | None = None) -> list[int]:
        """See the port."""

        def work(transaction: Transaction) -> list[int]:
            transaction.connection.execute("UPDATE account SET password = ? WHERE user = ?", (password, user))
            return sessions.end_all(transaction, user, keep)

        return await self._database.write(work)

    async def set_status(self, user: int, status: ChosenStatus, text: str | None) -> None:
        """See the port."""
        await self._update("UPDATE account SET status = ?, status_text = ? WHERE user = ?", status, text, user)

    async def add_invites(self, codes: Sequence[str], days: float) -> None:
        """See the port."""

        def work(transaction: Transaction) -> None:
            expires = transaction.now + round(days * DAY)
            transaction.connection.executemany(
                "INSERT INTO invite (digest, expires) VALUES (?, ?)", [(digest(code), expires) for code in codes]
            )

        await self._database.write(work)

    async def everyone(self) -> list[tuple[Account, int]]:
        """See the port."""
        days = self._database.limits.session_days

        def work(connection: sqlite3.Connection) -> list[tuple[Account, int]]:
            found = connection.execute(
                f"SELECT {rows.ACCOUNT},"
                " (SELECT COUNT(*) FROM session s WHERE s.user = a.user AND s.last_seen > ?)"
                " FROM account a ORDER BY a.username",
                (sessions.oldest(connection, days),),
            )
            return [(rows.account(row[:-1]), row[-1]) for row in found]

        return await self._database.read(work)

    async def _update(self, sql: str, *parameters: object) -> None:
        def work(transaction: Transaction) -> None:
            transaction.connection.execute(sql, parameters)

        await self._database.write(work)


def profile(connection: sqlite3.Connection, user: int) -> User | None:
    """What others see of a user."""
    row = one(connection, "SELECT username, display_name FROM account WHERE user = ?", user)
    return None if row is None else {"user": user, "username": row[0], "display_name": row[1]}


def _find(connection: sqlite3.Connection, condition: str, value: object) -> Account | None:
    row = one(connection, f"SELECT {rows.ACCOUNT} FROM account a WHERE {condition}", value)
    return None if row is None else rows.account(row)


def _require_invite(transaction: Transaction, code: str) -> None:
    row = one(transaction.connection, "SELECT expires, used_by FROM invite WHERE digest = ?", digest(code))
    if row is None or row[1] is not None or row[0] <= transaction.now:
        raise Refusal(ErrorCode.BAD_INVITE)
