"""Results → the JSON file, tables, and the comparison of two runs."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrccsc_shared import __version__
from tools.bench.load import BUSY, Result
from tools.bench.rows import ROWS, Row, figure
from tools.bench.systems import RELAYS, STORING_RELAYS

LOST = 0.20
"""The share of a figure whose loss is a failure."""

Json = dict[str, Any]


def summary(
    row: Row, rounds: Sequence[Result | None], relays: Sequence[Result | None], floors: Sequence[float]
) -> Json:
    """One cell of the table: medians over the rounds, their spread, and what they are held against.

    ``ratio`` is the median of each round's rate as a share of the relay's in that round; ``floor_ratio`` that of the
    latency and the floor of that round. ``None`` is a round that failed.
    """
    good = [result for result in rounds if result is not None]
    if not good:
        return {"failed": f"all {len(rounds)} rounds"}
    made = _medians(row, good)
    if len(good) < len(rounds):
        made["failed_rounds"] = len(rounds) - len(good)
    if row.figure == "bytes":
        return made
    shares = [
        figure(row, result) / figure(row, relay)
        for result, relay in zip(rounds, relays, strict=True)
        if result is not None and relay is not None and figure(row, relay)
    ]
    if shares:
        made["ratio"] = _rounded(statistics.median(shares))
    if row.name == "pair" and floors:
        made["floor_us"] = round(statistics.median(floors), 1)
        ratios = [result.p50 / floor for result, floor in zip(rounds, floors, strict=True) if result is not None]
        made["floor_ratio"] = _rounded(statistics.median(ratios))
    if made["load_share"] > BUSY and shares:
        made["load_bound"] = True
    return made


def _medians(row: Row, rounds: Sequence[Result]) -> Json:
    figures = [figure(row, result) for result in rounds]
    made: Json = {
        "figure": _rounded(statistics.median(figures)),
        "low": _rounded(min(figures)),
        "high": _rounded(max(figures)),
    }
    if row.figure == "bytes":
        return made
    made |= {
        "p50_us": round(statistics.median(result.p50 for result in rounds)),
        "p99_us": round(statistics.median(result.p99 for result in rounds)),
        "load_share": _rounded(statistics.median(result.load for result in rounds)),
    }
    if row.figure != "deliveries" or all(result.messages for result in rounds):
        made["cpu_per_100k"] = {
            name: _rounded(statistics.median(_per_100k(row, result, result.cpu[name]) for result in rounds))
            for name in rounds[0].cpu
        }
        made["work_per_1000"] = {
            name: _rounded(statistics.median(_per_100k(row, result, result.work[name]) / 100 for result in rounds))
            for name in rounds[0].work
        }
    return made


def machine(mariadb: str | None, redis: str | None, folder: Path) -> Json:
    """What the figures were measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    total = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(total / 2**20, 1),
        "disk": filesystem(folder),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mrccsc": __version__,
        "sqlite": sqlite3.sqlite_version,
        "mariadb": mariadb or "–",
        "redis": redis or "–",
    }


def filesystem(folder: Path) -> str:
    """The kind of file system that a folder is on."""
    mounts = [line.split()[1:3] for line in _lines("/proc/mounts")]
    holding = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(holding)[1] if holding else "unknown"


def version_of(*command: str) -> str | None:
    """The version that a program says it has."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\d+\.\d+[^\s,]*", done.stdout)
    return found[0] if found else None


def table(rows: Mapping[str, Any], systems: Sequence[str]) -> str:
    """The medians as Markdown, of those systems that were measured."""
    systems = [system for system in systems if any(system in found for found in rows.values())]
    lines = ["| | " + " | ".join(systems) + " |", "|---|" + "---:|" * len(systems)]
    for row in (row for row in ROWS if row.name in rows):
        cells = [cell(row, system, rows[row.name].get(system)) for system in systems]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(row: Row, system: str, found: Json | None) -> str:
    """One cell: the median, how far low and high are from it, the share of the relay, p50 and p99."""
    if found is None:
        return "–"
    if "failed" in found:
        return "**failed**"
    value = found["figure"]
    if row.figure == "bytes":
        return f"**{value / 1024:.1f} KiB**"
    unit = {"messages": "msg/s", "deliveries": "deliveries/s", "sign_ins": "sign-ins/s"}[row.figure]
    low, high = found["low"] / value - 1, found["high"] / value - 1
    parts = [f"**{value:,.0f}** {unit} ({low:+.0%}…{high:+.0%})"]
    if system != "relay" and "ratio" in found:
        parts.append(f"{found['ratio']:.2f} of the relay")
    if "floor_ratio" in found:
        parts.append(f"{found['floor_ratio']:.2f} × floor")
    parts.append(f"p50 {found['p50_us'] / 1000:.2f}, p99 {found['p99_us'] / 1000:.2f} ms")
    if "failed_rounds" in found:
        parts.append(f"{found['failed_rounds']} rounds failed")
    if found.get("load_bound"):
        parts.append("the load was the limit")
    return "<br>".join(parts)


def losses(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Row, system and a sentence for each figure that lost more than :data:`LOST` against an earlier run's JSON."""
    for row, systems in before["rows"].items():
        for system, old in systems.items():
            new = now["rows"].get(row, {}).get(system)
            if new is None or system in (*RELAYS, *STORING_RELAYS) or "failed" in old:
                continue
            if "failed" in new:
                yield row, system, f"{row} on {system} failed: {new['failed']}"
            elif "floor_ratio" in old:
                # One pair is latency alone, which the floor says more of than a relay without a disk.
                if new["floor_ratio"] * (1 - LOST) > old["floor_ratio"]:
                    yield (
                        row,
                        system,
                        f"{row} on {system}: {new['floor_ratio']:.2f} × floor, was {old['floor_ratio']:.2f}",
                    )
            elif "ratio" in old and new["ratio"] < old["ratio"] * (1 - LOST):
                yield row, system, f"{row} on {system}: {new['ratio']:.3f} of the relay, was {old['ratio']:.3f}"
            elif row == "memory" and new["figure"] > old["figure"] * (1 + LOST):
                yield row, system, f"{row} on {system}: {new['figure']:,.0f} bytes, was {old['figure']:,.0f}"


def save(told: Json, file: Path) -> None:
    """Write the results, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    part.replace(file)


def today() -> str:
    """The day of a run."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def _per_100k(row: Row, result: Result, value: float) -> float:
    """Of so many of what the row counts as one unit of work: messages, or sign-ins."""
    units = result.sign_ins if row.figure == "sign_ins" else result.messages
    return value * 100_000 / units if units else 0.0


def _rounded(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
