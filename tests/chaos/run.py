"""One command that runs real clients against a real system while faults strike, and judges what it has recorded.

``python -m tests.chaos.run --system embedded|cluster --seconds 600 --seed 1 --folder chaos``, or ``make chaos``.
Exit code 0: nothing is wrong, every fault was seen to bite with enough acked around it. The folder then has the
history, the report and a timeline. ``--judge FILE`` only judges a recorded history.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import TextIO

from tests.chaos import report
from tests.chaos.checker import judge
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation
from tests.chaos.cluster import Cluster
from tests.chaos.faults.base import Fault
from tests.chaos.faults.kinds import CLUSTER, EMBEDDED
from tests.chaos.history import Record, read
from tests.chaos.nemesis import Nemesis
from tests.chaos.progress import Progress
from tests.chaos.system import Embedded, System
from tests.chaos.trial import Trial

LIMITS = "heartbeat = 1.0\npresence_grace = 1.0\ndatabase_time = 5.0"
"""Limits of the servers: what is told by silence is told soon, so that a run need not wait for it. A lock is waited for
for 3 s, so that there is time for that."""

FULL = 600.0
"""Seconds of a run in which each fault lasts its whole time; in a shorter one they last less."""

LEAST_HASTE = 0.2


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
    out: TextIO | None = None,
) -> tuple[list[Record], list[Violation]]:
    """Strike each of ``kinds`` once, in this order; then any of them until ``seconds`` are over. The judgement.

    ``patience`` is the part of their usual time that clients wait before they come back, ``haste`` that of a fault.
    ``out`` is shown that the run lives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    system = make_system(name, folder / "system")
    chance = Random(f"order {seed}")
    try:
        await system.start()
        trial = Trial(folder / "history.jsonl", system.ports, seed=seed, system=name, patience=patience)
        progress = Progress(out or io.StringIO())
        nemesis = Nemesis(system, trial, seed, haste, progress.tell)
        progress.state = lambda: (
            f"{trial.recorder.now:6.0f} s  {trial.acked} acked, {nemesis.struck} faults; {nemesis.doing}"
        )
        beside = [asyncio.create_task(work) for work in (progress.show(), nemesis.watch())]
        try:
            await trial.begin()
            await nemesis.strike(kinds)
            again = [kind for kind in kinds if not kind.once] or list(kinds)
            while trial.recorder.now < seconds:
                await nemesis.strike([chance.choice(again)])
            nemesis.doing = "comes to rest, and compares what all see"
            await trial.end(hush=_hush(system))
        finally:
            for task in beside:
                task.cancel()
            failures = await asyncio.gather(*beside, return_exceptions=True)
        for failure in failures:
            if isinstance(failure, Exception):
                raise failure
        progress.tell(f"{trial.recorder.now:6.0f} s  all is at rest; reading the store and judging")
        await system.stop()
        records = await trial.dump(system.url)
    finally:
        await system.stop()
        await system.close()
    return records, judge(records)


def _hush(system: System) -> Callable[[bool], Awaitable[None]] | None:
    """How to keep the hints of entries between the nodes from arriving; ``None`` where there are none."""

    async def hush(on: bool) -> None:
        for node in system.nodes:
            await node.tell("hints", how="dropped" if on else None)

    return hush if len(system.nodes) > 1 else None


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
            haste = min(1.0, max(LEAST_HASTE, options.seconds / FULL))
            records, _ = asyncio.run(
                play(
                    options.system,
                    folder,
                    options.seed,
                    kinds,
                    seconds=options.seconds,
                    patience=1.0,
                    haste=haste,
                    out=sys.stderr,
                )
            )
        except BaseException:
            sys.stderr.write(f"The run broke off; seed {options.seed}, history and logs in {folder}\n")
            raise
    return _tell(records, folder)


def _tell(records: Sequence[Record], folder: Path) -> int:
    violations = judge(records)
    trace = Trace(records)
    report.write(folder, trace, violations)
    sys.stdout.write(f"{report.summary(trace, violations)}\n")
    sys.stdout.write(f"seed {trace.run['seed']}; the report, the timeline and the history are in {folder}\n")
    if violations:
        run = f"--system {trace.run['system']} --seed {trace.run['seed']}"
        sys.stdout.write(f"once more: make chaos ARGS='{run}'\n")
        sys.stdout.write(f"judge again: make chaos ARGS='--judge {folder / 'history.jsonl'}'\n")
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
