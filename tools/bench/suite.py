"""The whole run: rows in rounds, then curves and trials; what fails is noted and the rest goes on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench import floor
from tools.bench.curves import CURVES, Bench, Curve, verdict
from tools.bench.load import Result, Seat
from tools.bench.report import Json, losses, machine, save, summary, today, version_of
from tools.bench.rows import Row, figure, measure
from tools.bench.systems import (
    MARIADB_OPTIONS,
    NODE_OPTIONS,
    RELAYS,
    SYSTEMS,
    WITHOUT_SERVICES,
    Nodes,
    Relay,
    System,
    calm,
    opened,
)
from tools.bench.trials import Trial
from tools.cluster.mariadb import find_program
from tools.cluster.process import ProgramError

Rounds = dict[tuple[str, str], list[Result | None]]
"""By row and system; ``None`` where a round failed."""


@dataclass(slots=True)
class Options:
    """What to measure, and how long."""

    rows: Sequence[Row]
    curves: Sequence[Curve]
    trials: Sequence[Trial]
    systems: Sequence[str]
    rounds: int
    warm: float
    seconds: float
    keep: Path
    against: Json | None = None
    """Earlier results: rows that lost against them are measured again."""


class Suite:
    """One run. ``told`` is what it has found so far; after each step it is in the file ``options.keep`` too."""

    def __init__(self, options: Options, before: Json | None = None) -> None:
        self.options = options
        self._began = time.monotonic()
        self.told: Json = {"run": {}, "machine": {}, "settings": {}, "rows": {}, "curves": {}, "trials": {}}
        self.told.update(deepcopy(before or {}))
        with suppress(ProgramError):
            self.told["machine"] = machine(
                version_of(find_program("mariadbd"), "--version"),
                version_of("redis-server", "--version"),
                Path(tempfile.gettempdir()),
            )
        self.told["settings"] = {
            "node": " ".join(NODE_OPTIONS),
            "mariadb": " ".join(("--innodb-flush-log-at-trx-commit=1", *MARIADB_OPTIONS)),
            "redis": "no persistence",
            "rounds": options.rounds,
            "warm": options.warm,
            "seconds": options.seconds,
        }
        self.failed: list[str] = []

    def run(self) -> None:
        """Measure everything that was asked for. Raises nothing but what ends the program."""
        if self.told["machine"].get("disk") == "tmpfs":
            self.say(f"{tempfile.gettempdir()} is in memory, where durable means nothing: set TMPDIR to a disk")
        with tempfile.TemporaryDirectory(prefix="mrccsc-bench-") as folder:
            for number, stage in enumerate(self._stages()):
                place = Path(folder) / str(number)
                place.mkdir()
                try:
                    stage(place)
                except Exception as error:  # noqa: BLE001 - whatever it was, the rest is measured
                    self._fail(f"part {number + 1}", error)
        self._save()
        self.say("done" if not self.failed else f"done; failed: {', '.join(self.failed)}")

    def say(self, text: str) -> None:
        """A line with the time since the beginning."""
        seconds = int(time.monotonic() - self._began)
        print(f"[{seconds // 60:2}:{seconds % 60:02}] {text}", flush=True)

    def _stages(self) -> Iterable[Any]:
        if self.options.rows:
            yield self._rows
        for name in ("sqlite", "mariadb", "mariadb-3"):
            if name in self.options.systems:
                yield lambda folder, name=name: self._growth(name, folder)

    def _rows(self, folder: Path) -> None:
        wanted = [name for name in self.options.systems if any(name in row.systems for row in self.options.rows)]
        try:
            self._measure_rows(wanted, folder)
        except ProgramError as error:
            # Most likely MariaDB or Redis is not installed: what needs neither is measured all the same.
            self._fail("the systems of the rows", error)
            alone = [name for name in wanted if name in WITHOUT_SERVICES]
            if alone and alone != wanted:
                place = folder / "alone"
                place.mkdir()
                self._measure_rows(alone, place)

    def _measure_rows(self, names: Sequence[str], folder: Path) -> None:
        options = self.options
        rounds: Rounds = {}
        floors: dict[str, list[float]] = {name: [] for name in names}
        with opened(names, folder) as systems:
            seats = {name: self._seats(system, options.rows) for name, system in systems.items()}
            for system in systems.values():
                system.start()
            for number in range(options.rounds):
                self.say(f"round {number + 1} of {options.rounds}")
                self._floors(systems, floors, folder)
                for row in options.rows:
                    self._round(row, [systems[name] for name in names if name in row.systems], seats, rounds, folder)
                self._tell_rows(rounds, floors)
            if options.against is not None:
                self._again(systems, seats, rounds, floors, folder)

    def _again(
        self,
        systems: dict[str, System],
        seats: dict[str, dict[str, list[Seat]]],
        rounds: Rounds,
        floors: dict[str, list[float]],
        folder: Path,
    ) -> None:
        """As many rounds once more of what seems to have lost: the judgement is by all of them."""
        assert self.options.against is not None
        lost = {(row, system) for row, system, _ in losses(self.told, self.options.against)}
        for row in (row for row in self.options.rows if any(row.name == name for name, _ in lost)):
            again = [name for name in systems if name == "relay" or (row.name, name) in lost]
            for _ in range(self.options.rounds):
                self.say(f"once more, because it seems to have lost: {row.name}")
                self._floors(systems, floors, folder)
                self._round(row, [systems[name] for name in again if name in row.systems], seats, rounds, folder)
        self._tell_rows(rounds, floors)

    def _seats(self, system: System, rows: Sequence[Row]) -> dict[str, list[Seat]]:
        if isinstance(system, Relay):
            return {row.name: row.relay() for row in rows if row.relay is not None}
        nodes = len(system.ports)
        self.say(f"filling {system.name}")
        return system.fill(
            lambda world: {row.name: row.make(world, nodes) for row in rows if system.name in row.systems}
        )

    def _floors(self, systems: dict[str, System], floors: dict[str, list[float]], folder: Path) -> None:
        """What one commit must cost, beside each round."""
        disk = floor.fsync(folder)
        for name, system in systems.items():
            if name not in RELAYS:
                trip = floor.sqlite_trip(folder) if system.mariadb is None else floor.mariadb_trip(system.mariadb)
                floors[name].append(disk + trip)

    def _round(
        self,
        row: Row,
        systems: Sequence[System],
        seats: dict[str, dict[str, list[Seat]]],
        rounds: Rounds,
        folder: Path,
    ) -> None:
        for system in systems:
            if row.name not in seats[system.name]:
                continue
            result: Result | None = None
            try:
                system.start()
                calm(systems)
                result = measure(
                    row, system, seats[system.name][row.name], folder,
                    warm=self.options.warm, seconds=self.options.seconds,
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001 - whatever it was, the other rows are measured
                self._fail(f"{row.name} on {system.name}", error)
                with suppress(ProgramError):
                    system.restart()
            else:
                value = figure(row, result)
                self.say(f"{row.title:48} {system.name:10} {value:>12,.0f} {row.figure:10} {_latency(result)}")
            rounds.setdefault((row.name, system.name), []).append(result)

    def _tell_rows(self, rounds: Rounds, floors: dict[str, list[float]]) -> None:
        for row in self.options.rows:
            for system in (system for name, system in rounds if name == row.name):
                mine = rounds[row.name, system]
                relays = rounds.get((row.name, "relay"), [None] * len(mine))
                told = summary(row, mine, relays[-len(mine) :], floors.get(system, [])[-len(mine) :])
                self.told["rows"].setdefault(row.name, {})[system] = told
        self._save()

    def _growth(self, name: str, folder: Path) -> None:
        """All curves and trials of one system, on one database."""
        curves = [curve for curve in self.options.curves if name in curve.systems]
        trials = [trial for trial in self.options.trials if name in trial.systems]
        needed = {curve.name for curve in curves}.union(*(trial.needs for trial in trials))
        if not curves and not trials:
            return
        try:
            with opened([name], folder) as systems:
                system = systems[name]
                assert isinstance(system, Nodes)
                self.say(f"filling {name} for {', '.join(sorted(needed) + [trial.name for trial in trials])}")
                makes = [(curve.name, curve.make) for curve in CURVES if curve.name in needed]
                makes += [(trial.name, trial.make) for trial in trials if trial.make is not None]
                made = system.fill(lambda world: {key: make(world) for key, make in makes})
                bench = Bench(folder, seconds=max(1.0, self.options.seconds / 2))
                for curve in curves:
                    self._curve(curve, system, made[curve.name], bench)
                for trial in trials:
                    self._trial(trial, system, made.get(trial.name, made), bench)
        except Exception as error:  # noqa: BLE001 - the other systems are measured
            self._fail(f"curves and trials on {name}", error)

    def _curve(self, curve: Curve, system: Nodes, made: Any, bench: Bench) -> None:
        points: list[Json] = []
        told: Json = {"points": points}
        for x in curve.xs:
            try:
                system.start()
                found = curve.point(system, made, x, bench)
            except Exception as error:  # noqa: BLE001 - the other points are measured
                told["failed"] = self._fail(f"{curve.name} of {x} on {system.name}", error)
                with suppress(ProgramError):
                    system.restart()
                continue
            points.append({"x": x, **{key: float(f"{value:.4g}") for key, value in found.items()}})
            values = "  ".join(
                f"{series.name} {found[series.name]:.4g}" for series in curve.series if series.name in found
            )
            self.say(f"{curve.title:48} {system.name:10} {x:>9,} {curve.x}: {values}")
        told["verdicts"] = {
            series.name: verdict(series, [(point["x"], point[series.name]) for point in points if series.name in point])
            for series in curve.series
        }
        for series in curve.series:
            found_verdict = told["verdicts"][series.name]
            if not found_verdict["good"]:
                self.say(f"  worse than {series.expect}: {series.unit}: {found_verdict}")
        self.told["curves"].setdefault(curve.name, {})[system.name] = told
        self._save()

    def _trial(self, trial: Trial, system: Nodes, made: Any, bench: Bench) -> None:
        try:
            system.start()
            findings = [finding.as_json() for finding in trial.measure(system, made, bench)]
        except Exception as error:  # noqa: BLE001 - the other trials are measured
            told: Json = {"failed": self._fail(f"{trial.name} on {system.name}", error)}
            with suppress(ProgramError):
                system.restart()
        else:
            told = {"findings": findings}
            self.say(f"{trial.title}, {SYSTEMS[system.name]}")
            for finding in findings:
                mark = {None: " ", True: "+", False: "!"}[finding.get("good")]
                print(f"      {mark} {finding['name']:60} {finding['value']:>12,.4g} {finding['unit']}", flush=True)
        self.told["trials"].setdefault(trial.name, {})[system.name] = told
        self._save()

    def _fail(self, what: str, error: BaseException) -> str:
        text = f"{type(error).__name__}: {error}"[:400]
        self.failed.append(what)
        self.say(f"FAILED: {what}: {text}")
        return text

    def _save(self) -> None:
        self.told["run"] = {
            "day": today(),
            "minutes": round((time.monotonic() - self._began) / 60, 1),
            "failed": self.failed,
        }
        save(self.told, self.options.keep)


def _latency(result: Result) -> str:
    if not result.p50:
        return ""
    return f"p50 {result.p50 / 1000:8.2f}  p99 {result.p99 / 1000:8.2f} ms  load {result.load:4.0%} of a core"
