"""Faults of what a cluster stands on: the database, the bus, the balancer, and the links to them."""

from __future__ import annotations

import asyncio
import signal
from typing import ClassVar

from tests.chaos.cluster import Cluster, ClusterNode
from tests.chaos.faults.base import Evidence, Fault


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
        refused = self.errors("unavailable", "overloaded")
        told = self.count("heard", "closing")
        return {"exit": self.code, "refused": refused, "sent away": told} if refused + told else None

    async def end(self) -> Evidence | None:
        await self.cluster.start_mariadb()
        return {"refused": self.errors("unavailable", "overloaded"), "sent away": self.count("heard", "closing")}


class DatabaseFrozen(DatabaseKilled):
    """The database is there and answers nothing."""

    name = "database stopped (SIGSTOP)"

    async def begin(self) -> None:
        self.code = None
        self.cluster.mariadb.freeze()

    async def end(self) -> Evidence | None:
        self.cluster.mariadb.thaw()
        return {"refused": self.errors("unavailable", "overloaded"), "sent away": self.count("heard", "closing")}


class BusKilled(ClusterFault):
    """The bus is killed and started again, empty: sends are still acked."""

    name: ClassVar[str] = "bus killed"
    hold: ClassVar[float] = 3.0

    async def begin(self) -> None:
        self.cluster.redis.kill()
        self.acked = self.trial.acked

    async def bitten(self) -> Evidence | None:
        acked = self.trial.acked - self.acked
        code = self.cluster.redis.exit_code
        return {"exit": code, "acked meanwhile": acked} if code == -signal.SIGKILL and acked >= 10 else None

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
        acked = self.trial.acked - self.acked
        return {"acked meanwhile": acked} if acked >= 10 else None

    async def end(self) -> Evidence | None:
        self.cluster.redis.thaw()
        return {"acked meanwhile": self.trial.acked - self.acked}


class BusFlushed(ClusterFault):
    """The bus forgets everything and keeps its connections: nodes notice and say it all again."""

    name: ClassVar[str] = "bus flushed"

    async def begin(self) -> None:
        self.before = await self._keys()
        await asyncio.to_thread(self.cluster.redis.flush)

    async def _keys(self) -> int:
        return int(await asyncio.to_thread(self.cluster.redis.ask, "DBSIZE"))

    async def bitten(self) -> Evidence | None:
        back = await self._keys()
        return {"keys before": self.before, "keys said again": back} if self.before and back else None

    async def end(self) -> Evidence | None:
        return None


class DatabaseLinkCut(ClusterFault):
    """One node loses the database: it stops accepting and drains, so that its clients use the others."""

    name: ClassVar[str] = "link node to database cut"
    hold: ClassVar[float] = 4.0

    async def begin(self) -> None:
        self.severed = self.one.database.severed
        self.one.database.cut()

    async def bitten(self) -> Evidence | None:
        severed = self.one.database.severed - self.severed
        return {"connections severed or refused": severed} if severed >= 2 else None

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
        severed = self.one.bus.severed - self.severed
        return {"connections severed or refused": severed} if severed >= 2 else None

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
        held = self.one.bus.held - self.held
        return {"bytes held": held} if held else None

    async def end(self) -> Evidence | None:
        self.one.bus.heal()
        return {"bytes held": self.one.bus.held - self.held}


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
        lost = self.count("lost")
        return {"lines lost": lost} if lost >= len(self.trial.company.devices) / 2 else None

    async def end(self) -> Evidence | None:
        self.cluster.nginx.start()
        return {"lines lost": self.count("lost")}
