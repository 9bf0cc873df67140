"""Accounts and invite codes."""

from __future__ import annotations

from collections.abc import Sequence

from mrccsc_server.ports import Account
from mrccsc_server.security.tokens import digest
from mrccsc_server.storage import rows, sessions
from mrccsc_server.storage.database import DAY, Database, Reader, Transaction
from mrccsc_server.storage.json_rows import packed, unpack
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.contact import Contact, User
from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.text import fold

_TO_FRIENDS = (
    f"SELECT {packed(rows.CONTACT)} FROM {rows.CONTACTS} WHERE k.other = ? AND k.relation = 'friend'"
    " AND k.user IN (SELECT f.other FROM contact f WHERE f.user = ? AND f.relation = 'friend')"
)
"""Friendship is mutual: there is no index for those who know somebody, but for whom somebody knows."""


class StoredAccounts:
    """:class:`mrccsc_server.ports.Accounts` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, username: str, display_name: str, password: str, invite: str | None = None) -> Account:
        """See the port."""

        async def work(transaction: Transaction) -> Account:
            now = await transaction.now()
            if invite is not None:
                await _require_invite(transaction, invite, now)
            if await transaction.row("SELECT 1 FROM account WHERE username = ?", username):
                raise Refusal(ErrorCode.EXISTS)
            user = await transaction.create(
                "account",
                ("username", "display_name", "display_folded", "password", "created"),
                (username, display_name, fold(display_name), password, now),
            )
            if invite is not None:
                used = await transaction.execute(
                    "UPDATE invite SET used_by = ? WHERE digest = ? AND used_by IS NULL", user, digest(invite)
                )
                if not used:  # Another node was faster.
                    raise Refusal(ErrorCode.BAD_INVITE)
            return Account(user, username, display_name, password, created=now)

        return await self._database.write(work)

    async def by_name(self, username: str) -> Account | None:
        """See the port."""
        account = await self._find("a.username = ?", username)
        # Some databases take no notice of blanks at the end.
        return account if account is not None and account.username == username else None

    async def by_id(self, user: int) -> Account | None:
        """See the port."""
        return await self._find("a.user = ?", user)

    async def search(self, query: str, limit: int) -> list[User]:
        """See the port."""
        folded = fold(query).strip()
        if not folded:
            return []

        async def work(reader: Reader) -> list[User]:
            found = await reader.rows(
                "SELECT user, username, display_name FROM account"
                " WHERE instr(username, ?) > 0 OR instr(display_folded, ?) > 0"
                " ORDER BY CASE WHEN username = ? OR display_folded = ? THEN 0"
                " WHEN instr(username, ?) = 1 OR instr(display_folded, ?) = 1 THEN 1 ELSE 2 END, username"
                " LIMIT ?",
                *[folded] * 6,
                limit,
            )
            return [{"user": user, "username": name, "display_name": shown} for user, name, shown in found]

        return await self._database.read(work)

    async def rename(self, user: int, display_name: str) -> dict[int, Contact]:
        """See the port."""

        async def work(transaction: Transaction) -> dict[int, Contact]:
            await transaction.lock_users([user])
            await transaction.execute(
                "UPDATE account SET display_name = ?, display_folded = ? WHERE user = ?",
                display_name,
                fold(display_name),
                user,
            )
            found = await transaction.rows(_TO_FRIENDS, user, user)
            return {row[0]: rows.contact(row) for row in unpack(found)}

        return await self._database.write(work, repeatable=True)

    async def set_password(self, user: int, password: str, *, keep: int | None = None) -> list[int]:
        """See the port."""

        async def work(transaction: Transaction) -> list[int]:
            await transaction.execute("UPDATE account SET password = ? WHERE user = ?", password, user)
            return await sessions.end_all(transaction, user, keep)

        return await self._database.write(work)

    async def set_status(self, user: int, status: ChosenStatus, text: str | None) -> None:
        """See the port."""
        await self._update("UPDATE account SET status = ?, status_text = ? WHERE user = ?", status, text, user)

    async def add_invites(self, codes: Sequence[str], days: float) -> None:
        """See the port."""

        async def work(transaction: Transaction) -> None:
            expires = await transaction.now() + round(days * DAY)
            await transaction.insert("invite", ("digest", "expires"), [(digest(code), expires) for code in codes])

        await self._database.write(work)

    async def everyone(self) -> list[tuple[Account, int]]:
        """See the port."""
        days = self._database.limits.session_days

        async def work(reader: Reader) -> list[tuple[Account, int]]:
            found = await reader.rows(
                f"SELECT {rows.ACCOUNT},"
                " (SELECT COUNT(*) FROM session s WHERE s.user = a.user AND s.last_seen > ?)"
                " FROM account a ORDER BY a.username",
                await sessions.oldest(reader, days),
            )
            return [(rows.account(row[:-1]), row[-1]) for row in found]

        return await self._database.read(work)

    async def _find(self, condition: str, value: int | str) -> Account | None:
        row = await self._database.read(
            lambda reader: reader.row(f"SELECT {rows.ACCOUNT} FROM account a WHERE {condition}", value)
        )
        return None if row is None else rows.account(row)

    async def _update(self, sql: str, *values: int | str | None) -> None:
        await self._database.write(lambda transaction: transaction.execute(sql, *values), repeatable=True)


async def profiles(reader: Reader, *users: int) -> dict[int, User]:
    """What others see of users."""
    found = await reader.rows("SELECT user, username, display_name FROM account WHERE user IN ??", users)
    return {user: {"user": user, "username": name, "display_name": shown} for user, name, shown in found}


async def _require_invite(transaction: Transaction, code: str, now: int) -> None:
    row = await transaction.row("SELECT expires, used_by FROM invite WHERE digest = ?", digest(code))
    if row is None or row[1] is not None or row[0] <= now:
        raise Refusal(ErrorCode.BAD_INVITE)
