"""Lines of styled text ⇄ strips: the timeline's styles, taken from the theme once and used for every line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mrccsc_tui.ui.widgets.timeline.renderer import Line
from mrccsc_tui.ui.widgets.timeline.timeline_rows import Key

STYLES = (
    "text",
    "time",
    "day",
    "day-rule",
    "new",
    "new-rule",
    "me",
    "name-0",
    "name-1",
    "name-2",
    "name-3",
    "name-4",
    "quote",
    "mention",
    "mention-me",
    "link",
    "notice",
    "deleted",
    "state",
    "read",
    "failed",
    "reaction",
    "reaction-own",
)
"""Names of the spans' styles; each is the component class ``timeline--NAME``."""


class StripPainter:
    """The styles of a theme. Strips have no background of their own, so that a selected row can have another."""

    def __init__(self, style: Callable[[str], Style]) -> None:
        self._styles: Mapping[str, Style] = {name: style(f"timeline--{name}") for name in STYLES}

    def strips(self, lines: list[Line], key: Key, line_id: int) -> list[Strip]:
        """The lines of the row ``key``. The n-th can be selected as line ``line_id`` + n."""
        return [self._strip(line, key, line_id + number) for number, line in enumerate(lines)]

    def _strip(self, line: Line, key: Key, line_id: int) -> Strip:
        segments: list[Segment] = []
        offset = 0
        for text, name, link in line:
            if not text:
                continue
            meta: dict[str, Any] = {"row": key, "offset": (offset, line_id)}
            if link:
                meta["link"] = link
            segments.append(Segment(text, self._styles[name] + Style.from_meta(meta)))
            offset += len(text)
        return Strip(segments)


def select_cells(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """``strip`` with its characters ``start`` to ``end`` (-1: the last) in the style of selected text."""
    segments: list[Segment] = []
    at = 0
    for text, own, _ in strip:
        length = len(text)
        low = min(max(start - at, 0), length)
        high = length if end < 0 else min(max(end - at, 0), length)
        plain = own or Style.null()
        pieces = ((text[:low], plain), (text[low:high], plain + style), (text[max(high, low) :], plain))
        segments += [Segment(piece, painter) for piece, painter in pieces if piece]
        at += length
    return Strip(segments, strip.cell_length)


def replace_first(strip: Strip, sign: str, style: Style) -> Strip:
    """``strip`` with ``sign`` instead of its first cell; what the mouse finds there stays."""
    first = next(iter(strip), None)
    own = first.style if first is not None and first.style is not None else Style.null()
    return Strip.join([Strip([Segment(sign, own + style)]), strip.crop(1, max(strip.cell_length, 1))])
