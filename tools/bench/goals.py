"""What is wished for beside what was measured, as shares of one rate: what a relay in C that does nothing carries of
1:1 messages on the same machine, in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.bench.rows import ROWS
from tools.bench.systems import SYSTEMS

RELAY = 92_000
"""Messages a second that the relay carried where the wishes come from."""

WISHES = {
    "pairs": 25_000,
    "pairs-16": 60_000,
    "offline": 25_000,
    "groups-5x100": 110_000,
    "groups-50x10": 60_000,
    "group-500": 110_000,
    "signin": 2_000,
}
"""A second, on one node, by row."""

ACROSS = 15_000
"""1:1 messages a second between two nodes."""

P99 = 8.0
"""Milliseconds of 1:1 messages on one node, at most."""

_ONE_NODE = ("sqlite", "mariadb")


def chapter(rows: Mapping[str, Any]) -> str:
    """A table; what falls short is in bold. Empty where the relay was not measured."""
    relay = rows.get("pairs", {}).get("relay", {}).get("figure")
    if not relay:
        return ""
    lines = [
        f"| as a share of the {relay:,.0f} msg/s that the relay carries 1:1 | wished | "
        + " | ".join(SYSTEMS[system] for system in _ONE_NODE)
        + " |",
        "|---|---:|---:|---:|",
    ]
    titles = {row.name: row.title for row in ROWS}
    for name, wish in WISHES.items():
        cells = [_share(rows.get(name, {}).get(system), relay, wish) for system in _ONE_NODE]
        lines.append(f"| {titles[name]} | {wish / RELAY:.3f} | {' | '.join(cells)} |")
    across = _share(rows["pairs"].get("mariadb-2"), relay, ACROSS)
    lines.append(f"| {titles['pairs']}, between two nodes | {ACROSS / RELAY:.3f} | – | {across} |")
    most = P99 * RELAY / relay
    cells = [_latency(rows["pairs"].get(system), most) for system in _ONE_NODE]
    lines.append(f"| {titles['pairs']}, p99 | ≤ {most:.1f} ms | {' | '.join(cells)} |")
    return "\n".join(lines)


def _share(found: Mapping[str, Any] | None, relay: float, wish: float) -> str:
    if not found or "figure" not in found:
        return "–"
    share = found["figure"] / relay
    return f"{share:.3f}" if share >= wish / RELAY else f"**{share:.3f}**"


def _latency(found: Mapping[str, Any] | None, most: float) -> str:
    if not found or "p99_us" not in found:
        return "–"
    took = found["p99_us"] / 1000
    return f"{took:.1f} ms" if took <= most else f"**{took:.1f} ms**"
