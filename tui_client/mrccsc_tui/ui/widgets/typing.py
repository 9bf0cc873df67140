"""The line between the timeline and the composer: who is typing, and whether there is something newer below."""

from __future__ import annotations

from textual.timer import Timer

from mrccsc_tui.state.models import Message
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.bridge import LogDigest
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.rows import Piece

TYPING_LASTS = 5.0
"""Seconds after which somebody who was typing is not any more."""


class TypingLine(TextLine):
    """Says what is going on in the open conversation. A timer runs only while somebody is typing."""

    def __init__(self, store: Store, glyphs: Glyphs) -> None:
        super().__init__(id="typing")
        self._store = store
        self._glyphs = glyphs
        self._conv: int | None = None
        self._typing: dict[int, dict[int, Timer]] = {}
        self._scrolled = False
        self._warning = ""

    def open(self, conv: int | None) -> None:
        """Speak of another conversation."""
        self._conv = conv
        self._scrolled = False
        self._warning = ""
        self._say()

    def began(self, conv: int, user: int) -> None:
        """Somebody is typing."""
        users = self._typing.setdefault(conv, {})
        if user in users:
            users[user].stop()
        users[user] = self.set_timer(TYPING_LASTS, lambda: self._ended(conv, user))
        self._say()

    def heard(self, conv: int, digest: LogDigest) -> None:
        """Messages came: their authors are not typing any more."""
        if not self._typing.get(conv):
            return
        for first, last in digest.arrived:
            for seq in range(max(first, last - 50), last + 1):
                message = self._store.message(conv, seq)
                if isinstance(message, Message):
                    self._ended(conv, message.by)

    def show_scrolled(self, scrolled: bool) -> None:
        """The newest message is out of view, or in it."""
        self._scrolled = scrolled
        self._say()

    def warn(self, text: str) -> None:
        """Say something about what is being typed; nothing with the empty string."""
        if text != self._warning:
            self._warning = text
            self._say()

    def _ended(self, conv: int, user: int) -> None:
        timer = self._typing.get(conv, {}).pop(user, None)
        if timer is not None:
            timer.stop()
        self._say()

    def _say(self) -> None:
        pieces: list[Piece] = []
        if self._warning:
            pieces.append((f"{self._warning}  ", "accent"))
        if self._scrolled:
            pieces += [(f"{self._glyphs.down} ", "dim"), ("Ctrl+End", "key"), (" goes to the newest  ", "dim")]
        users = list(self._typing.get(self._conv, {})) if self._conv is not None else []
        if users:
            names = [self._store.person(user).display_name for user in users[:3]]
            who = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
            if len(users) > 3:
                who = f"{len(users)} people"
            pieces.append((f"{who} {'is' if len(users) == 1 else 'are'} typing{self._glyphs.ellipsis}", "dim"))
        self.show(pieces)
