"""All kinds of faults, by the system that can have them."""

from __future__ import annotations

from tests.chaos.faults import hints, network, process, services
from tests.chaos.faults.base import Fault

EVERYWHERE: list[type[Fault]] = [
    process.KillBeforeCommit,
    process.KillDuringCommit,
    process.KillAfterCommit,
    process.KillBeforeHint,
    process.Kill,
    process.Freeze,
    process.WrongClock,
    process.WrongClockBack,
    process.Restart,
    network.CutDoors,
    network.HoldDoors,
    network.SlowDoors,
    network.ReconnectAll,
    network.NeverRead,
    network.RemovalRace,
]

EMBEDDED: list[type[Fault]] = [*EVERYWHERE, process.FullDisk]

CLUSTER: list[type[Fault]] = [
    *EVERYWHERE,
    services.DatabaseKilled,
    services.DatabaseFrozen,
    services.BusKilled,
    services.BusFrozen,
    services.BusFlushed,
    services.DatabaseLinkCut,
    services.DatabaseLinkSlow,
    services.BusLinkCut,
    services.BusLinkHeld,
    services.BalancerReloaded,
    services.BalancerKilled,
    hints.DropHints,
    hints.DoubleHints,
    hints.ReorderHints,
]
