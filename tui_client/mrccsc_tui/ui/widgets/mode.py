"""The line above the composer while what is typed is more than something new to say."""

from __future__ import annotations

from mrccsc_tui.state.models import Message
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.timeline.wrap import clip


class ModeLine(TextLine):
    """``Answering Bob`` or ``Editing``, and the message that it is about."""

    def __init__(self, store: Store, glyphs: Glyphs) -> None:
        super().__init__(id="mode")
        self._store = store
        self._glyphs = glyphs
        self._answered: Message | None = None

    def remember(self, message: Message) -> None:
        """An answer to this begins. It may not be held: it was found far back in the history."""
        self._answered = message

    def editing(self, message: Message) -> None:
        """What is typed replaces the text of this message."""
        self._say("Editing", message)

    def answering(self, conv: int, seq: int) -> None:
        """What is typed answers this message."""
        message, seen, me = self._store.message(conv, seq), self._answered, self._store.me
        if message is None and seen is not None and (seen.conv, seen.seq) == (conv, seq):
            message = seen
        if message is None:
            whom = "an earlier message"
        elif me is not None and me.user == message.by:
            whom = "yourself"
        else:
            whom = self._store.person(message.by).display_name
        self._say(f"Answering {whom}", message)

    def _say(self, what: str, message: Message | None) -> None:
        text = "" if message is None else clip(message.text, 200, self._glyphs.ellipsis)
        self.show([(what, "accent"), ("  Esc ", "key"), ("cancels  ", "dim"), (text, "dim")])
