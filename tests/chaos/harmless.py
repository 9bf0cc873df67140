"""Takes the harm out of every fault: what a fault then still calls its bite would prove nothing.

``python -m tests.chaos.harmless --system cluster`` tries it on every fault of a system; exit code 1 when one is "seen".
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.cluster import Cluster
from tests.chaos.faults.base import Evidence, Fault, Scene
from tests.chaos.faults.locks import RowsLocked
from tests.chaos.faults.network import NeverRead, read_line
from tests.chaos.faults.restore import BackupRestored
from tests.chaos.proxy import Link
from tests.chaos.run import kinds_of, make_system
from tests.chaos.system import Embedded, Node
from tests.chaos.trial import Trial, until
from tests.chaos.workload import Company
from tools.cluster.mariadb import MariaDb
from tools.cluster.nginx import Nginx
from tools.cluster.process import Program
from tools.cluster.redis import RedisServer

Patch = Callable[[object, str, Any], None]

PATIENCE = 1.0
"""Seconds for which a harmless fault is watched."""


def _nothing(*_: Any, **__: Any) -> Any:
    return None


async def _nothing_later(*_: Any, **__: Any) -> Any:
    return None


def _zero(*_: Any, **__: Any) -> int:
    return 0


def disarm(patch: Patch) -> None:
    """Let nothing that faults do have an effect."""
    for what, names in (
        (Link, ("cut", "hold", "slow")),
        (Program, ("signal", "kill", "freeze", "thaw")),
        (MariaDb, ("kill", "stop", "freeze", "thaw")),
        (Nginx, ("kill", "reload", "start")),
        (RedisServer, ("flush",)),
    ):
        for name in names:
            patch(what, name, _nothing)
    patch(Link, "sever", _zero)
    for what, name in ((Node, "start"), (Cluster, "start_mariadb"), (Cluster, "start_redis"), (RowsLocked, "_run")):
        patch(what, name, _nothing_later)
    tell = Node.tell

    async def only_ask(node: Node, _: str, **__: Any) -> dict[str, Any]:
        return await tell(node, "state")

    async def seem_to_stop(_: Node) -> int:
        return 0

    async def restore_nothing(_: object) -> str:
        return "no epoch"

    async def speak(company: Company) -> None:
        for device in company.devices:
            if device.client is not None and company.groups[0] in device.up.store.conversations:
                device.send(company.groups[0], f"race {company._text(device)}")

    async def read_the_answer(fault: NeverRead) -> None:
        # One that goes on asking while it reads may be too slow as well.
        while b'"re":1,' not in await read_line(fault.reader):
            continue

    patch(Node, "tell", only_ask)
    patch(Node, "stop", seem_to_stop)
    patch(Node, "gone", _nothing_later)
    patch(Embedded, "restore", restore_nothing)
    patch(Cluster, "restore", restore_nothing)
    patch(Company, "race_a_removal", speak)
    patch(NeverRead, "_heed", read_the_answer)
    patch(BackupRestored, "quiet", 0.1)


async def find_liars(name: str, folder: Path, kinds: Sequence[type[Fault]]) -> dict[str, Evidence]:
    """The faults that are seen to bite though they do nothing, and by what."""
    system = make_system(name, folder / "system")
    saved: list[tuple[Any, str, Any]] = []

    def patch(what: Any, attribute: str, value: Any) -> None:
        saved.append((what, attribute, getattr(what, attribute)))
        setattr(what, attribute, value)

    found: dict[str, Evidence] = {}
    try:
        await system.start()
        trial = Trial(None, system.ports, seed=1, system=name, patience=0.2)
        await trial.begin()
        disarm(patch)
        for kind in kinds:
            fault = kind(Scene(system, trial, Random(1)))
            await fault.begin()
            seen: list[Evidence] = []

            async def bitten(fault: Fault = fault, seen: list[Evidence] = seen) -> bool:
                evidence = await fault.bitten()
                seen += [] if evidence is None else [evidence]
                return evidence is not None

            if await until(bitten, PATIENCE):
                found[kind.name] = seen[0]
            await fault.end()
    finally:
        for what, attribute, value in reversed(saved):
            setattr(what, attribute, value)
        with contextlib.suppress(UnboundLocalError):
            await trial.abandon()
        await system.stop()
        await system.close()
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.harmless", description=__doc__)
    parser.add_argument("--system", choices=("embedded", "cluster"), default="cluster")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mrccsc-harmless-") as home:
        for part in ("CONFIG", "DATA", "CACHE", "STATE"):
            os.environ[f"XDG_{part}_HOME"] = f"{home}/{part.lower()}"
        kinds = kinds_of(options.system)
        liars = asyncio.run(find_liars(options.system, Path(home), kinds))
    for name, evidence in liars.items():
        sys.stdout.write(f"{name} is seen to bite though it does nothing: {evidence}\n")
    sys.stdout.write(f"{len(kinds)} faults without harm, {len(liars)} of them seen to bite\n")
    return 1 if liars else 0


if __name__ == "__main__":
    sys.exit(main())
