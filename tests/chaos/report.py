"""What a run has shown, for people: a Markdown page and a timeline as SVG."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import timeline
from tests.chaos.checker.faults import Strike, percentile, strikes
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation

STORIES = 10
"""Violations that are told."""


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
        *_bounds(trace),
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


def _bounds(trace: Trace) -> list[str]:
    """The most that each node had of what is bounded (I15), during faults too."""
    caps = trace.run["bounds"].get("queues", {})
    samples = trace.by_what["sample"]
    if not samples:
        return []
    headings = " | ".join(f"{name} (cap {cap:,})" for name, cap in caps.items())
    rows = [
        "",
        "The most that was seen of what is bounded, looked at every second:",
        "",
        f"| node | looks | memory, first and most | {headings} |",
        f"|---|---|---|{'---|' * len(caps)}",
    ]
    for node in sorted({one["node"] for one in samples}):
        seen = [one for one in samples if one["node"] == node]
        memory = f"{seen[0]['rss'] / 1e6:.0f} MB, {max(one['rss'] for one in seen) / 1e6:.0f} MB"
        most = [f"{max(one['queues'].get(name, 0) for one in seen):,}" for name in caps]
        rows.append(f"| {node} | {len(seen)} | {memory} | {' | '.join(most)} |")
    return rows


def write(folder: Path, trace: Trace, violations: Sequence[Violation]) -> None:
    """Put both into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(summary(trace, violations) + "\n", encoding="utf-8")
    (folder / "timeline.svg").write_text(timeline.draw(trace) + "\n", encoding="utf-8")
