"""What a run has shown, for people: a Markdown page and a timeline as SVG."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tests.chaos.checker.faults import Strike, percentile, strikes
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation

STORIES = 10
"""Violations that are told."""

WIDTH, HEIGHT, MARGIN = 1_200, 300, 50


def summary(trace: Trace, violations: Sequence[Violation]) -> str:
    """The verdict and what stands behind it, as Markdown."""
    run, found = trace.run, strikes(trace)
    acks = sum(not one.frame["duplicate"] for one in trace.acknowledgements)
    verdict = "nothing is wrong" if not violations else f"{len(violations)} violations"
    entries = sum(log.head for log in trace.stored.values())
    size = (
        f"{trace.records[-1]['t']:.0f} s, {len(set(trace.users.values()))} people, {len(trace.users)} devices, "
        f"{entries} entries in {len(trace.stored)} conversations, {acks} acks "
        f"({len(trace.acknowledgements) - acks} repeated), {len(found)} faults, {len(trace.records)} records."
    )
    lines = [
        f"# Chaos on {run['system']}, seed {run['seed']}: {verdict}",
        "",
        size,
        "",
        "![timeline](timeline.svg)",
        "",
        *_table(found),
        "",
    ]
    if violations:
        counts = Counter(one.invariant for one in violations)
        lines += ["## Violations", "", ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())), ""]
        for one in violations[:STORIES]:
            lines += ["```", one.story(trace.records), "```", ""]
    return "\n".join(lines)


def _table(found: Sequence[Strike]) -> list[str]:
    """One row a kind of fault. Recovery: from the fault's end until a client has something acked again."""
    by_name: dict[str, list[Strike]] = defaultdict(list)
    for strike in found:
        by_name[strike.name].append(strike)
    rows = [
        "| fault | strikes | seen to bite | acked before, after (least) | recovery p50 | p99 | max |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, group in sorted(by_name.items()):
        times = [seconds for strike in group for seconds in strike.recoveries]
        least = f"{min(one.before for one in group)}, {min(one.after for one in group)}"
        bitten = sum(one.bite is not None for one in group)
        shares = " | ".join(f"{percentile(times, share):.2f} s" for share in (0.5, 0.99, 1.0))
        rows.append(f"| {name} | {len(group)} | {bitten} | {least} | {shares} |")
    evidence = ["", "What was seen of each strike:", ""]
    for strike in found:
        seen = {} if strike.bite is None else strike.bite.get("evidence") or {}
        after = (strike.end or {}).get("evidence") or {}
        words = json.dumps({**seen, **after}, ensure_ascii=False)
        evidence.append(f"- {strike.begin['t']:.1f} s {strike.name}: {words}")
    return [*rows, *evidence]


def timeline(trace: Trace) -> str:
    """Acks a second over time, with the faults behind them."""
    end = max(trace.records[-1]["t"], 1.0)
    seconds = Counter(int(one.record["t"]) for one in trace.acknowledgements)
    most = max(seconds.values(), default=1)

    def across(at: float) -> float:
        return MARGIN + at / end * (WIDTH - 2 * MARGIN)

    def up(count: float) -> float:
        return HEIGHT - MARGIN - count / most * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/><g font-size="11">',
    ]
    for number, strike in enumerate(strikes(trace)):
        begin = across(strike.begin["t"])
        width = max(2.0, across(trace.quiet if strike.end is None else strike.end["t"]) - begin)
        title = f"<title>{escape(strike.name)}</title>"
        place = f'x="{begin:.1f}" y="{MARGIN}" width="{width:.1f}" height="{HEIGHT - 2 * MARGIN}"'
        parts.append(f'<rect {place} fill="#d33" fill-opacity="0.25">{title}</rect>')
        low = MARGIN - 6 - 10 * (number % 4)
        parts.append(f'<text x="{begin:.1f}" y="{low}" fill="#a00" font-size="8">{escape(strike.name)}</text>')
    points = " ".join(f"{across(at + 0.5):.1f},{up(seconds[at]):.1f}" for at in range(int(end) + 1))
    parts.append(f'<polyline points="{points}" fill="none" stroke="#26c" stroke-width="1.5"/>')
    base = HEIGHT - MARGIN
    parts.append(f'<line x1="{MARGIN}" y1="{base}" x2="{WIDTH - MARGIN}" y2="{base}" stroke="#888"/>')
    for share in range(11):
        at = end * share / 10
        parts.append(f'<text x="{across(at):.1f}" y="{base + 16}" text-anchor="middle">{at:.0f} s</text>')
    parts.append(f'<text x="6" y="{up(most) + 4:.1f}">{most}/s</text>')
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT - 10}">acknowledgements a second; faults in red</text></g></svg>')
    return "\n".join(parts)


def write(folder: Path, trace: Trace, violations: Sequence[Violation]) -> None:
    """Put both into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(summary(trace, violations) + "\n", encoding="utf-8")
    (folder / "timeline.svg").write_text(timeline(trace) + "\n", encoding="utf-8")
