"""Running load.c: who sits where, and what came of it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self

from tools.bench.systems import System, compiled, cpu_seconds

SIZE = 64
"""Bytes of a text."""

BUSY = 0.9
"""The share of a core above which the load itself may be what limits a row."""

Mode = Literal["talk", "storm", "signin", "hold"]

_numbers = count()


class LoadError(Exception):
    """The load was refused something or lost a connection: a figure of it means nothing."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection of the load: who, in which conversation, whether they send, at which node, and where they go when
    that is lost.
    """

    token: str
    conv: int
    sends: bool = False
    node: int = 0
    other: int | None = None


@dataclass(slots=True)
class Result:
    """What one round gave. Rates are a second, times in microseconds, ``cpu`` in seconds by program, ``work`` what the
    servers beneath have counted meanwhile, all of the measured time only.
    """

    seconds: float = 0
    messages: int = 0
    deliveries: int = 0
    sign_ins: int = 0
    p50: int = 0
    p99: int = 0
    load: float = 0
    """The share of a core that the load used."""
    cpu: dict[str, float] = field(default_factory=dict)
    work: dict[str, int] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    """All that the load told."""

    def as_json(self) -> dict[str, Any]:
        """For the file of results."""
        shown = asdict(self)
        del shown["told"]
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in shown.items()}


class Load:
    """A load that runs. Leave the ``with`` block to end it."""

    def __init__(
        self,
        mode: Mode,
        seats: Sequence[Seat],
        system: System,
        folder: Path,
        *,
        warm: float,
        seconds: float,
        window: int = 1,
        size: int = SIZE,
    ) -> None:
        self._mode = mode
        self._system = system
        self._warm = warm
        plan = folder / f"{next(_numbers)}.users"
        plan.write_text("".join(_line(seat, system) for seat in seats))
        command = [compiled("load", folder), mode, "127.0.0.1", system.ports[0], plan, warm, seconds, window, size]
        self._errors = plan.with_suffix(".errors")
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def wait_held(self) -> None:
        """Return when all are signed in. Raises :class:`LoadError`."""
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "held":
            self._process.wait()
            raise LoadError(f"not all could sign in: {self._complaint()}")

    def result(self) -> Result:
        """Wait for its end, and what it told. Raises :class:`LoadError`."""
        assert self._process.stdout is not None
        if self._mode != "signin":
            self.wait_held()
        time.sleep(self._warm)
        return self.rest()

    def rest(self) -> Result:
        """As :meth:`result`, of a load that is held and warm already."""
        assert self._process.stdout is not None
        before = self._used()
        counted = self._system.counters()
        lines = self._process.stdout.read().splitlines()
        used = self._used()
        code = self._process.wait()
        if not lines:
            raise LoadError(f"the load ended with {code}: {self._complaint()}")
        told = json.loads(lines[-1])
        if code != 0:
            raise LoadError(f"the load was refused or cut {told['errors']} times: {self._complaint()}")
        work = {name: value - counted[name] for name, value in self._system.counters().items()}
        return Result(
            seconds=told["seconds"],
            messages=told["messages"],
            deliveries=told["deliveries"],
            sign_ins=told["sign_ins"],
            p50=told["p50_us"],
            p99=told["p99_us"],
            load=told["cpu_seconds"] / told["seconds"],
            cpu={name: used[name] - before[name] for name in used},
            work=work,
            told=told,
        )

    def _used(self) -> dict[str, float]:
        return {program.name: cpu_seconds(program) for program in self._system.programs}

    def _complaint(self) -> str:
        return " | ".join(self._errors.read_text().split("\n")[:3])[:500]


def run(
    mode: Mode,
    seats: Sequence[Seat],
    system: System,
    folder: Path,
    *,
    warm: float,
    seconds: float,
    window: int = 1,
    size: int = SIZE,
) -> Result:
    """One load from its beginning to its end. ``size`` is the rate of ``signin``. Raises :class:`LoadError`."""
    with Load(mode, seats, system, folder, warm=warm, seconds=seconds, window=window, size=size) as load:
        return load.result()


def _line(seat: Seat, system: System) -> str:
    other = 0 if seat.other is None else system.ports[seat.other]
    return f"{seat.token} {seat.conv} {int(seat.sends)} {system.ports[seat.node]} {other}\n"
