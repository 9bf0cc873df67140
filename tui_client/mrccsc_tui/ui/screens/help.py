"""All keys and commands, to read."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mrccsc_tui.ui.commands.table import ROWS
from mrccsc_tui.ui.glyphs import PRESENCE_WORDS, Glyphs
from mrccsc_tui.ui.keymap import READING, SHORTCUTS, bindings, show_key
from mrccsc_tui.ui.widgets.timeline.wrap import wrap


def _signs(glyphs: Glyphs) -> list[tuple[str, str]]:
    return [
        (glyphs.sent, "sent, and kept by the server"),
        (glyphs.read, "read by the other, in direct chats"),
        (glyphs.waiting, "waiting to be sent"),
        (glyphs.failed, "refused: the line below says why"),
        *((sign, PRESENCE_WORDS[status]) for status, sign in glyphs.presence.items()),
        (glyphs.group, "a public group"),
        (glyphs.private, "a private group"),
        (glyphs.request_in, "somebody who wants to add you"),
        (glyphs.request_out, "somebody you have asked"),
    ]


class HelpScreen(ModalScreen[None]):
    """Scrolls with the arrows; Esc or F1 leaves."""

    BINDINGS = bindings(READING)
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $background 60%;
        & > VerticalScroll {
            width: 92;
            max-width: 100%;
            height: 90%;
            background: $surface;
            border: round $primary 60%;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 1 2;
            scrollbar-size-vertical: 1;
        }
    }
    """

    def __init__(self, changed: Mapping[str, str], glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._changed = changed

    def compose(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll() as box:
            box.border_title = "Keys and commands"
            box.border_subtitle = "Esc closes"
            yield Static(self._text(), markup=False)

    def action_close(self) -> None:
        """Esc."""
        self.dismiss(None)

    def action_line(self, step: int) -> None:
        """A line up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    def action_page(self, step: int) -> None:
        """A page up or down."""
        box = self.query_one(VerticalScroll)
        box.scroll_relative(y=step * max(box.size.height - 2, 1), animate=False)

    def _text(self) -> Content:
        wide = self.app.size.width >= 80
        column = 22 if wide else 16
        width = min(self.app.size.width, 92) - 8
        parts: list[tuple[str, str]] = []
        for place, shortcuts in SHORTCUTS.items():
            parts.append((f"{place}\n", "bold $accent"))
            for shortcut in shortcuts:
                if shortcut.id.startswith("conversation-") and shortcut.id[-1] in "23456789":
                    continue
                keys = self._changed.get(shortcut.id, shortcut.keys).split(",")
                parts += _pair(" ".join(show_key(key, self._glyphs) for key in keys), shortcut.text, column, width)
            parts.append(("\n", ""))
        topic = ""
        for row in ROWS:
            if row.topic != topic:
                parts.append((f"{'' if not topic else chr(10)}Commands: {row.topic}\n", "bold $accent"))
                topic = row.topic
            names = "".join(f", /{alias}" for alias in row.aliases)
            also = f" (also {names[2:]})" if names else ""
            parts += _pair(row.usage, row.help + also, column + 16 if wide else column, width)
        parts.append(("\nA text that begins with // is sent with one slash.\n\n", "$foreground-muted"))
        parts.append(("Signs\n", "bold $accent"))
        for sign, meaning in _signs(self._glyphs):
            parts += _pair(sign, meaning, column, width)
        return Content.assemble(*parts)


def _pair(left: str, right: str, column: int, width: int) -> list[tuple[str, str]]:
    """A key and what it does, in two columns; a long key stands on a line of its own."""
    indent = " " * (column + 2)
    gap = f"\n{indent}" if cell_len(left) >= column else " " * (column - cell_len(left))
    lines = [right[start:end] for start, end in wrap(right, max(width - column - 2, 10))]
    return [(f"  {left}", "bold $primary"), (gap + f"\n{indent}".join(lines) + "\n", "")]
