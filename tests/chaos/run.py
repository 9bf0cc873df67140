"""One command that runs real clients against a real system while faults strike, and judges what it has recorded.

``python -m tests.chaos.run --system embedded|cluster --seconds 600 --seed 1 --folder chaos``, or ``make chaos``.
Exit code 0: nothing is wrong, every fault was seen to bite with enough acked around it. The folder then has the
history, the report and a timeline. ``--judge FILE`` only judges a recorded history.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos import report
from tests.chaos.checker import judge
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation
from tests.chaos.cluster import Cluster
from tests.chaos.faults.base import Fault
from tests.chaos.faults.kinds import CLUSTER, EMBEDDED
from tests.chaos.history import Record, read
from tests.chaos.nemesis import Nemesis
from tests.chaos.system import Embedded, System
from tests.chaos.trial import Trial

LIMITS = "heartbeat = 1.0\npresence_grace = 1.0\ndatabase_time = 3.0"
"""Limits of the servers: what is told by silence is told soon, so that a run need not wait for it."""


def make_system(name: str, folder: Path) -> System:
    """The system of that name, not started."""
    return Embedded(folder, LIMITS) if name == "embedded" else Cluster(folder, LIMITS)


def kinds_of(name: str) -> list[type[Fault]]:
    """The faults that a system can have."""
    return EMBEDDED if name == "embedded" else CLUSTER


async def play(
    name: str,
    folder: Path,
    seed: int,
    kinds: Sequence[type[Fault]],
    *,
    seconds: float = 0.0,
    patience: float = 0.2,
    haste: float = 1.0,
) -> tuple[list[Record], list[Violation]]:
    """Strike each of ``kinds`` once, in this order; then any of them until ``seconds`` are over. The judgement.

    ``patience`` is the part of their usual time that clients wait before they come back, ``haste`` that of a fault.
    """
    folder.mkdir(parents=True, exist_ok=True)
    system = make_system(name, folder / "system")
    chance = Random(f"order {seed}")
    try:
        await system.start()
        trial = Trial(folder / "history.jsonl", system.ports, seed=seed, system=name, patience=patience)
        await trial.begin()
        nemesis = Nemesis(system, trial, seed, haste)
        await nemesis.strike(kinds)
        while trial.recorder.now < seconds:
            await nemesis.strike([chance.choice(kinds)])
        await trial.end()
        await system.stop()
        records = await trial.dump(system.url)
    finally:
        await system.stop()
        await system.close()
    return records, judge(records)


def main() -> int:
    """The command line."""
    options = _options()
    if options.judge is not None:
        return _tell(read(options.judge), options.judge.parent)
    folder: Path = options.folder.absolute()
    with tempfile.TemporaryDirectory(prefix="mrccsc-chaos-") as home:
        for part in ("CONFIG", "DATA", "CACHE", "STATE"):
            os.environ[f"XDG_{part}_HOME"] = f"{home}/{part.lower()}"
        kinds = list(kinds_of(options.system))
        if options.faults:
            kinds = [kind for kind in kinds if kind.__name__ in options.faults]
        Random(f"kinds {options.seed}").shuffle(kinds)
        if (folder / "system").exists():
            shutil.rmtree(folder / "system")
        try:
            records, _ = asyncio.run(
                play(options.system, folder, options.seed, kinds, seconds=options.seconds, patience=1.0)
            )
        except BaseException:
            sys.stderr.write(f"The run failed; seed {options.seed}, history and logs in {folder}\n")
            raise
    return _tell(records, folder)


def _tell(records: Sequence[Record], folder: Path) -> int:
    violations = judge(records)
    trace = Trace(records)
    report.write(folder, trace, violations)
    where = f"seed {trace.run['seed']}; the report, the timeline and the history are in {folder}"
    sys.stdout.write(f"{report.summary(trace, violations)}\n{where}\n")
    return 1 if violations else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--system", choices=("embedded", "cluster"), default="cluster")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long faults strike")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("chaos"), help="where the report goes")
    parser.add_argument("--faults", nargs="*", help="only these kinds, by the names of their classes")
    parser.add_argument("--judge", type=Path, help="judge this history instead of running")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
