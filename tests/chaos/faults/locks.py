"""Faults of a database that works: rows that somebody else holds, transactions that block each other."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pymysql

from tests.chaos.faults.base import Evidence
from tests.chaos.faults.services import ClusterFault
from tools.cluster.cluster import DATABASE

HEAVY = 500
"""Rows that a transaction has written before it brings about a deadlock: the database undoes the lighter one."""

ENTANGLED = 0.3
"""Seconds that it holds what the nodes need next, until one waits for it."""

_CONVERSATIONS = "SELECT conv FROM conversation ORDER BY conv FOR UPDATE"
_MEMBERS = "SELECT conv FROM member FOR UPDATE"


class RowsLocked(ClusterFault):
    """Somebody holds every conversation's row for longer than a lock is waited for: tried again, then `unavailable`."""

    name: ClassVar[str] = "rows locked (lock timeout)"
    counter: ClassVar[str] = "lock_timeouts"
    code: ClassVar[str] = "(1205)"
    """What nodes write to their logs when it happens to them."""
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        self.counted, self.logged = await self._count(), self._logged()
        self.connection = await asyncio.to_thread(self.cluster.mariadb.connect, DATABASE)
        await self._run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        await self._run("START TRANSACTION")
        await self._run(_CONVERSATIONS)

    async def _run(self, sql: str) -> None:
        def run() -> None:
            with self.connection.cursor() as cursor:
                cursor.execute(sql)

        await asyncio.to_thread(run)

    async def _count(self) -> int:
        """How often it has happened in the database."""
        query = f"SELECT count FROM information_schema.innodb_metrics WHERE name = '{self.counter}'"
        ((count,),) = await asyncio.to_thread(self.cluster.mariadb.execute, query)
        return int(str(count))

    def _logged(self) -> int:
        return sum(node.program.log.read_text(errors="replace").count(self.code) for node in self.system.nodes)

    async def bitten(self) -> Evidence | None:
        refused = self.errors("unavailable")
        evidence = await self._happened()
        return {**evidence, "refused": refused} if evidence and refused else None

    async def _happened(self) -> Evidence | None:
        count, logged = await self._count() - self.counted, self._logged() - self.logged
        return {"in the database": count, "told to nodes": logged} if count and logged else None

    async def end(self) -> Evidence | None:
        await self._run("ROLLBACK")
        self.connection.close()
        return {"refused": self.errors("unavailable"), **(await self._happened() or {})}


class Deadlocks(RowsLocked):
    """Transactions that need the same rows in another order block those of the nodes: one of each pair is undone."""

    name = "deadlocks"
    counter = "lock_deadlocks"
    code = "(1213)"
    hold = 0.0

    async def begin(self) -> None:
        self.counted, self.logged = await self._count(), self._logged()
        self.connection = await asyncio.to_thread(self.cluster.mariadb.connect, DATABASE)
        await self._run("CREATE DATABASE IF NOT EXISTS chaos")
        await self._run("CREATE TABLE IF NOT EXISTS chaos.weight (n INT) ENGINE = InnoDB")
        await self._run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    async def bitten(self) -> Evidence | None:
        try:
            await self._run("START TRANSACTION")
            await self._run(f"INSERT INTO chaos.weight SELECT seq FROM seq_1_to_{HEAVY}")
            await self._run(_MEMBERS)
            await asyncio.sleep(ENTANGLED)
            await self._run(_CONVERSATIONS)
        except pymysql.err.OperationalError:
            pass  # This one was undone in a node's place; another time.
        finally:
            await self._run("ROLLBACK")
        return await self._happened()
