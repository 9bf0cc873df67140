"""All stores on one MySQL or MariaDB database."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable

from mrccsc_server.storage.database import Transaction
from mrccsc_server.storage.mysql.database import MysqlDatabase
from mrccsc_server.storage.mysql.url import Address
from mrccsc_server.storage.store import DatabaseStore
from mrccsc_shared.limits import Limits

PROBE = 4_096
"""Bytes that a probe writes and takes back."""


class MysqlStore(DatabaseStore):
    """:class:`mrccsc_server.ports.Store` on a database that other nodes use too."""

    def __init__(
        self,
        address: Address,
        limits: Limits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        database = MysqlDatabase(address, limits, chance=chance)
        super().__init__(database, _probe, monotonic=monotonic)
        self.committers = database.committers


async def _probe(transaction: Transaction) -> None:
    # Under a name of its own: nodes do not wait for each other's probes, nor for that of one that hangs.
    name = f"probe:{secrets.token_hex(16)}"
    await transaction.insert("meta", ("name", "value"), [(name, bytes(PROBE))])
    await transaction.execute("DELETE FROM meta WHERE name = ?", name)
