"""A list of rows, painted line by line: the side panels, pickers and search results are all made of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message as Event
from textual.scroll_view import ScrollView
from textual.strip import Strip

STYLES = (
    "text",
    "strong",
    "dim",
    "heading",
    "online",
    "away",
    "dnd",
    "offline",
    "badge",
    "mention",
    "request",
    "match",
    "key",
    "bar",
)
"""Names of the styles of a row's spans; each is the component class ``rows--NAME``."""

Piece = tuple[str, str]
"""Text and the name of its style."""


class ListRow(NamedTuple):
    """Lines of pieces. A row without a key is a heading: the cursor passes over it."""

    key: Hashable
    lines: tuple[tuple[Piece, ...], ...]


class RowList(ScrollView, can_focus=True):
    """Rows of one or more lines with a cursor, which shows while the list has the focus, or ``always``."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in (*STYLES, "cursor", "cursor-blurred")}
    DEFAULT_CSS = """
    RowList {
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-color: $border;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
    }
    .rows--text { color: $foreground; }
    .rows--strong { color: $foreground; text-style: bold; }
    .rows--dim { color: $text-muted; }
    .rows--heading { color: $text-muted; text-style: bold; }
    .rows--online { color: $success; }
    .rows--away { color: $warning; }
    .rows--dnd { color: $error; }
    .rows--offline { color: $text-muted; }
    .rows--badge { color: $primary; text-style: bold; }
    .rows--mention { color: $accent; text-style: bold; }
    .rows--request { color: $accent; text-style: bold; }
    .rows--match { color: $accent; text-style: bold; }
    .rows--key { color: $primary; text-style: bold; }
    .rows--bar { color: $primary; text-style: bold; }
    .rows--cursor { background: $panel; }
    .rows--cursor-blurred { background: $panel; }
    """

    @dataclass
    class Chosen(Event):
        """Enter or a click on a row."""

        rows: RowList
        key: Hashable

        @property
        def control(self) -> RowList:
            """The list, for ``@on`` with a selector."""
            return self.rows

    @dataclass
    class Moved(Event):
        """The cursor is on another row."""

        rows: RowList
        key: Hashable

        @property
        def control(self) -> RowList:
            """The list, for ``@on`` with a selector."""
            return self.rows

    def __init__(self, *, bar: str = "▌", always: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._bar = bar
        self._always = always
        self._rows: list[ListRow] = []
        self._lines: list[tuple[int, int]] = []
        self._tops: list[int] = []
        self._cursor = -1
        self._styles: dict[str, Style] = {}
        self.current: Hashable = None
        """The key of the row that is marked as the open one, wherever the cursor is."""

    def set_rows(self, rows: Sequence[ListRow], *, cursor: Hashable = None) -> None:
        """Show these rows. The cursor goes to the row ``cursor``, or stays on its key, or on its place."""
        key = self.cursor if cursor is None else cursor
        place = self._cursor
        self._rows = list(rows)
        self._lines = [(index, line) for index, row in enumerate(rows) for line in range(len(row.lines))]
        self._tops = []
        top = 0
        for row in rows:
            self._tops.append(top)
            top += len(row.lines)
        keys = [row.key for row in rows]
        self._cursor = keys.index(key) if key is not None and key in keys else self._near(place)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    @property
    def rows(self) -> Sequence[ListRow]:
        """What is shown."""
        return self._rows

    @property
    def cursor(self) -> Hashable:
        """The key of the row under the cursor; ``None`` when there is none."""
        return self._rows[self._cursor].key if 0 <= self._cursor < len(self._rows) else None

    def move_to(self, key: Hashable) -> None:
        """Put the cursor on a row and the row in view."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self._place_cursor(index)

    def move(self, step: int) -> None:
        """Move the cursor by one row, over headings."""
        index = self._cursor + step
        while 0 <= index < len(self._rows) and self._rows[index].key is None:
            index += step
        if 0 <= index < len(self._rows):
            self._place_cursor(index)
        elif step < 0:
            self.scroll_to(y=0, animate=False)

    def page(self, direction: int) -> None:
        """Move the cursor by a page less one line, down for 1 and up for -1, or as far as there are rows."""
        if self.cursor is None:
            return
        line = self._tops[self._cursor] + direction * max(self.size.height - 1, 1)
        keyed = [index for index, row in enumerate(self._rows) if row.key is not None]
        if direction > 0:
            self._place_cursor(max((index for index in keyed if self._tops[index] <= line), default=keyed[-1]))
        else:
            self._place_cursor(min((index for index in keyed if self._tops[index] >= line), default=keyed[0]))

    def oldest(self) -> None:
        """Move the cursor to the first row."""
        if (first := self._near(0)) >= 0:
            self._place_cursor(first)

    def choose(self) -> None:
        """Tell the parent that the row under the cursor was chosen."""
        if self.cursor is not None:
            self.post_message(self.Chosen(self, self.cursor))

    def action_cursor_down(self) -> None:
        """Down."""
        self.move(1)

    def action_cursor_up(self) -> None:
        """Up."""
        self.move(-1)

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked."""
        line = event.y + self.scroll_offset.y
        if 0 <= line < len(self._lines):
            index = self._lines[line][0]
            if self._rows[index].key is not None:
                self._place_cursor(index)
                self.choose()

    def on_resize(self) -> None:
        """The lines are cropped to the new width."""
        self.virtual_size = Size(self.size.width, len(self._lines))

    def on_focus(self) -> None:
        """The cursor shows only where the keys go."""
        if self.cursor is None:
            self._cursor = self._near(0)
        self.refresh()

    def on_blur(self) -> None:
        """The cursor shows only where the keys go."""
        self.refresh()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        base = self.rich_style
        line = y + self.scroll_offset.y
        if not 0 <= line < len(self._lines):
            return Strip.blank(self.size.width, base)
        index, number = self._lines[line]
        row = self._rows[index]
        marked = row.key is not None and (index == self._cursor and (self._always or self.has_focus))
        current = row.key is not None and row.key == self.current
        edge = self._bar if current and number == 0 else " "
        segments = [Segment(edge, self._style("bar"))]
        segments += [Segment(text, self._style(style)) for text, style in row.lines[number]]
        if marked or current:
            name = "rows--cursor" if marked else "rows--cursor-blurred"
            base += self.get_component_rich_style(name, partial=True)
        strip = Strip(segments).apply_style(base)
        if marked:
            strip = strip.apply_style(Style(bold=True))
        return strip.crop_extend(0, self.size.width, base)

    def _place_cursor(self, index: int) -> None:
        self._cursor = index
        top, height = self._tops[index], len(self._rows[index].lines)
        # A heading above the first row comes into view with it.
        first = 0 if all(row.key is None for row in self._rows[:index]) else top
        view = self.scroll_offset.y
        if first < view:
            self.scroll_to(y=first, animate=False)
        elif top + height > view + self.size.height:
            self.scroll_to(y=top + height - self.size.height, animate=False)
        self.refresh()
        self.post_message(self.Moved(self, self._rows[index].key))

    def _near(self, place: int) -> int:
        """The row at ``place`` or after it that has a key, else the last that has one; -1 when none has."""
        keyed = [index for index, row in enumerate(self._rows) if row.key is not None]
        return next((index for index in keyed if index >= place), keyed[-1] if keyed else -1)

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            full = self.get_component_rich_style(f"rows--{name}")
            style = self._styles[name] = Style(color=full.color, bold=full.bold, italic=full.italic)
        return style
