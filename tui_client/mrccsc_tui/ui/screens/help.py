"""All keys and commands, to read."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mrccsc_tui.ui.commands.table import ROWS
from mrccsc_tui.ui.keymap import READING, SHORTCUTS, bindings, show_key

_SIGNS = (
    ("✓", "sent, and kept by the server"),
    ("✓✓", "read by the other, in direct chats"),
    ("…", "waiting to be sent"),
    ("!", "refused: the line below says why"),
    ("● ◐ ◆ ○ ·", "online, away, do not disturb, offline, unknown"),
    ("# *", "a public group, a private one"),
)


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

    def __init__(self, changed: Mapping[str, str]) -> None:
        super().__init__()
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
        parts: list[Content | tuple[str, str]] = []
        for place, shortcuts in SHORTCUTS.items():
            parts.append((f"{place}\n", "bold $accent"))
            for shortcut in shortcuts:
                if shortcut.id.startswith("conversation-") and shortcut.id[-1] in "23456789":
                    continue
                keys = self._changed.get(shortcut.id, shortcut.keys).split(",")
                parts += _pair(" ".join(show_key(key) for key in keys), shortcut.text, column)
            parts.append(("\n", ""))
        topic = ""
        for row in ROWS:
            if row.topic != topic:
                parts.append((f"{'' if not topic else chr(10)}Commands: {row.topic}\n", "bold $accent"))
                topic = row.topic
            names = "".join(f", /{alias}" for alias in row.aliases)
            also = f" (also {names[2:]})" if names else ""
            parts += _pair(row.usage, row.help + also, column + 16 if wide else column)
        parts.append(("\nA text that begins with // is sent with one slash.\n\n", "$text-muted"))
        parts.append(("Signs\n", "bold $accent"))
        for sign, meaning in _SIGNS:
            parts += _pair(sign, meaning, column)
        return Content.assemble(*parts)


def _pair(left: str, right: str, column: int) -> list[tuple[str, str]]:
    gap = "\n" + " " * (column + 2) if len(left) > column else " " * (column - len(left))
    return [(f"  {left}", "bold $primary"), (f"{gap}{right}\n", "")]
