"""The timeline on the screen: a scrolling view over a :class:`TimelineRows`, painted line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message as Event
from textual.selection import Selection
from textual.strip import Strip

from mrccsc_tui.state.models import Message, Notice, Pending
from mrccsc_tui.ui.keymap import MESSAGE, bindings
from mrccsc_tui.ui.widgets.timeline.painter import STYLES, StripPainter, replace_first, select_cells
from mrccsc_tui.ui.widgets.timeline.renderer import GUTTER, Changes, Item
from mrccsc_tui.ui.widgets.timeline.timeline_rows import Key, TimelineRows
from mrccsc_tui.ui.widgets.timeline.viewport import Viewport

_STRIPS = 600
_LINES = 1 << 12
"""More lines than one row can have: line n of a row is selected as its ordinal times this plus n."""


class Timeline(Viewport, can_focus=True):
    """One conversation's rows.

    It follows the newest row until it is scrolled up; otherwise what is at the top stays where it is, whatever comes,
    goes or changes its size above and below.
    """

    BINDINGS = bindings(MESSAGE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in (*STYLES, "selected", "selection")}
    DEFAULT_CSS = """
    Timeline {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $border;
        scrollbar-color-hover: $text-muted;
        scrollbar-color-active: $primary;
    }
    .timeline--text { color: $foreground; }
    .timeline--time { color: $text-muted; }
    .timeline--day { color: $text-muted; text-style: bold; }
    .timeline--day-rule { color: $border; }
    .timeline--new { color: $accent; text-style: bold; }
    .timeline--new-rule { color: $accent 60%; }
    .timeline--me { color: $success; text-style: bold; }
    .timeline--name-0 { color: $primary; text-style: bold; }
    .timeline--name-1 { color: $secondary; text-style: bold; }
    .timeline--name-2 { color: $accent; text-style: bold; }
    .timeline--name-3 { color: $text-error; text-style: bold; }
    .timeline--name-4 { color: $text-secondary; text-style: bold; }
    .timeline--quote { color: $text-muted; }
    .timeline--mention { color: $secondary; }
    .timeline--mention-me { color: $accent; text-style: bold reverse; }
    .timeline--link { color: $primary; text-style: underline; }
    .timeline--notice { color: $text-muted; text-style: italic; }
    .timeline--deleted { color: $text-muted; text-style: italic; }
    .timeline--state { color: $text-muted; }
    .timeline--read { color: $success; }
    .timeline--failed { color: $error; text-style: bold; }
    .timeline--reaction { color: $text-muted; }
    .timeline--reaction-own { color: $primary; }
    .timeline--selected { background: $panel; }
    .timeline--selection { text-style: reverse; }
    """

    @dataclass
    class LinkOpened(Event):
        """An address was clicked."""

        url: str

    @dataclass
    class Acted(Event):
        """A key was pressed on the selected message."""

        action: str
        item: Message | Pending

    @dataclass
    class Selected(Event):
        """Another message is selected, or none."""

    @dataclass
    class SelectionLeft(Event):
        """The selection went below the newest message: back to the composer."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._painter: StripPainter | None = None
        self._strips: LRUCache[int, list[Strip]] = LRUCache(_STRIPS)
        self._selected: Key | None = None

    # -- what is shown ----------------------------------------------------------------------------------------------

    def show(self, rows: TimelineRows | None, *, at: Key | None = None) -> None:
        """Show a conversation: at its newest row, or with the row ``at`` in view."""
        self._rows = rows
        self._selected = None
        self._strips.clear()
        self.set_reactive(Viewport.following, True)
        if rows is None:
            self.virtual_size = Size(0, 0)
            self.refresh()
            return
        self._fit()
        self._update_size()
        self._follow()
        if at is not None:
            self.bring(at)
        self.refresh()
        self._want_older()

    def take_in(self, changed: Iterable[int] = (), *, restart: bool = False, repaint: bool = False) -> None:
        """Show what the store has gained. ``restart``: it began anew. ``repaint``: names or read marks changed."""
        rows = self._rows
        if rows is None:
            return
        anchor = self._anchor()
        tail = rows.tail
        stale = None if restart else rows.sync(changed)
        if stale is None:
            rows.reset()
            self._strips.clear()
            self.following = True
        elif repaint:
            self._strips.clear()
        else:
            for ordinal in list(self._strips.keys()):
                if ordinal >= tail or ordinal in stale:
                    self._strips.discard(ordinal)
        if changed:
            self._forget_quotes()
        if self._selected is not None and rows.ordinal(self._selected) is None:
            self._selected = None
        self._restore(anchor)
        self.refresh()
        self._want_older()

    def move_divider(self, seq: int | None) -> None:
        """Put the "new since" line above ``seq``, or take it away."""
        rows = self._rows
        if rows is None or rows.renderer.divider == seq:
            return
        anchor = self._anchor()
        old, rows.renderer.divider = rows.renderer.divider, seq
        for place in (old, seq):
            if place is not None:
                ordinal = rows.at_index(rows.index(place))
                if rows.heights.first <= ordinal < rows.heights.end:
                    rows.heights.remeasure(ordinal)
                    self._strips.discard(ordinal)
        self._restore(anchor)
        self.refresh()

    def newest(self) -> None:
        """Go to the newest row and stay there; nothing is selected any more."""
        self.select_row(None)
        super().newest()

    def go_to(self, key: Key) -> bool:
        """Bring a row into view and select it; whether it is held."""
        found = self.bring(key)
        if found:
            self.select_row(key)
        return found

    # -- the selected message ---------------------------------------------------------------------------------------

    @property
    def selected(self) -> Message | Pending | None:
        """The message that the keys act on."""
        rows = self._rows
        if rows is None or self._selected is None:
            return None
        ordinal = rows.ordinal(self._selected)
        item = None if ordinal is None else rows.item(ordinal)
        return None if isinstance(item, Notice) else item

    def useful(self) -> tuple[str, ...]:
        """The ids of the shortcuts that make sense for the selected message, the likeliest first."""
        item, rows = self.selected, self._rows
        if item is None or rows is None:
            return ("message-older", "message-newer")
        failed = isinstance(item, Pending) and item.state == "failed"
        failed = failed or bool(rows.renderer.changes.get(getattr(item, "seq", 0), Changes()).failed)
        again = ("message-retry", "message-discard") if failed else ()
        if isinstance(item, Pending):
            return (*again, "message-copy", "message-quote")
        if item.deleted:
            return (*again, "message-reply", "message-unread")
        me = rows.renderer.store.me
        own = ("message-edit", "message-delete") if me is not None and me.user == item.by else ()
        rest = ("message-react", "message-thumb", "message-copy", "message-quote", "message-unread", "message-open")
        return (*again, "message-reply", *own, *rest)

    def select_row(self, key: Key | None) -> None:
        """Select the message ``key``, or none."""
        if key != self._selected:
            self._selected = key
            self.post_message(self.Selected())
            self.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a selected message, or a failed one, the keys about it are no commands."""
        if action != "message":
            return super().check_action(action, parameters)
        if parameters[0] in ("retry", "discard"):
            return f"message-{parameters[0]}" in self.useful()
        return self.selected is not None

    def action_select(self, step: int) -> None:
        """Select the next or the previous message; below the last one the selection ends.

        Where none is selected, or it was scrolled out of view, one begins at the lowest in view.
        """
        rows = self._rows
        if rows is None or not len(rows):
            return
        ordinal = None if self._selected is None else rows.ordinal(self._selected)
        if ordinal is not None and self._in_view(rows, ordinal):
            ordinal += step
        elif ordinal is None and self.following and step > 0:
            self.post_message(self.SelectionLeft())
            return
        else:
            ordinal = self._lowest(rows)
        while rows.heights.first <= ordinal < rows.heights.end and isinstance(rows.item(ordinal), Notice):
            ordinal += step
        if ordinal >= rows.heights.end:
            self.select_row(None)
            self.post_message(self.SelectionLeft())
        elif ordinal >= rows.heights.first:
            self.select_row(rows.key(ordinal))
            self._reveal(ordinal)
        else:
            self.oldest()

    def action_message(self, action: str) -> None:
        """Tell the screen which key was pressed on the selected message."""
        if (item := self.selected) is not None:
            self.post_message(self.Acted(action, item))

    # -- Textual ----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Wrap anew; what was at the top stays there."""
        anchor = self._anchor()
        if self._fit():
            self._strips.clear()
        self._restore(anchor)
        # What was painted for the new size stood where the view was before.
        self.refresh()
        self._want_older()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._painter = None
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        """Select the message, or open the link."""
        meta = event.style.meta
        if "link" in meta:
            self.post_message(self.LinkOpened(str(meta["link"])))
        elif "row" in meta and self._rows is not None:
            ordinal = self._rows.ordinal(meta["row"])
            if ordinal is not None and not isinstance(self._rows.item(ordinal), Notice):
                self.select_row(meta["row"])

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        base = self.rich_style
        rows = self._rows
        if rows is None or not len(rows):
            return Strip.blank(self.size.width, base)
        line = y + self.scroll_offset.y - self._padding()
        if not 0 <= line < rows.heights.total:
            return Strip.blank(self.size.width, base)
        ordinal, number = rows.heights.place(line)
        strips = self._row(ordinal)
        strip = strips[min(number, len(strips) - 1)]
        if self._selected is not None and self._is_selected(rows, ordinal, number):
            strip = replace_first(strip, rows.renderer.glyphs.bar, self._style("timeline--me"))
            base += self.get_component_rich_style("timeline--selected", partial=True)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(ordinal * _LINES + number)) is not None:
            strip = select_cells(strip, *span, self.get_component_rich_style("timeline--selection", partial=True))
        return strip.apply_style(base).crop_extend(0, self.size.width, base)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that the mouse has marked, without the gutter."""
        rows = self._rows
        if rows is None or not len(rows):
            return None
        first, last = rows.heights.first * _LINES, rows.heights.end * _LINES
        start = first if selection.start is None else max(selection.start.y, first)
        end = last if selection.end is None else min(selection.end.y, last)
        lines: list[str] = []
        for ordinal in range(start // _LINES, min(end // _LINES, rows.heights.end - 1) + 1):
            for number, strip in enumerate(self._row(ordinal)):
                span = selection.get_span(ordinal * _LINES + number)
                if span is not None:
                    text = strip.text
                    stop = len(text) if span[1] < 0 else span[1]
                    lines.append(text[max(span[0], min(GUTTER, stop)) : stop].rstrip())
        return "\n".join(lines), "\n"

    # -- inside -----------------------------------------------------------------------------------------------------

    def _row(self, ordinal: int) -> list[Strip]:
        cached = self._strips.get(ordinal)
        if cached is not None:
            return cached
        rows = self._rows
        if rows is None:
            return [Strip([])]
        if self._painter is None:
            self._painter = StripPainter(self._style)
        lines = rows.renderer.lines(rows.item(ordinal), rows.before(ordinal))
        strips = self._painter.strips(lines, rows.key(ordinal), ordinal * _LINES) or [Strip([])]
        self._strips[ordinal] = strips
        return strips

    def _style(self, name: str) -> Style:
        """A component's style blended onto the background, but without one of its own."""
        full = self.get_component_rich_style(name)
        return Style(
            color=full.color,
            bold=full.bold,
            italic=full.italic,
            underline=full.underline,
            reverse=full.reverse,
        )

    def _is_selected(self, rows: TimelineRows, ordinal: int, number: int) -> bool:
        """Whether a line belongs to the selected message; the day line above it does not."""
        if rows.key(ordinal) != self._selected:
            return False
        decor = rows.renderer.decor(rows.item(ordinal), rows.before(ordinal))
        return number >= decor.blank + decor.day + decor.new

    def _reveal(self, ordinal: int) -> None:
        """Scroll as little as needed to have a row in view."""
        rows = self._rows
        if rows is None:
            return
        rows.heights.settle(ordinal - 1, ordinal + 1)
        top, height = rows.heights.top(ordinal), rows.heights.height(ordinal)
        view = self.scroll_offset.y
        if top < view or height > self._viewport.height:
            self._scroll(top)
        elif top + height > view + self._viewport.height:
            self._scroll(top + height - self._viewport.height)
        self._left_by_user()

    def _forget_quotes(self) -> None:
        """A changed message may be quoted anywhere in view; quotes keep their height."""
        rows = self._rows
        if rows is None:
            return
        for ordinal in list(self._strips.keys()):
            if rows.heights.first <= ordinal < rows.heights.end:
                item: Item = rows.item(ordinal)
                if not isinstance(item, Notice) and item.reply_to is not None:
                    self._strips.discard(ordinal)
