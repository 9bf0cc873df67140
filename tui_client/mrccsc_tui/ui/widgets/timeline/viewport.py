"""Where the timeline stands: scrolling over rows whose heights become exact as they come near.

What is at the top of the view stays there, whatever comes, goes or changes its size above and below; unless the view
follows the newest row.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.geometry import Size
from textual.message import Message as Event
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from mrccsc_tui.state.models import Pending
from mrccsc_tui.ui.widgets.timeline.timeline_rows import Key, TimelineRows


class Viewport(ScrollView):
    """A scrolling view over a :class:`TimelineRows`. It paints nothing."""

    following: reactive[bool] = reactive(True, init=False)
    """The newest row is in view and stays there."""

    @dataclass
    class OlderWanted(Event):
        """The view is near the beginning of what is held."""

        conv: int

    @dataclass
    class Followed(Event):
        """The view has come to the newest row, or left it."""

        following: bool

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: TimelineRows | None = None
        self._placing = False
        self._viewport = Size(0, 0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whatever scrolls (keys, wheel, scrollbar) ends here."""
        super().watch_scroll_y(old_value, new_value)
        if not self._placing and self._rows is not None:
            self._left_by_user()

    def watch_following(self, following: bool) -> None:
        """Tell the screen."""
        self.post_message(self.Followed(following))

    @property
    def rows(self) -> TimelineRows | None:
        """What is shown."""
        return self._rows

    def newest(self) -> None:
        """Go to the newest row and stay there."""
        self._follow()
        self.refresh()

    def oldest(self) -> None:
        """Go to the oldest row that is held."""
        self._scroll(0)
        self._settle()
        self._scroll(0)
        self._left_by_user()

    def page(self, direction: int) -> None:
        """Scroll by a page less two lines, down for 1 and up for -1."""
        self._scroll(self.scroll_offset.y + direction * max(self._viewport.height - 2, 1))
        self._left_by_user()

    def bring(self, key: Key) -> bool:
        """Scroll until the row ``key`` is in view, about a third from the top; whether it is held."""
        rows = self._rows
        ordinal = None if rows is None else rows.ordinal(key)
        if rows is None or ordinal is None:
            return False
        rows.heights.settle(ordinal - 64, ordinal + 64)
        self._update_size()
        self._scroll(rows.heights.top(ordinal) - self._viewport.height // 3)
        self._settle()
        self._scroll(rows.heights.top(ordinal) - self._viewport.height // 3)
        self._left_by_user()
        return True

    def bottom_seq(self) -> int | None:
        """The seq of the last entry in view."""
        rows = self._rows
        if rows is None or not len(rows):
            return None
        ordinal = min(self._lowest(rows), rows.tail - 1)
        item = rows.item(ordinal) if ordinal >= rows.heights.first else None
        return None if item is None or isinstance(item, Pending) else item.seq

    def _lowest(self, rows: TimelineRows) -> int:
        """The last row in view."""
        return rows.heights.place(self.scroll_offset.y + self._viewport.height - 1).ordinal

    def _in_view(self, rows: TimelineRows, ordinal: int) -> bool:
        """Whether some of a row is in view."""
        return rows.heights.place(self.scroll_offset.y).ordinal <= ordinal <= self._lowest(rows)

    @property
    def _is_at_end(self) -> bool:
        return self.scroll_offset.y >= self.max_scroll_y

    def _padding(self) -> int:
        """Blank lines above a conversation that is shorter than the view: it stands on the composer."""
        return 0 if self._rows is None else max(self._viewport.height - self._rows.heights.total, 0)

    def _fit(self) -> bool:
        """Take the widget's size; whether lines have to be wrapped anew."""
        self._viewport = self.scrollable_content_region.size
        rows = self._rows
        if rows is None or not self._viewport.width or rows.renderer.width == self._viewport.width:
            return False
        rows.renderer.width = self._viewport.width
        rows.measure_again()
        return True

    def _anchor(self) -> tuple[int, int, int] | None:
        """What is at the top of the view: an ordinal, its line, and how far that is from the top."""
        rows = self._rows
        if rows is None or not len(rows) or self.following:
            return None
        place = rows.heights.place(self.scroll_offset.y)
        return place.ordinal, place.line, 0

    def _restore(self, anchor: tuple[int, int, int] | None) -> None:
        self._update_size()
        if anchor is None or self.following:
            self._follow()
        else:
            self._to_anchor(anchor)
            self._settle()
            # Where the view has grown, or what is shown has become less, the newest row may have come into it.
            self.following = self._is_at_end

    def _to_anchor(self, anchor: tuple[int, int, int]) -> None:
        rows = self._rows
        if rows is None or not len(rows):
            return
        ordinal = min(max(anchor[0], rows.heights.first), rows.heights.end - 1)
        line = min(anchor[1], rows.heights.height(ordinal) - 1)
        self._update_size()
        self._scroll(rows.heights.top(ordinal) + line)

    def _settle(self) -> None:
        """Make exact what is in view and two pages around, without moving what is at the top."""
        rows = self._rows
        if rows is None or not len(rows):
            return
        margin = 2 * max(self._viewport.height, 1)
        for _ in range(8):
            place = rows.heights.place(self.scroll_offset.y)
            low = rows.heights.place(self.scroll_offset.y - margin)
            high = rows.heights.place(self.scroll_offset.y + self._viewport.height + margin)
            if not rows.heights.settle(low.ordinal, high.ordinal):
                return
            self._update_size()
            self._scroll(rows.heights.top(place.ordinal) + place.line)

    def _follow(self) -> None:
        """Stand at the end."""
        rows = self._rows
        if rows is not None and len(rows):
            rows.heights.settle(rows.heights.end - 3 * max(self._viewport.height, 1), rows.heights.end)
        self._update_size()
        self._scroll(self.max_scroll_y)
        self.following = True

    def _left_by_user(self) -> None:
        self._settle()
        self.following = self._is_at_end
        self._want_older()

    def _update_size(self) -> None:
        total = 0 if self._rows is None else self._rows.heights.total
        size = Size(self._viewport.width, total)
        if size != self.virtual_size:
            self._placing = True
            self.virtual_size = size
            self._placing = False

    def _scroll(self, y: int) -> None:
        self._placing = True
        self.scroll_to(y=min(max(y, 0), self.max_scroll_y), animate=False, force=True)
        self._placing = False

    def _want_older(self) -> None:
        rows = self._rows
        if rows is None or not self._viewport.height:
            return
        if self.scroll_offset.y < 2 * self._viewport.height:
            self.post_message(self.OlderWanted(rows.renderer.conv))
