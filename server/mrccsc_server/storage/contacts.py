"""Who people are to each other."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from mrccsc_server.domain.contacts import ContactAct, Pair, decide
from mrccsc_server.ports import ContactChange
from mrccsc_server.storage import rows
from mrccsc_server.storage.accounts import profiles
from mrccsc_server.storage.database import Database, Query, Reader, Row, Transaction
from mrccsc_server.storage.json_rows import packed, unpack
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.contact import Contact, Relation

_CONTACTS = f"SELECT {packed(rows.CONTACT)} FROM {rows.CONTACTS} WHERE k.user IN ??"


class StoredContacts:
    """:class:`mrccsc_server.ports.Contacts` on a database."""

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

        async def work(reader: Reader) -> dict[int, list[int]]:
            found: dict[int, list[int]] = {user: [] for user in users}
            for user, other in await reader.rows(
                "SELECT user, other FROM contact WHERE user IN ?? AND relation = 'friend' ORDER BY other", list(found)
            ):
                found[user].append(other)
            return found

        return await self._database.read(work)

    async def of_user(self, user: int) -> list[Contact]:
        """See the port."""

        async def work(reader: Reader) -> list[Contact]:
            (found,) = await reader.gather(query_of_users([user]))
            return contacts_of_users(found).get(user, [])

        return await self._database.read(work)


def query_of_users(users: Collection[int]) -> Query:
    """What :func:`contacts_of_users` is made of."""
    return Query(_CONTACTS, (users,))


def contacts_of_users(found: list[Row]) -> dict[int, list[Contact]]:
    """The contacts of users who have some, each by user name."""
    contacts: dict[int, list[Contact]] = {}
    for row in unpack(found):
        contacts.setdefault(row[0], []).append(rows.contact(row))
    for some in contacts.values():
        some.sort(key=lambda contact: contact["user"]["username"])
    return contacts


async def are_friends(reader: Reader, user: int, other: int) -> bool:
    """Whether two users are friends."""
    return (await _pair(reader, user, other)).friends


async def _pair(reader: Reader, user: int, other: int) -> Pair:
    found = await reader.rows(
        "SELECT user, relation FROM contact WHERE user IN ?? AND other IN ??", *[(user, other)] * 2
    )
    relations = cast(dict[int, Relation], dict(found))
    return Pair(relations.get(user, "none"), relations.get(other, "none"))


async def _act(transaction: Transaction, act: ContactAct, user: int, other: int, limits: Limits) -> ContactChange:
    low, high = sorted((user, other))
    find_direct = Query("SELECT conv FROM conversation WHERE low = ? AND high = ?", (low, high))
    (direct,) = await transaction.gather(find_direct)
    await transaction.lock_conversations([conv for (conv,) in direct])
    await transaction.lock_users([user, other])
    (direct,) = await transaction.gather(find_direct)  # Nobody makes one without these locks.
    seen = await profiles(transaction, user, other)
    if len(seen) < 2:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such user.")
    before = await _pair(transaction, user, other)
    after = decide(act, before)
    await _require_room(transaction, user, before.mine, after.mine, limits)
    await _require_room(transaction, other, before.theirs, after.theirs, limits)
    await _relate(transaction, user, other, before.mine, after.mine)
    await _relate(transaction, other, user, before.theirs, after.theirs)
    if after.friends != before.friends:
        await transaction.execute(
            "UPDATE conversation SET writable = ? WHERE low = ? AND high = ?", int(after.friends), low, high
        )
    mine: Contact = {"user": seen[other], "relation": after.mine}
    theirs: Contact = {"user": seen[user], "relation": after.theirs}
    for (conv,) in direct:
        mine["conv"] = theirs["conv"] = conv
    noticed = after.theirs != before.theirs
    return ContactChange(mine, theirs if noticed else None, after != before, after.friends)


async def _require_room(reader: Reader, user: int, before: Relation, after: Relation, limits: Limits) -> None:
    if before == "none" and after != "none":
        count = await reader.row("SELECT COUNT(*) FROM contact WHERE user = ?", user)
        if count and count[0] >= limits.contacts:
            raise Refusal(ErrorCode.TOO_LARGE, "A list of contacts is full; remove some first.")
    if before != "incoming" and after == "incoming":
        count = await reader.row("SELECT COUNT(*) FROM contact WHERE user = ? AND relation = 'incoming'", user)
        if count and count[0] >= limits.requests_pending:
            raise Refusal(ErrorCode.TOO_LARGE, "Too many requests wait for them already.")


async def _relate(transaction: Transaction, user: int, other: int, before: Relation, after: Relation) -> None:
    if after == before:
        return
    if after == "none":
        await transaction.execute("DELETE FROM contact WHERE user = ? AND other = ?", user, other)
    else:
        await transaction.put("contact", ("user", "other"), ("relation",), [(user, other, after)])
