"""``python -m tools.bench``: measure, print, keep, compare."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tools.bench.report import Run, losses
from tools.bench.rows import ROWS, Result, Row, measure
from tools.bench.systems import opened

COMMITTED = Path(__file__).parents[2] / "docs" / "performance.json"
SYSTEMS = ("relay", "sqlite", "mariadb", "mariadb-2")


def carried(row: Row, system: str) -> bool:
    """Whether the row makes sense on that system."""
    if system == "relay":
        return row.relay is not None
    return row.nodes == (2 if system == "mariadb-2" else 1)


def round_of(row: Row, name: str, folder: Path, options: argparse.Namespace, run: Run) -> None:
    """All rounds of one row on one system."""
    with opened(name, folder) as system:
        if name == "relay":
            assert row.relay is not None
            seats = row.relay()
        else:
            seats = system.prepare(row.seats)
        system.start()
        for _ in range(options.rounds):
            result = measure(row, system, seats, folder, warm=options.warm, seconds=options.seconds)
            run.add(row, name, result)
            print(line_of(row, name, result), flush=True)


def line_of(row: Row, name: str, result: Result) -> str:
    """One round for people."""
    rate = f"{result.rate / 1024:.1f} KiB" if row.figure == "bytes" else f"{result.rate:,.0f} {row.figure}/s"
    line = f"{row.title:45} {name:10} {rate:>24}  p50 {result.p50 / 1000:7.1f} ms  p99 {result.p99 / 1000:7.1f} ms"
    if result.messages:
        cpu = (f"{name} {seconds * 100_000 / result.messages:.1f}" for name, seconds in result.cpu.items())
        line += "  CPU s per 100k: " + ", ".join(cpu)
    return line


def main() -> int:
    """Exit code 1 when ``--check`` found a loss."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description="Measure MRCCSC on this machine.")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--check", action="store_true", help="compare the ratios with the committed results")
    parser.add_argument("--rows", default=",".join(row.name for row in ROWS), help="names of rows")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before measuring")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of a round")
    parser.add_argument("--keep", type=Path, help="write the results there as JSON")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.warm = 1, 1.5, 0.5
    run = Run()
    for row in (row for row in ROWS if row.name in options.rows.split(",")):
        for name in (name for name in SYSTEMS if name in options.systems.split(",") and carried(row, name)):
            with tempfile.TemporaryDirectory(prefix="mrccsc-bench-") as folder:
                round_of(row, name, Path(folder), options, run)
    print("\n" + run.table())
    told = run.as_json()
    if options.keep:
        options.keep.write_text(json.dumps(told, indent=1) + "\n")
    if options.check:
        if not COMMITTED.exists():
            print(f"There are no results to compare with: keep some with --keep {COMMITTED}.", file=sys.stderr)
            return 2
        lost = list(losses(told, json.loads(COMMITTED.read_text())))
        print("\n".join(lost) or "No ratio lost more than a fifth.", file=sys.stderr)
        return 1 if lost else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
