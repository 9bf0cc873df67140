"""A message found far back in the history, among what stands around it; apart from the conversation's tail."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from mrccsc_tui.state.models import HistoryPage
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import READING, bindings
from mrccsc_tui.ui.widgets.timeline import Roll, Scene, Timeline


class ExcerptScreen(ModalScreen[None]):
    """A page of history around one message, to read; Esc leaves."""

    BINDINGS = bindings(READING)
    DEFAULT_CSS = """
    ExcerptScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 92%;
            height: 90%;
            border: round $primary 60%;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
        }
    }
    """

    def __init__(self, store: Store, page: HistoryPage, seq: int, glyphs: Glyphs, zone: tzinfo | None) -> None:
        super().__init__()
        self._roll = Roll(Scene(store, page.conv, glyphs=glyphs, zone=zone), page.rows)
        self._seq = seq

    def compose(self) -> ComposeResult:
        """A timeline of its own."""
        with Vertical() as box:
            box.border_title = "Earlier in the history"
            box.border_subtitle = "Esc closes"
            yield Timeline(id="excerpt")

    def on_mount(self) -> None:
        """Show the message."""
        self.call_after_refresh(self._show)

    def action_close(self) -> None:
        """Esc."""
        self.dismiss(None)

    def action_line(self, step: int) -> None:
        """A message up or down."""
        self.query_one(Timeline).action_select(step)

    def action_page(self, step: int) -> None:
        """A page up or down."""
        self.query_one(Timeline).page(step)

    def _show(self) -> None:
        timeline = self.query_one(Timeline)
        timeline.show(self._roll)
        timeline.go_to(self._seq)
        timeline.focus()
