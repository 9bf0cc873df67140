"""Faults of what a cluster stands on: the database, the bus, the balancer, and the links to them."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar

from tests.chaos.cluster import Cluster, ClusterNode
from tests.chaos.faults.base import Evidence, Fault, is_stopped
from tests.chaos.trial import until
from tools.cluster.process import accepts

CANARY = "chaos:canary"
"""A key that only a flush takes away."""


class ClusterFault(Fault):
    """A fault that only a cluster can have."""

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        assert isinstance(self.system, Cluster)
        return self.system

    @property
    def one(self) -> ClusterNode:
        """The node that it strikes."""
        assert isinstance(self.node, ClusterNode)
        return self.node


class DatabaseKilled(ClusterFault):
    """The database is killed by -9 under load, and started again: every acked entry is there."""

    name: ClassVar[str] = "database killed"
    hold: ClassVar[float] = 2.0

    async def begin(self) -> None:
        self.cluster.mariadb.kill()
        self.code = self.cluster.mariadb.program.exit_code

    async def bitten(self) -> Evidence | None:
        refused = self.errors("unavailable")
        return {"exit": self.code, "refused": refused} if refused and self.code == -signal.SIGKILL else None

    async def end(self) -> Evidence | None:
        await self.cluster.start_mariadb()
        return self._seen()

    def _seen(self) -> Evidence:
        return {"refused": self.errors("unavailable"), "sent away": self.count("heard", "closing")}


class DatabaseDown(DatabaseKilled):
    """The database is shut down in good order, and is away for half a minute: nothing is acked, nothing lost."""

    name = "database down for half a minute"
    hold = 30.0
    once = True

    async def begin(self) -> None:
        await asyncio.to_thread(self.cluster.mariadb.stop)
        self.acked = self.trial.acked

    async def bitten(self) -> Evidence | None:
        running = self.cluster.mariadb.program.running
        refused = self.errors("unavailable")
        return {"exit": self.cluster.mariadb.program.exit_code, "refused": refused} if refused and not running else None

    async def end(self) -> Evidence | None:
        acked = self.trial.acked - self.acked
        return {"acked meanwhile": acked, **(await super().end() or {})}


class DatabaseFrozen(DatabaseKilled):
    """The database is there and answers nothing."""

    name = "database stopped (SIGSTOP)"

    async def begin(self) -> None:
        self.cluster.mariadb.freeze()

    async def bitten(self) -> Evidence | None:
        refused = self.errors("unavailable")
        return {"refused": refused} if refused and is_stopped(self.cluster.mariadb.program.pid) else None

    async def end(self) -> Evidence | None:
        self.cluster.mariadb.thaw()
        return self._seen()


class BusKilled(ClusterFault):
    """The bus is killed and started again, empty: sends are still acked."""

    name: ClassVar[str] = "bus killed"
    hold: ClassVar[float] = 3.0

    async def begin(self) -> None:
        self.cluster.redis.kill()
        self.acked = self.trial.acked

    async def bitten(self) -> Evidence | None:
        acked, degraded = self.trial.acked - self.acked, await self.degraded()
        code = self.cluster.redis.exit_code
        away = code == -signal.SIGKILL and degraded == len(self.system.nodes)
        return {"exit": code, "nodes degraded": degraded, "acked meanwhile": acked} if away and acked >= 10 else None

    async def end(self) -> Evidence | None:
        acked = self.trial.acked - self.acked
        await self.cluster.start_redis()
        return {"acked meanwhile": acked}


class BusFrozen(BusKilled):
    """The bus is there and answers nothing."""

    name = "bus stopped (SIGSTOP)"

    async def begin(self) -> None:
        self.cluster.redis.freeze()
        self.acked = self.trial.acked

    async def bitten(self) -> Evidence | None:
        acked, degraded = self.trial.acked - self.acked, await self.degraded()
        away = is_stopped(self.cluster.redis.pid) and degraded == len(self.system.nodes)
        return {"nodes degraded": degraded, "acked meanwhile": acked} if away and acked >= 10 else None

    async def end(self) -> Evidence | None:
        self.cluster.redis.thaw()
        return {"acked meanwhile": self.trial.acked - self.acked}


class BusFlushed(ClusterFault):
    """The bus forgets everything and keeps its connections: nodes notice and say it all again."""

    name: ClassVar[str] = "bus flushed"

    async def begin(self) -> None:
        # Right after another fault of the bus there may be nothing yet that could be flushed.
        await until(self._said, 10)
        self.before = await self._keys()
        await asyncio.to_thread(self.cluster.redis.ask, "SET", CANARY, "1")
        await asyncio.to_thread(self.cluster.redis.flush)

    async def _said(self) -> bool:
        return await self._keys() > 0

    async def _keys(self) -> int:
        return int(await asyncio.to_thread(self.cluster.redis.ask, "DBSIZE"))

    async def bitten(self) -> Evidence | None:
        gone = await asyncio.to_thread(self.cluster.redis.ask, "EXISTS", CANARY) == "0"
        back = await self._keys()
        return {"keys before": self.before, "keys said again": back} if gone and self.before and back else None

    async def end(self) -> Evidence | None:
        await asyncio.to_thread(self.cluster.redis.ask, "DEL", CANARY)
        return None


class DatabaseLinkCut(ClusterFault):
    """One node loses the database: it stops accepting and drains, so that its clients use the others."""

    name: ClassVar[str] = "link node to database cut"
    hold: ClassVar[float] = 2.0

    async def begin(self) -> None:
        self.severed = self.one.database.severed
        self.one.database.cut()

    async def bitten(self) -> Evidence | None:
        severed = self.one.database.severed - self.severed
        shut = not accepts(self.one.port)
        return {"severed or refused": severed, "its port is shut": shut} if severed >= 2 and shut else None

    async def end(self) -> Evidence | None:
        told = self.count("heard", "closing")
        self.one.database.heal()
        await self.one.ready()
        return {"severed or refused": self.one.database.severed - self.severed, "clients sent away": told}


class DatabaseLinkSlow(ClusterFault):
    """One node's database answers late."""

    name: ClassVar[str] = "link node to database slow"
    hold: ClassVar[float] = 2.0

    async def begin(self) -> None:
        self.slowed = self.one.database.slowed
        self.one.database.slow(0.15)

    async def bitten(self) -> Evidence | None:
        slowed = self.one.database.slowed - self.slowed
        return {"bytes late by 0.15 s": slowed} if slowed > 2_000 else None

    async def end(self) -> Evidence | None:
        self.one.database.heal()
        return None


class BusLinkCut(ClusterFault):
    """One node loses the bus: it looks into the database instead, and says that it is degraded."""

    name: ClassVar[str] = "link node to bus cut"
    hold: ClassVar[float] = 3.0

    async def begin(self) -> None:
        self.severed = self.one.bus.severed
        self.one.bus.cut()

    async def bitten(self) -> Evidence | None:
        severed, degraded = self.one.bus.severed - self.severed, await self.degraded()
        return {"severed or refused": severed, "nodes degraded": degraded} if severed >= 2 and degraded else None

    async def end(self) -> Evidence | None:
        self.one.bus.heal()
        return {"severed or refused": self.one.bus.severed - self.severed}


class BusLinkHeld(ClusterFault):
    """One node's link to the bus is half-open."""

    name: ClassVar[str] = "link node to bus half-open"
    hold: ClassVar[float] = 4.0

    async def begin(self) -> None:
        self.held = self.one.bus.held
        self.one.bus.hold()

    async def bitten(self) -> Evidence | None:
        held, degraded = self.one.bus.held - self.held, await self.degraded()
        return {"bytes held": held, "nodes degraded": degraded} if held and degraded else None

    async def end(self) -> Evidence | None:
        self.one.bus.heal()
        return {"bytes held": self.one.bus.held - self.held}


class BusLinkSlow(ClusterFault):
    """What one node says to the bus and hears from it is late."""

    name: ClassVar[str] = "link node to bus slow"
    hold: ClassVar[float] = 3.0

    async def begin(self) -> None:
        self.slowed = self.one.bus.slowed
        self.one.bus.slow(0.15)

    async def bitten(self) -> Evidence | None:
        slowed = self.one.bus.slowed - self.slowed
        return {"bytes late by 0.15 s": slowed} if slowed > 2_000 else None

    async def end(self) -> Evidence | None:
        self.one.bus.heal()
        return {"bytes late by 0.15 s": self.one.bus.slowed - self.slowed}


class BalancerReloaded(ClusterFault):
    """nginx reads its configuration again; connections stay."""

    name: ClassVar[str] = "nginx reloaded"
    hold: ClassVar[float] = 1.0

    async def begin(self) -> None:
        self.said = self._said()
        self.cluster.nginx.reload()

    def _said(self) -> int:
        return self.cluster.nginx.program.log.read_text(errors="replace").count("reconfiguring")

    async def bitten(self) -> Evidence | None:
        said = self._said() - self.said
        return {"reconfigured": said, "lines lost": self.count("lost")} if said else None

    async def end(self) -> Evidence | None:
        return None


class BalancerKilled(ClusterFault):
    """nginx is killed and started again: clients reconnect with jitter."""

    name: ClassVar[str] = "nginx killed"
    hold: ClassVar[float] = 0.5

    async def begin(self) -> None:
        self.cluster.nginx.kill()

    async def bitten(self) -> Evidence | None:
        lost, code = self.count("lost"), self.cluster.nginx.program.exit_code
        away = code == -signal.SIGKILL and not accepts(self.cluster.nginx.port)
        return {"exit": code, "lines lost": lost} if away and lost >= len(self.trial.company.devices) / 2 else None

    async def end(self) -> Evidence | None:
        self.cluster.nginx.start()
        return {"lines lost": self.count("lost")}
