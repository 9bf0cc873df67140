"""Plots as SVG: one panel a series, one line a system, both axes logarithmic; and bars. No library, no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

COLOURS = ("#2a78b5", "#d9662b", "#3d8f4d", "#8a56ac", "#a08222", "#5c6b73")
"""Of as many systems as are shown together at the most."""

IN_A_ROW = 2
"""Names beside each other above bars."""

WIDTH, HEIGHT = 380, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 34, 44

_STYLE = "font-family='system-ui, sans-serif' font-size='11' fill='#333'"


def curve(title: str, x_name: str, panels: Sequence[tuple[str, Mapping[str, Points], bool]]) -> str:
    """Panels side by side: what is measured, the points by system, and whether it may grow as fast as x.

    Where it may, a dashed line shows growth in proportion, through the first system's last point.
    """
    body = [f"<text x='{LEFT}' y='18' {_STYLE} font-weight='bold'>{escape(title)}</text>"]
    for number, (name, systems, linear) in enumerate(panels):
        inner = "".join(_panel(x_name, name, systems, linear))
        body.append(f"<g transform='translate({number * WIDTH} 22)'>{inner}</g>")
    return _document(WIDTH * len(panels), HEIGHT + 22, body)


def bars(title: str, groups: Mapping[str, Mapping[str, float]], shown: Callable[[float], str]) -> str:
    """Horizontal bars: for each group one a name; names have the same colour everywhere."""
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    longest = max((value for values in groups.values() for value in values.values()), default=1) or 1
    body = [f"<text x='10' y='18' {_STYLE} font-weight='bold'>{escape(title)}</text>"]
    for place, name in enumerate(names):
        row, column = divmod(place, IN_A_ROW)
        x, y = 10 + column * 300, 28.0 + row * 15
        body.append(f"<rect x='{x}' y='{y:.0f}' width='10' height='10' fill='{_colour(place)}'/>")
        body.append(f"<text x='{x + 15}' y='{y + 9:.0f}' {_STYLE}>{escape(name)}</text>")
    y = 37.0 + 15 * math.ceil(len(names) / IN_A_ROW)
    for group, values in groups.items():
        body.append(f"<text x='10' y='{y + 11:.0f}' {_STYLE}>{escape(group)}</text>")
        y += 16
        for name, value in values.items():
            width = 560 * value / longest
            colour = _colour(names.index(name))
            body.append(f"<rect x='20' y='{y:.0f}' width='{width:.1f}' height='10' fill='{colour}'/>")
            body.append(f"<text x='{26 + width:.1f}' y='{y + 9:.0f}' {_STYLE}>{escape(shown(value))}</text>")
            y += 13
        y += 6
    return _document(660, round(y + 8), body)


def number(value: float) -> str:
    """A figure with as many digits as one reads: 12,300 or 3.4 or 0.05."""
    if value >= 1_000_000 and value % 100_000 == 0:
        return f"{value / 1_000_000:g}M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _panel(x_name: str, name: str, systems: Mapping[str, Points], linear: bool) -> list[str]:
    every = [point for points in systems.values() for point in points if point[1] > 0]
    if not every:
        return []
    across = _Axis(min(x for x, _ in every), max(x for x, _ in every), LEFT, WIDTH - RIGHT)
    upward = _Axis(min(y for _, y in every) / 1.6, max(y for _, y in every) * 1.6, HEIGHT - BOTTOM, TOP)
    parts = [f"<text x='{LEFT}' y='{TOP - 10}' {_STYLE}>{escape(name)}</text>"]
    for value in upward.ticks():
        y = upward.at(value)
        parts.append(f"<line x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ddd'/>")
        parts.append(f"<text x='{LEFT - 5}' y='{y + 4:.1f}' text-anchor='end' {_STYLE}>{number(value)}</text>")
    for value in sorted({x for x, _ in every}) if len({x for x, _ in every}) < 8 else across.ticks():
        x = across.at(value)
        parts.append(f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{TOP}' y2='{HEIGHT - BOTTOM}' stroke='#eee'/>")
        label = f"<text x='{x:.1f}' y='{HEIGHT - BOTTOM + 15}' text-anchor='middle' {_STYLE}>{number(value)}</text>"
        parts.append(label)
    parts.append(f"<text x='{WIDTH / 2:.0f}' y='{HEIGHT - 10}' text-anchor='middle' {_STYLE}>{escape(x_name)}</text>")
    if linear:
        parts.append(_proportion(across, upward, next(iter(systems.values()))))
    for place, (system, points) in enumerate(systems.items()):
        colour = _colour(place)
        places = [(across.at(x), upward.at(y)) for x, y in points if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts.extend(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in places)
        parts.append(
            f"<text x='{LEFT + 8}' y='{TOP + 14 + place * 14}' {_STYLE} style='fill:{colour}'>{escape(system)}</text>"
        )
    return parts


def _proportion(across: _Axis, upward: _Axis, points: Points) -> str:
    last_x, last_y = points[-1]
    low = max(across.low, last_x * upward.low / last_y)
    (x1, y1), (x2, y2) = ((across.at(x), upward.at(last_y * x / last_x)) for x in (low, last_x))
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='#888' stroke-dasharray='4 4'/>"


class _Axis:
    """A logarithmic axis from one pixel to another."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self.low = low
        self.high = high if high > low else low * 2
        self._first = first
        self._last = last

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self._first + share * (self._last - self._first)

    def ticks(self) -> list[float]:
        """Round values: decades, with 2 and 5 between them where there are few."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1,) if math.log10(self.high / self.low) > 3 else (1, 2, 5)
        values = (step * 10.0**decade for decade in decades for step in steps)
        return [value for value in values if self.low <= value <= self.high]


def _document(width: int, height: int, body: Sequence[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        f"<rect width='100%' height='100%' fill='#fff'/>{''.join(body)}</svg>\n"
    )
