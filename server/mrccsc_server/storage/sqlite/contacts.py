"""Who people are to each other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from mrccsc_server.domain.contacts import ContactAct, Pair, decide
from mrccsc_server.ports import ContactChange
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite.accounts import profile
from mrccsc_server.storage.sqlite.connection import one
from mrccsc_server.storage.sqlite.database import Database
from mrccsc_server.storage.sqlite.writer import Transaction
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.contact import Contact, Relation


class SqliteContacts:
    """:class:`mrccsc_server.ports.Contacts` on SQLite."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def act(self, act: ContactAct, user: int, other: int) -> ContactChange:
        """See the port."""
        if user == other:
            raise Refusal(ErrorCode.INVALID, "That would be yourself.")
        limits = self._database.limits
        return await self._database.write(lambda transaction: _act(transaction, act, user, other, limits))

    async def friends(self, user: int) -> list[int]:
        """See the port."""
        return (await self.friends_of([user]))[user]

    async def friends_of(self, users: Collection[int]) -> dict[int, list[int]]:
        """See the port."""
        found: dict[int, list[int]] = {user: [] for user in users}

        def work(connection: sqlite3.Connection) -> dict[int, list[int]]:
            for user, other in connection.execute(
                "SELECT user, other FROM contact WHERE user IN (SELECT value FROM json_each(?))"
                " AND relation = 'friend' ORDER BY other",
                (json.dumps(list(found)),),
            ):
                found[user].append(other)
            return found

        return await self._database.read(work)

    async def of_user(self, user: int) -> list[Contact]:
        """See the port."""
        return await self._database.read(lambda connection: contacts_of(connection, user))


def contacts_of(connection: sqlite3.Connection, user: int) -> list[Contact]:
    """All contacts of a user, by user name."""
    found = connection.execute(
        f"SELECT {rows.CONTACT} FROM contact k JOIN account a ON a.user = k.other"
        " LEFT JOIN conversation c ON c.low = min(k.user, k.other) AND c.high = max(k.user, k.other)"
        " WHERE k.user = ? ORDER BY a.username",
        (user,),
    )
    return [rows.contact(row) for row in found]


def are_friends(connection: sqlite3.Connection, user: int, other: int) -> bool:
    """Friendship is mutual, so that one row tells."""
    return _relation(connection, user, other) == "friend"


def _relation(connection: sqlite3.Connection, user: int, other: int) -> Relation:
    row = one(connection, "SELECT relation FROM contact WHERE user = ? AND other = ?", user, other)
    return "none" if row is None else row[0]


def _act(transaction: Transaction, act: ContactAct, user: int, other: int, limits: Limits) -> ContactChange:
    connection = transaction.connection
    them, me = profile(connection, other), profile(connection, user)
    if them is None or me is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    before = Pair(_relation(connection, user, other), _relation(connection, other, user))
    after = decide(act, before)
    _require_room(connection, user, before.mine, after.mine, limits)
    _require_room(connection, other, before.theirs, after.theirs, limits)
    _relate(connection, user, other, before.mine, after.mine)
    _relate(connection, other, user, before.theirs, after.theirs)
    low, high = sorted((user, other))
    if after.friends != before.friends:
        connection.execute(
            "UPDATE conversation SET writable = ? WHERE low = ? AND high = ?", (after.friends, low, high)
        )
    direct = one(connection, "SELECT conv FROM conversation WHERE low = ? AND high = ?", low, high)
    mine: Contact = {"user": them, "relation": after.mine}
    theirs: Contact = {"user": me, "relation": after.theirs}
    if direct is not None:
        mine["conv"] = theirs["conv"] = direct[0]
    noticed = after.theirs != before.theirs
    return ContactChange(mine, theirs if noticed else None, after != before, before.friends, after.friends)


def _require_room(connection: sqlite3.Connection, user: int, before: Relation, after: Relation, limits: Limits) -> None:
    if before == "none" and after != "none":
        count = one(connection, "SELECT COUNT(*) FROM contact WHERE user = ?", user)
        if count and count[0] >= limits.contacts:
            raise Refusal(ErrorCode.TOO_LARGE, "A list of contacts is full; remove some first.")
    if before != "incoming" and after == "incoming":
        count = one(connection, "SELECT COUNT(*) FROM contact WHERE user = ? AND relation = 'incoming'", user)
        if count and count[0] >= limits.requests_pending:
            raise Refusal(ErrorCode.TOO_LARGE, "Too many requests wait for them already.")


def _relate(connection: sqlite3.Connection, user: int, other: int, before: Relation, after: Relation) -> None:
    if after == before:
        return
    if after == "none":
        connection.execute("DELETE FROM contact WHERE user = ? AND other = ?", (user, other))
    else:
        connection.execute(
            "INSERT INTO contact (user, other, relation) VALUES (?, ?, ?)"
            " ON CONFLICT (user, other) DO UPDATE SET relation = excluded.relation",
            (user, other, after),
        )
