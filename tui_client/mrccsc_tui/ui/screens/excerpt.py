"""A message found far back in the history, among what stands around it; apart from the conversation's tail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from mrccsc_tui.client import RequestError
from mrccsc_tui.state.changes import Change, PendingChanged, Settled
from mrccsc_tui.state.models import HistoryPage
from mrccsc_tui.ui.acts import messages
from mrccsc_tui.ui.keymap import READING, bindings
from mrccsc_tui.ui.screens import routes
from mrccsc_tui.ui.widgets.status import HintLine
from mrccsc_tui.ui.widgets.timeline import RowRenderer, Timeline, TimelineRows

if TYPE_CHECKING:
    from mrccsc_tui.ui.screens.action_screen import ActionScreen

_LEAVES = ("reply", "edit", "quote", "unread", "origin")
"""What goes on in the conversation itself."""


class ExcerptScreen(ModalScreen[None]):
    """A page of history around one message. What is done to a message is done as on the main screen; Esc leaves."""

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
        & > HintLine { dock: bottom; }
    }
    """

    def __init__(self, context: ActionScreen, page: HistoryPage, seq: int) -> None:
        super().__init__()
        self._main = context
        self._page = page
        self._seq = seq
        self._unsubscribe: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """A timeline of its own."""
        with Vertical() as box:
            box.border_title = "Earlier in the history"
            box.border_subtitle = "Esc closes"
            yield Timeline(id="excerpt")
        yield HintLine(self._main.options.keys, self._main.glyphs)

    def on_mount(self) -> None:
        """Show the message."""
        self._unsubscribe = self._main.client.subscribe(self._follow)
        self.call_after_refresh(self._show)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    @on(Timeline.Acted)
    def act_on_message(self, event: Timeline.Acted) -> None:
        """A key on the selected message."""
        self._main.act(self._act(event))

    @on(Timeline.LinkOpened)
    def open_link(self, event: Timeline.LinkOpened) -> None:
        """A click on a link."""
        self._main.act(messages.open_url(self._main, event.url))

    @on(Timeline.Selected)
    def hint(self) -> None:
        """Say which keys work here."""
        self.query_one(HintLine).show_shortcuts((*self.query_one(Timeline).useful(), "reading-close"), anywhere=())

    def action_close(self) -> None:
        """Esc."""
        self.dismiss(None)

    def action_line(self, step: int) -> None:
        """A message up or down."""
        self.query_one(Timeline).action_select(step)

    def action_page(self, step: int) -> None:
        """A page up or down."""
        self.query_one(Timeline).page(step)

    async def _act(self, event: Timeline.Acted) -> None:
        await routes.message(self._main, event.action, event.item)
        if event.action in _LEAVES:
            self.dismiss(None)

    def _follow(self, changes: Sequence[Change]) -> None:
        """Show what is on its way, and the page as it is once something of it is stored."""
        if any(isinstance(change, Settled) and change.conv == self._page.conv for change in changes):
            self.run_worker(self._load_again(), group="excerpt", exclusive=True, exit_on_error=False)
        elif any(isinstance(change, PendingChanged) and change.conv == self._page.conv for change in changes):
            self.query_one(Timeline).take_in()

    async def _load_again(self) -> None:
        selected = self.query_one(Timeline).selected
        self._seq = getattr(selected, "seq", self._seq)
        try:
            self._page = await self._main.client.load_around(self._page.conv, self._seq)
        except RequestError:
            return
        self._show()

    def _show(self) -> None:
        context, timeline = self._main, self.query_one(Timeline)
        renderer = RowRenderer(context.client.store, self._page.conv, glyphs=context.glyphs, zone=context.zone)
        timeline.show(TimelineRows(renderer, self._page.rows))
        timeline.go_to(self._seq)
        timeline.focus()
