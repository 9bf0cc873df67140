"""``python -m tools.bench``: measure, print, keep, compare, write the document."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from tools.bench import document
from tools.bench.curves import CURVES
from tools.bench.report import Json, losses, save, table
from tools.bench.rows import ALL, ROWS
from tools.bench.suite import Options, Suite
from tools.bench.systems import STORING_RELAYS, SYSTEMS
from tools.bench.trials import TRIALS

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "performance.json"
KEPT = ROOT / "build" / "bench" / "performance.json"


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def main() -> int:
    """Exit code 1 when something failed, or ``--check`` found a loss."""
    # Nodes start as installed ones do: with their bytecode at hand.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = _parser()
    options = parser.parse_args()
    if options.render:
        document.write(_read(COMMITTED) or {}, ROOT / "docs")
        return 0
    against = _read(COMMITTED)
    if options.check and against is None:
        print(f"There are no results to compare with: make some with --write, they go to {COMMITTED}.", file=sys.stderr)
        return 2
    # Whoever names a part wants only that; whoever is in a hurry or compares wants the rows.
    chosen = any(part is not None for part in (options.rows, options.curves, options.trials))
    growth = not (chosen or options.quick or options.check)
    rows = _named(parser, ROWS, options.rows, there=not chosen)
    curves = _named(parser, CURVES, options.curves, there=growth)
    trials = _named(parser, TRIALS, options.trials, there=growth)
    if options.quick:
        options.rounds, options.seconds, options.warm = 1, 1.0, 0.3
        rows = [row for row in rows if row.quick or options.rows]
    # How near a node is to the possible is for those who read the whole.
    hurry = options.quick or options.check
    usual = [system for system in SYSTEMS if not (hurry and system in STORING_RELAYS)]
    systems = options.systems.split(",") if options.systems else usual
    suite = Suite(
        Options(
            rows=rows, curves=curves, trials=trials, systems=systems, rounds=options.rounds, warm=options.warm,
            seconds=options.seconds, keep=options.keep, against=against if options.check else None,
        ),
        # A part that was measured anew joins what is there.
        against if options.write and chosen else None,
    )  # fmt: skip
    try:
        suite.run()
    except KeyboardInterrupt:
        suite.say(f"stopped; what was measured until now is in {options.keep}")
        return 130
    if rows:
        print("\n" + table(suite.told["rows"], ALL))
    print(f"\nThe results are in {options.keep}.")
    if options.write:
        save(suite.told, COMMITTED)
        document.write(suite.told, ROOT / "docs")
    if options.check:
        assert against is not None
        lost = [sentence for _, _, sentence in losses(suite.told, against)]
        print("\n".join(lost) or "Nothing lost more than a fifth.", file=sys.stderr)
        return 1 if lost or suite.failed else 0
    return 1 if suite.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measure MRCCSC on this machine. A part is named by its names between commas, or all, or none.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round of the main rows")
    parser.add_argument("--check", action="store_true", help="compare the rows with the committed results")
    parser.add_argument("--write", action="store_true", help="write docs/performance.json, .md and the plots")
    parser.add_argument("--render", action="store_true", help="write the document from the committed results again")
    for part, every in (("rows", ROWS), ("curves", CURVES), ("trials", TRIALS)):
        parser.add_argument(f"--{part}", metavar="NAME,…", help=", ".join(one.name for one in every))
    parser.add_argument("--systems", metavar="NAME,…", help=", ".join(SYSTEMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=float, default=0.5, help="seconds before measuring")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of a round; curves take half of it")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where results are kept as they come")
    return parser


def _named(parser: argparse.ArgumentParser, every: Sequence[N], names: str | None, *, there: bool) -> list[N]:
    if names is None:
        return list(every) if there else []
    if names in ("all", "none"):
        return list(every) if names == "all" else []
    unknown = set(names.split(",")) - {one.name for one in every}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {_list(one.name for one in every)}")
    return [one for one in every if one.name in names.split(",")]


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _read(file: Path) -> Json | None:
    if not file.exists():
        return None
    told: Json = json.loads(file.read_text())
    return told


if __name__ == "__main__":
    sys.exit(main())
