"""One line of pieces of text: the chat's title, the status line, the line of hints."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from mrccsc_tui.ui.widgets.rows import Piece

_STYLES = ("text", "strong", "dim", "key", "online", "away", "dnd", "offline", "good", "bad", "accent")


class TextLine(Widget):
    """A line that shows its pieces from the left and is cut at the right edge. It repaints only when they change."""

    COMPONENT_CLASSES = {f"line--{name}" for name in _STYLES}  # noqa: RUF012
    DEFAULT_CSS = """
    TextLine { height: 1; padding: 0 1; color: $foreground; }
    .line--text { color: $foreground; }
    .line--strong { color: $foreground; text-style: bold; }
    .line--dim { color: $text-muted; }
    .line--key { color: $primary; text-style: bold; }
    .line--online { color: $success; }
    .line--away { color: $warning; }
    .line--dnd { color: $error; }
    .line--offline { color: $text-muted; }
    .line--good { color: $success; }
    .line--bad { color: $error; text-style: bold; }
    .line--accent { color: $accent; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._pieces: tuple[Piece, ...] = ()

    @property
    def text(self) -> str:
        """What the line says."""
        return "".join(text for text, _ in self._pieces)

    def show(self, pieces: Iterable[Piece]) -> None:
        """Say something else. Each piece has one of the styles of a line."""
        pieces = tuple(pieces)
        if pieces != self._pieces:
            self._pieces = pieces
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        base = self.rich_style
        if y:
            return Strip.blank(self.size.width, base)
        segments: list[Segment] = []
        for text, name in self._pieces:
            full = self.get_component_rich_style(f"line--{name}")
            segments.append(Segment(text, Style(color=full.color, bold=full.bold)))
        return Strip(segments).apply_style(base).crop_extend(0, self.size.width, base)
