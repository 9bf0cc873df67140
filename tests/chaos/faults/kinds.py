"""All kinds of faults, by the system that can have them."""

from __future__ import annotations

from tests.chaos.faults import hints, locks, network, process, restore, services
from tests.chaos.faults.base import Fault

EVERYWHERE: list[type[Fault]] = [
    process.KillBeforeCommit,
    process.KillDuringCommit,
    process.KillAfterCommit,
    process.KillBeforeHint,
    process.Kill,
    process.Freeze,
    process.FreezeLong,
    process.WrongClock,
    process.WrongClockBack,
    process.Restart,
    network.CutDoors,
    network.HoldDoors,
    network.SlowDoors,
    network.ReconnectAll,
    network.NeverRead,
    network.RemovalRace,
    restore.BackupRestored,
]

EMBEDDED: list[type[Fault]] = [*EVERYWHERE, process.FullDisk, process.ReadOnlyDisk]

CLUSTER: list[type[Fault]] = [
    *EVERYWHERE,
    services.DatabaseKilled,
    services.DatabaseDown,
    services.DatabaseFrozen,
    services.BusKilled,
    services.BusFrozen,
    services.BusFlushed,
    services.DatabaseLinkCut,
    services.DatabaseLinkSlow,
    services.BusLinkCut,
    services.BusLinkHeld,
    services.BusLinkSlow,
    services.BalancerReloaded,
    services.BalancerKilled,
    locks.RowsLocked,
    locks.Deadlocks,
    hints.DropHints,
    hints.DoubleHints,
    hints.ReorderHints,
]
