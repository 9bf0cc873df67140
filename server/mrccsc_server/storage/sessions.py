"""Stored tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mrccsc_server.ports import Account, StoredSession
from mrccsc_server.storage import rows
from mrccsc_server.storage.database import DAY, Database, Query, Reader, Transaction
from mrccsc_server.storage.json_rows import as_one, unpack
from mrccsc_shared.messages.session import DeviceInfo, SessionInfo

_FOUND = (
    "SELECT "
    + as_one(
        "HEX(s.digest), s.last_seen, s.session,"
        " (SELECT GROUP_CONCAT(m.conv) FROM member m WHERE m.user = s.user AND m.state = 'member'),"
        " a.user, a.username, a.display_name, a.status, a.status_text, a.created"
    )
    + " FROM session s JOIN account a ON a.user = s.user WHERE s.digest IN ({})"
)


class StoredSessions:
    """:class:`mrccsc_server.ports.Sessions` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._days = database.limits.session_days

    async def open(self, user: int, digest: bytes, device: DeviceInfo | None) -> int:
        """See the port."""
        limit = self._database.limits.sessions

        async def work(transaction: Transaction) -> int:
            await transaction.lock_users([user])
            now = await transaction.now()
            stored = await transaction.rows(
                "SELECT session, last_seen FROM session WHERE user = ? ORDER BY last_seen DESC, session DESC", user
            )
            expired = now - round(self._days * DAY)
            alive = [session for session, last_seen in stored if last_seen > expired]
            ended = {session for session, _ in stored}.difference(alive[: limit - 1])
            if ended:
                await transaction.execute("DELETE FROM session WHERE session IN ??", ended)
            device_id, device_name = (None, None) if device is None else (device["id"], device["name"])
            return await transaction.create(
                "session",
                ("user", "digest", "device_id", "device_name", "created", "last_seen"),
                (user, digest, device_id, device_name, now, now),
            )

        return await self._database.write(work)

    async def find(self, digests: Sequence[bytes]) -> list[StoredSession | None]:
        """See the port."""
        if not digests:
            return []
        # Of a few lengths, so that the database has met the statement before.
        asked = [*digests, *[digests[-1]] * ((1 << (len(digests) - 1).bit_length()) - len(digests))]
        sql = _FOUND.format(",".join("?" * len(asked)))

        async def work(reader: Reader) -> list[StoredSession | None]:
            ((now,),), stored = await reader.gather(reader.clock, Query(sql, tuple(asked)))
            expired = now - round(self._days * DAY)
            found: dict[bytes, StoredSession] = {}
            for digest, last_seen, session, convs, user, name, display_name, status, text, created in unpack(stored):
                if last_seen > expired:
                    account = Account(user, name, display_name, "", status, text, created)
                    ids = list(map(int, convs.split(","))) if convs else []
                    found[bytes.fromhex(digest)] = StoredSession(session, account, ids)
            return [found.get(digest) for digest in digests]

        return await self._database.read(work)

    async def of_user(self, user: int, current: int) -> list[SessionInfo]:
        """See the port."""

        async def work(reader: Reader) -> list[SessionInfo]:
            found = await reader.rows(
                f"SELECT {rows.SESSION} FROM session s WHERE s.user = ? AND s.last_seen > ? ORDER BY s.session DESC",
                user,
                await oldest(reader, self._days),
            )
            return [rows.session(row, current) for row in found]

        return await self._database.read(work)

    async def revoke(self, user: int, session: int) -> bool:
        """See the port."""

        async def work(transaction: Transaction) -> bool:
            ended = await transaction.execute(
                "DELETE FROM session WHERE user = ? AND session = ? AND last_seen > ?",
                user,
                session,
                await oldest(transaction, self._days),
            )
            return ended == 1

        return await self._database.write(work)

    async def revoke_all(self, user: int, *, keep: int | None = None) -> list[int]:
        """See the port."""
        return await self._database.write(lambda transaction: end_all(transaction, user, keep))

    async def touch(self, sessions: Collection[int]) -> set[int]:
        """See the port."""
        if not sessions:
            return set()

        async def work(transaction: Transaction) -> set[int]:
            now = await transaction.now()
            await transaction.execute(
                "UPDATE session SET last_seen = ? WHERE session IN ?? AND last_seen > ?",
                now,
                sessions,
                now - round(self._days * DAY),
            )
            alive = await transaction.rows(
                "SELECT session FROM session WHERE session IN ?? AND last_seen >= ?", sessions, now
            )
            return {session for (session,) in alive}

        return await self._database.write(work, repeatable=True)


async def oldest(reader: Reader, days: float) -> int:
    """The time after which a session must have been used to live."""
    return await reader.now() - round(days * DAY)


async def end_all(transaction: Transaction, user: int, keep: int | None) -> list[int]:
    """End all sessions of a user but ``keep``; their ids."""
    await transaction.lock_users([user])
    stored = await transaction.rows("SELECT session FROM session WHERE user = ? ORDER BY session", user)
    ended = [session for (session,) in stored if session != keep]
    if ended:
        await transaction.execute("DELETE FROM session WHERE session IN ??", ended)
    return ended
