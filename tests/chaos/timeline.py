"""The timeline of a run as SVG: what was acknowledged a second, how long that took, and which fault was when."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from html import escape

from tests.chaos.checker.faults import Strike, percentile, strikes
from tests.chaos.checker.trace import Trace

WIDTH = 1_280
LEFT, RIGHT = 250, 70
TOP, CHART = 46, 240
ROW = 15
"""Pixels: the margins, the height of the chart, and of the row of one kind of fault under it."""

BUCKET = 2.0
"""Seconds over which is counted."""

SLOWEST, FASTEST = 100.0, 0.001
"""Seconds at the upper and the lower end of the scale of delays."""

_COLOURS = (
    (("database", "rows", "deadlock", "backup"), "#8e44ad"),
    (("bus", "hints"), "#d35400"),
    (("nginx",), "#16a085"),
    (("disk",), "#7f5f00"),
    (("client", "removal", "link"), "#2980b9"),
    (("node", "rolling"), "#c0392b"),
)
"""By words of its name: the colour of a fault."""

Place = Callable[[float], float]


def draw(trace: Trace) -> str:
    """The picture, as one SVG document."""
    end = max(trace.records[-1]["t"], BUCKET)
    found = strikes(trace)
    kinds = list(dict.fromkeys(one.name for one in found))
    height = TOP + CHART + 30 + ROW * len(kinds) + 20

    def across(at: float) -> float:
        return LEFT + at / end * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        '<g font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="14" font-weight="bold">{_title(trace)}</text>',
        *_faults(found, kinds, across, trace.quiet),
        *_time(end, across, height),
        *_acks(trace, end, across),
        *_delays(trace, end, across),
        "</g></svg>",
    ]
    return "\n".join(parts)


def _title(trace: Trace) -> str:
    return escape(f"Chaos on {trace.run['system']}, seed {trace.run['seed']}")


def colour(name: str) -> str:
    """The colour of a kind of fault."""
    return next((shade for words, shade in _COLOURS if any(word in name for word in words)), "#555555")


def _faults(found: list[Strike], kinds: list[str], across: Place, quiet: float) -> Iterator[str]:
    """A band behind the chart for each strike, and a row of its own for each kind under it."""
    rows = TOP + CHART + 30
    for number, kind in enumerate(kinds):
        y = rows + ROW * number
        if number % 2 == 0:
            yield f'<rect x="0" y="{y}" width="{WIDTH}" height="{ROW}" fill="#f4f4f4"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end" fill="{colour(kind)}">{escape(kind)}</text>'
    for strike in found:
        begin, end = strike.begin["t"], quiet if strike.end is None else strike.end["t"]
        x, width, shade = across(begin), max(2.5, across(end) - across(begin)), colour(strike.name)
        y = rows + ROW * kinds.index(strike.name) + 2
        told = f"<title>{escape(strike.name)}: {begin:.1f} s to {end:.1f} s</title>"
        yield f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{CHART}" fill="{shade}" fill-opacity="0.13"/>'
        yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 4}" rx="1" fill="{shade}">{told}</rect>'
        if strike.bite is None:
            # Beside the bar, on the side where there is room.
            late = x > (LEFT + WIDTH) / 2
            at, anchor = (x - 3, "end") if late else (x + width + 3, "start")
            yield f'<text x="{at:.1f}" y="{y + 9}" text-anchor="{anchor}" fill="{shade}">not seen to bite</text>'


def _time(end: float, across: Place, height: int) -> Iterator[str]:
    step = next((one for one in (5, 10, 15, 30, 60, 120, 300, 600, 1_800) if end / one <= 16), 3_600)
    for at in range(0, int(end) + 1, step):
        x = across(at)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 18}" stroke="#ccc" stroke-width="0.6"/>'
        for y in (TOP + CHART + 16, height - 5):
            yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{at // 60}:{at % 60:02}</text>'


def _acks(trace: Trace, end: float, across: Place) -> Iterator[str]:
    """New acknowledgements a second."""
    counts: dict[int, int] = defaultdict(int)
    for one in trace.acknowledgements:
        counts[int(one.record["t"] / BUCKET)] += not one.frame["duplicate"]
    rates = [counts[at] / BUCKET for at in range(int(end / BUCKET) + 1)]
    scale = _round_up(max(rates, default=1.0))
    shade = "#1a4f9c"

    def up(rate: float) -> float:
        return TOP + CHART - rate / scale * CHART

    yield f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end" fill="{shade}">acked a second</text>'
    for part in range(5):
        rate = scale * part / 4
        yield f'<text x="{LEFT - 8}" y="{up(rate) + 4:.1f}" text-anchor="end" fill="{shade}">{rate:g}</text>'
        yield f'<line x1="{LEFT}" y1="{up(rate):.1f}" x2="{WIDTH - RIGHT}" y2="{up(rate):.1f}" stroke="#ddd"/>'
    points = " ".join(f"{across((at + 0.5) * BUCKET):.1f},{up(rate):.1f}" for at, rate in enumerate(rates))
    yield f'<polyline points="{points}" fill="none" stroke="{shade}" stroke-width="1.4"/>'


def _delays(trace: Trace, end: float, across: Place) -> Iterator[str]:
    """The slowest hundredth of what was acknowledged then: seconds since somebody asked for it. A scale of powers."""
    taken: dict[int, list[float]] = defaultdict(list)
    for one in trace.acknowledgements:
        asked = trace.by_cid.get(one.frame["cid"])
        if asked is not None and not one.frame["duplicate"]:
            taken[int(one.record["t"] / BUCKET)].append(one.record["t"] - asked.invoke["t"])
    shade = "#c77700"
    powers = 5

    def up(seconds: float) -> float:
        share = math.log10(min(max(seconds, FASTEST), SLOWEST) / FASTEST) / powers
        return TOP + CHART - share * CHART

    yield f'<text x="{WIDTH - RIGHT + 8}" y="{TOP - 12}" fill="{shade}">p99 delay</text>'
    for power in range(powers + 1):
        seconds = FASTEST * 10**power
        label = f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1_000:g} ms"
        yield f'<text x="{WIDTH - RIGHT + 8}" y="{up(seconds) + 4:.1f}" fill="{shade}">{label}</text>'
    for at, values in sorted(taken.items()):
        x, y = across((at + 0.5) * BUCKET), up(percentile(values, 0.99))
        if at * BUCKET <= end:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{shade}"/>'


def _round_up(value: float) -> float:
    """A round number that is at least ``value``."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return next(power * part for part in (1, 2, 4, 6, 8, 10) if power * part >= value)
