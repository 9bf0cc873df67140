"""The document: what the tool knows is between markers; the prose around them is left as it stands.

A place is ``<!-- bench:NAME -->`` … ``<!-- /bench:NAME -->``, each on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.bench import goals, plots, scale
from tools.bench.curves import CURVES, Curve
from tools.bench.report import table
from tools.bench.rows import ALL, ROWS
from tools.bench.systems import SYSTEMS
from tools.bench.trials import TRIALS, Trial

DOCUMENT = "performance.md"
PLOTS = "performance"

Told = Mapping[str, Any]


class MisplacedError(Exception):
    """The document lacks a place, or has one that the tool does not know."""


def write(told: Told, docs: Path) -> None:
    """Write plots and places anew. Raises :class:`MisplacedError` before anything is written."""
    file = docs / DOCUMENT
    pictures = dict(_pictures(told))
    text = fill(file.read_text(encoding="utf-8"), places(told, set(pictures)))
    folder = docs / PLOTS
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
    file.write_text(text, encoding="utf-8")


def fill(text: str, contents: Mapping[str, str]) -> str:
    """The text with what stands in each place replaced. Raises :class:`MisplacedError`."""
    found = re.findall(r"^<!-- bench:(\w+) -->$", text, re.MULTILINE)
    if sorted(found) != sorted(contents):
        raise MisplacedError(f"{DOCUMENT} has the places {sorted(found)}, not {sorted(contents)}.")
    for name, content in contents.items():
        begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
        pattern = re.compile(f"^{begin}$.*?^{end}$", re.MULTILINE | re.DOTALL)
        whole = f"{begin}\n\n{content}\n\n{end}"
        # Escaped, because a replacement has signs of its own.
        text, count = pattern.subn(whole.replace("\\", r"\\"), text)
        if count != 1:
            raise MisplacedError(f"The place {name} in {DOCUMENT} has no end.")
    return text


def places(told: Told, pictures: set[str]) -> dict[str, str]:
    """What stands in each place."""
    return {
        "machine": _machine(told),
        "rows": _rows(told, pictures),
        "goals": goals.chapter(told["rows"]),
        "costs": _costs(told),
        "curves": "\n\n".join(_curve(curve, told["curves"].get(curve.name), pictures) for curve in CURVES),
        "trials": "\n\n".join(_trial(trial, told["trials"].get(trial.name)) for trial in TRIALS),
        "scale": scale.chapter(told),
    }


def _machine(told: Told) -> str:
    names = {
        "cpu": "processor", "cores": "cores", "memory_gib": "memory, GiB", "disk": "file system",
        "kernel": "Linux", "python": "Python",
        "mrccsc": "MRCCSC", "sqlite": "SQLite", "mariadb": "MariaDB", "redis": "Redis",
    }  # fmt: skip
    settings = {
        "node": "options of a node", "mariadb": "options of MariaDB", "redis": "Redis",
        "rounds": "rounds", "warm": "seconds of warming up", "seconds": "seconds of a round",
    }  # fmt: skip
    lines = ["| | |", "|---|---|"]
    lines += [f"| {shown} | {told['machine'].get(key, '–')} |" for key, shown in names.items()]
    lines += [f"| {shown} | `{told['settings'].get(key, '–')}` |" for key, shown in settings.items()]
    run = told["run"]
    lines.append(f"| measured | {run.get('day', '–')}, in {run.get('minutes', '–')} minutes |")
    if run.get("failed"):
        lines.append(f"| failed | {', '.join(run['failed'])} |")
    return "\n".join(lines)


def _rows(told: Told, pictures: set[str]) -> str:
    heading = ", ".join(f"*{name}*: {SYSTEMS[name]}" for name in ALL)
    return "\n\n".join(
        filter(None, [f"{heading}.", table(told["rows"], ALL), _idle(told), _picture("rows.svg", pictures)])
    )


def _idle(told: Told) -> str:
    """The latency of one pair and what it is made of at the least."""
    pair = told["rows"].get("pair", {})
    relay = pair.get("relay", {}).get("p50_us")
    lines = []
    for system, found in pair.items():
        if "floor_ratio" in found:
            both = f"{found['p50_us'] / (relay + found['floor_us']):.2f}" if relay else "–"
            times = f"{found['p50_us'] / 1000:.3f} ms | {found['floor_us'] / 1000:.3f} ms"
            lines.append(f"| {SYSTEMS[system]} | {times} | {found['floor_ratio']:.2f} | {both} |")
    if not lines:
        return ""
    over = "" if relay is None else f" ({relay / 1000:.3f} ms)"
    heading = (
        "| one pair, nobody else | p50 | fsync + round trip | ratio (wished: ≤ 1.5) | "
        f"ratio to that and what the relay takes{over} |"
    )
    return "\n".join([heading, "|---|---:|---:|---:|---:|", *lines])


def _costs(told: Told) -> str:
    """Seconds of CPU of 100,000 messages or sign-ins, by program, and the load's own share of a core."""
    lines = ["| | system | CPU s per 100k | the load's share of a core |", "|---|---|---|---:|"]
    for row in ROWS:
        for system, found in told["rows"].get(row.name, {}).items():
            if "cpu_per_100k" in found:
                used = ", ".join(f"{name} {seconds:.2f}" for name, seconds in found["cpu_per_100k"].items())
                lines.append(f"| {row.title} | {system} | {used} | {found['load_share']:.0%} |")
    return "\n".join(lines)


def _curve(curve: Curve, told: Told | None, pictures: set[str]) -> str:
    heading = f"### {curve.title}"
    if not told:
        return f"{heading}\n\nNot measured yet."
    lines = [
        "| | what it must touch grows | " + " | ".join(SYSTEMS[system] for system in told) + " |",
        "|---|---|" + "---|" * len(told),
    ]
    for series in curve.series:
        cells = []
        for found in told.values():
            points = [point for point in found["points"] if series.name in point]
            judged = found["verdicts"].get(series.name)
            if not points or judged is None:
                cells.append("–")
                continue
            ends = f"{plots.number(points[0][series.name])} → {plots.number(points[-1][series.name])}"
            grown = "" if judged["exponent"] is None else f"; x^{judged['exponent']:.2f}"
            cells.append(f"{ends}{grown}{'' if judged['good'] else ' **more than that**'}")
        expected = {"flat": "not", "linear": "in proportion"}[series.expect]
        lines.append(f"| {series.unit} | {expected} | {' | '.join(cells)} |")
    failed = [f"Failed on {system}: {found['failed']}" for system, found in told.items() if "failed" in found]
    picture = _picture(f"{curve.name}.svg", pictures)
    return "\n\n".join(filter(None, [heading, picture, "\n".join(lines), *failed]))


def _trial(trial: Trial, told: Told | None) -> str:
    heading = f"### {trial.title}"
    good = {system: found["findings"] for system, found in (told or {}).items() if "findings" in found}
    failed = [f"Failed on {system}: {found['failed']}" for system, found in (told or {}).items() if "failed" in found]
    if not good:
        return "\n\n".join([heading, *(failed or ["Not measured yet."])])
    names = list(dict.fromkeys(finding["name"] for findings in good.values() for finding in findings))
    lines = [
        "| | " + " | ".join(SYSTEMS[system] for system in good) + " | wished |",
        "|---|" + "---:|" * (len(good) + 1),
    ]
    for name in names:
        found = {system: one for system, findings in good.items() for one in findings if one["name"] == name}
        cells = [_value(found.get(system)) for system in good]
        some = next(iter(found.values()))
        wish = f"≤ {some['most']:g}" if "most" in some else f"≥ {some['least']:,g}" if "least" in some else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {wish} |")
    return "\n\n".join([heading, "\n".join(lines), *failed])


def _value(finding: Told | None) -> str:
    if finding is None:
        return "–"
    shown = f"{plots.number(finding['value'])} {finding['unit']}".strip()
    return shown if finding.get("good", True) else f"**{shown}**"


def _picture(name: str, pictures: set[str]) -> str:
    return f"![{name.removesuffix('.svg')}]({PLOTS}/{name})" if name in pictures else ""


def _pictures(told: Told) -> Iterator[tuple[str, str]]:
    """Names and contents of the plots."""
    shares = {
        row.title: {SYSTEMS[system]: found["ratio"] for system, found in told["rows"][row.name].items()
                    if system != "relay" and "ratio" in found}
        for row in ROWS if row.name in told["rows"]
    }  # fmt: skip
    shares = {title: values for title, values in shares.items() if values}
    if shares:
        yield "rows.svg", plots.bars("Rates as a share of the relay's, which stores nothing", shares, "{:.2f}".format)
    for curve in CURVES:
        measured = {system: found["points"] for system, found in told["curves"].get(curve.name, {}).items()}
        panels = []
        for series in curve.series:
            lines = {
                SYSTEMS[system]: [(point["x"], point[series.name]) for point in points if series.name in point]
                for system, points in measured.items()
            }
            # A line is made of at least two points.
            lines = {system: points for system, points in lines.items() if len(points) > 1}
            if lines:
                panels.append((series.unit, lines, series.expect == "linear"))
        if panels:
            yield f"{curve.name}.svg", plots.curve(curve.title, curve.x, panels)
