"""The two lines at the bottom: how the connection stands, in words, and which keys work where one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rich.cells import cell_len
from textual.timer import Timer

from mrccsc_tui.client import ChatClient
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import hints
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.rows import Piece
from mrccsc_tui.ui.widgets.sidebar import summary

_ANYWHERE = ("app-help", "panel-sidebar", "conversation-switch", "search-here", "panel-members")

_TICK = 1.0
"""Seconds between two looks at the clock, while the next try is being waited for and only then."""


class StatusLine(TextLine):
    """``connected to n1``, ``offline, next try in 4 s, 2 messages waiting``."""

    DEFAULT_CSS = """
    StatusLine { background: $panel; }
    """

    def __init__(self, client: ChatClient, glyphs: Glyphs) -> None:
        super().__init__(id="status")
        self._client = client
        self._glyphs = glyphs
        self._tick: Timer | None = None

    def refresh_words(self) -> None:
        """Look again; counts down by itself while offline."""
        client = self._client
        status = client.status
        style = "online" if status.online else "bad" if status.phase in ("offline", "stopped") else "away"
        sign = self._glyphs.presence["online" if status.online else "offline"]
        # On a narrow terminal what matters comes first; /status says why.
        brief = status if self.app.size.width >= 80 else replace(status, reason=None)
        pieces: list[Piece] = [(f"{sign} ", style), (brief.words(client.now()), "text" if status.online else style)]
        me = client.store.me
        if me is not None:
            mine = client.store.my_presence
            how = f" ({mine.status})" if mine is not None and mine.status in ("away", "dnd") else ""
            pieces.append((f"  {self._glyphs.dot} {me.username}{how}", "dim"))
        if rest := summary(client.store):
            pieces.append((f"  {self._glyphs.dot} {rest}", "accent"))
        room = self.app.size.width - 2
        while len(pieces) > 2 and sum(cell_len(text) for text, _ in pieces) > room:
            # What is unread matters more than one's own name.
            del pieces[2]
        self.show(pieces)
        waiting = status.phase == "offline" and status.next_try_at is not None
        if waiting and self._tick is None:
            self._tick = self.set_interval(_TICK, self.refresh_words)
        elif not waiting and self._tick is not None:
            self._tick.stop()
            self._tick = None


class HintLine(TextLine):
    """The keys of the place where the focus is."""

    DEFAULT_CSS = """
    HintLine { background: $panel; color: $text-muted; }
    """

    def __init__(self, changed: Mapping[str, str], glyphs: Glyphs) -> None:
        super().__init__(id="hints")
        self._glyphs = glyphs
        self._changed = changed
        self._shown: list[tuple[str, str]] = []

    def show_shortcuts(self, ids: Iterable[str], *, anywhere: Iterable[str] = _ANYWHERE) -> None:
        """Show the keys with these ids, then those that work ``anywhere`` on the screen."""
        shown = hints((*ids, *anywhere), self._changed, self._glyphs)
        self._shown = shown
        self._fit()

    def on_resize(self) -> None:
        """Show as many as there is room for, and none by half."""
        self._fit()

    def _fit(self) -> None:
        room = self.content_size.width
        pieces: list[Piece] = []
        for key, word in self._shown:
            room -= cell_len(key) + len(word) + 1
            if room < 0:
                break
            room -= 2
            pieces += [(key, "key"), (f" {word}  ", "dim")]
        self.show(pieces)
