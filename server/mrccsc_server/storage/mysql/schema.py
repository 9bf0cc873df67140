"""Bringing the schema up to date, and saying clearly why a database cannot be used.

MySQL commits every change of the schema by itself. So each step is written to be safe to repeat, its number is noted
after it, and a lock of the server keeps nodes that start together from doing it twice.
"""

from __future__ import annotations

import asyncio
import logging
import re
from hashlib import blake2b

from mrccsc_server.ports import StoreAway, StoreError
from mrccsc_server.storage import migrations
from mrccsc_server.storage.database import Identity, Row, Unstorable, Value
from mrccsc_server.storage.mysql.errors import Conflict, Failed, Lost
from mrccsc_server.storage.mysql.link import Link, connect
from mrccsc_server.storage.mysql.literals import fill
from mrccsc_server.storage.mysql.url import Address

LOCK_STEP = 5
"""Seconds that one question for the lock waits."""

MIGRATION_TIME = 600.0
"""Seconds that a node waits for another one's migration, or takes for its own."""

OLDEST_MARIADB = (10, 6)
OLDEST_MYSQL = (8, 0)

_VERSION = "schema"

log = logging.getLogger(__name__)


async def prepare(address: Address) -> Identity:
    """Migrate the database and read its identity. Raises :class:`mrccsc_server.ports.StoreError`."""
    link = await connect(address, 0)
    try:
        async with asyncio.timeout(MIGRATION_TIME):
            ((version,),) = await _rows(link, "SELECT VERSION()")
            require_version(version)
            await _warn_of_losses(link, address)
            await _lock(link, address)
            return await _migrate(link, address)
    except TimeoutError:
        raise StoreAway(f"The database {address.shown} does not answer.") from None
    except (Failed, Unstorable) as error:
        raise _explain(error, address) from None
    finally:
        link.close()  # And with it the lock.
        await asyncio.sleep(0)


def require_version(version: str) -> None:
    """Raise :class:`StoreError` for a server that lacks what our statements are made of (``JSON_TABLE``)."""
    name, oldest = ("MariaDB", OLDEST_MARIADB) if "mariadb" in version.lower() else ("MySQL", OLDEST_MYSQL)
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < oldest:
        raise StoreError(
            f"{name} {'.'.join(map(str, numbers))} is too old; {'.'.join(map(str, oldest))} or newer is needed."
        )


async def _warn_of_losses(link: Link, address: Address) -> None:
    """Say so when the server acknowledges commits before they are on its disk."""
    ((flush, binlog, sync),) = await _rows(link, "SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog")
    if flush != 1 or (binlog and sync != 1):
        log.warning(
            "The database %s may lose what it has acknowledged when its machine fails:"
            " set innodb_flush_log_at_trx_commit = 1, and sync_binlog = 1 where it writes a binary log.",
            address.shown,
        )


async def _lock(link: Link, address: Address) -> None:
    name = "mrccsc-" + blake2b(address.database.encode(), digest_size=16).hexdigest()
    while (await _rows(link, "SELECT GET_LOCK(?, ?)", name, LOCK_STEP))[0][0] != 1:
        pass  # The timeout of the caller bounds it.


async def _migrate(link: Link, address: Address) -> Identity:
    for step in migrations.pending("mysql", await _version(link, address), address.shown):
        for statement in step.statements:
            await link.send([statement.rstrip(";").encode()])
        await _rows(
            link,
            "INSERT INTO meta (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)",
            _VERSION,
            str(step.number).encode(),
        )
    new = Identity.new()
    for name, value in (("epoch", new.epoch.encode()), ("secret", new.secret)):
        await _rows(link, "INSERT IGNORE INTO meta (name, value) VALUES (?, ?)", name, value)
    found = await _rows(link, "SELECT name, value FROM meta WHERE name IN ('epoch', 'secret')")
    stored: dict[str, bytes] = dict(found)
    return Identity(stored["epoch"].decode(), stored["secret"])


async def _version(link: Link, address: Address) -> int:
    tables = {
        name
        for (name,) in await _rows(
            link, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
    }
    if not tables:
        return 0
    columns = await _rows(
        link,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = 'meta' ORDER BY ordinal_position",
    )
    if [name for (name,) in columns] != ["name", "value"]:
        raise StoreError(f"The database {address.shown} belongs to another program; name another one.")
    stored = await _rows(link, "SELECT value FROM meta WHERE name = ?", _VERSION)
    return int(stored[0][0]) if stored else 0


async def _rows(link: Link, sql: str, *values: Value) -> list[Row]:
    (result,) = await link.send([fill(sql, values).encode()])
    return list(result.rows)


def _explain(error: Failed | Unstorable, address: Address) -> StoreError:
    if isinstance(error, Lost | Conflict):
        return StoreAway(f"The database {address.shown} does not do its work now: {error}.")
    return StoreError(f"The database {address.shown} cannot be prepared: {error}.")
