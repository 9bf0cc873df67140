"""Results → a JSON file, a Markdown table, and the comparison of two runs by their ratios to the relay."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrccsc_shared import __version__
from tools.bench.rows import ROWS, Result, Row

LOST = 0.20
"""The share of a ratio whose loss is a failure."""


@dataclass(slots=True)
class Run:
    """All rounds of one run: row → system → results."""

    results: dict[str, dict[str, list[Result]]] = field(default_factory=dict)

    def add(self, row: Row, system: str, result: Result) -> None:
        """One more round."""
        self.results.setdefault(row.name, {}).setdefault(system, []).append(result)

    def rate(self, row: str, system: str) -> float | None:
        """The median rate of a row, ``None`` when it was not measured."""
        rounds = self.results.get(row, {}).get(system)
        return statistics.median(result.rate for result in rounds) if rounds else None

    def ratio(self, row: str, system: str) -> float | None:
        """The median rate as a share of the relay's in the same run: of its row, else of the plain pairs."""
        if row == "idle":
            return None
        rate = self.rate(row, system)
        relay = self.rate(row, "relay") or self.rate("pairs", "relay")
        return None if rate is None or not relay else rate / relay

    def as_json(self) -> dict[str, Any]:
        """Everything, with what is needed to read it years later."""
        return {
            "machine": machine(),
            "rows": {
                row: {
                    system: {
                        "rate": self.rate(row, system),
                        "ratio": self.ratio(row, system),
                        "rounds": [result.as_json() for result in rounds],
                    }
                    for system, rounds in systems.items()
                }
                for row, systems in self.results.items()
            },
        }

    def table(self) -> str:
        """The medians, for people."""
        systems = list(dict.fromkeys(system for row in self.results.values() for system in row))
        lines = ["| | " + " | ".join(systems) + " |", "|---|" + "---:|" * len(systems)]
        for row in ROWS:
            if row.name in self.results:
                cells = [self._cell(row, system) for system in systems]
                lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _cell(self, row: Row, system: str) -> str:
        rounds = self.results[row.name].get(system)
        rate = self.rate(row.name, system)
        if not rounds or rate is None:
            return "–"
        if row.figure == "bytes":
            return f"{rate / 1024:.1f} KiB"
        spread = (max(r.rate for r in rounds) - min(r.rate for r in rounds)) / rate
        ratio = self.ratio(row.name, system)
        p50, p99 = (statistics.median(getattr(r, name) for r in rounds) / 1000 for name in ("p50", "p99"))
        share = "" if system == "relay" or ratio is None else f", {ratio:.2f} of the relay"
        return f"**{rate:,.0f}/s** ±{spread * 50:.0f} %{share}; p50 {p50:.1f}, p99 {p99:.1f} ms"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    return {
        "mrccsc": __version__,
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def losses(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterable[str]:
    """A sentence for each ratio that lost more than :data:`LOST` against an earlier run's JSON."""
    for row, systems in before["rows"].items():
        for system, figures in systems.items():
            old = figures["ratio"]
            new = now["rows"].get(row, {}).get(system, {}).get("ratio")
            if old and new and system != "relay" and new < old * (1 - LOST):
                yield f"{row} on {system}: {new:.3f} of the relay, was {old:.3f}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
