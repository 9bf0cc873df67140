"""Where one types: the text area, the completion of words, and what was sent before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from textual import events
from textual.message import Message as Event
from textual.widgets import TextArea

from mrccsc_tui import sanitize
from mrccsc_tui.ui.keymap import COMPOSER, actions

_REMEMBERED = 100

_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")

Completer = Callable[[str, str], list[str]]
"""``(line, its last word) → what may stand in the word's place``."""


class Composer(TextArea):
    """Enter sends. Text leaves it only by being sent or taken away by the person who typed it."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        /* A new size is laid out before the panels make room: a text area of no width at all cannot be painted. */
        min-width: 8;
        min-height: 3;
        max-height: 10;
        border: round $border;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border: round $primary 70%; }
        &.-reply, &.-edit { border: round $accent 70%; }
        & .text-area--cursor-line { background: $background; }
    }
    """

    class Typed(Event):
        """The text changed by the person's hand."""

    def __init__(self, complete: Completer, changed: Mapping[str, str]) -> None:
        super().__init__(
            id="composer",
            soft_wrap=True,
            show_line_numbers=False,
            tab_behavior="focus",
            highlight_cursor_line=False,
        )
        self.cursor_blink = False
        self._complete = complete
        self._actions = actions(COMPOSER, changed)
        self._sent: list[str] = []
        self._recalled: int | None = None
        self._unsent = ""
        self._candidates: list[str] = []
        self._candidate = 0
        self._span: tuple[int, int, int] | None = None

    @property
    def draft(self) -> str:
        """What is being typed, also while one looks at what was sent before."""
        looking = self._recalled is not None and self.text == self._sent[self._recalled]
        return self._unsent if looking else self.text

    def put(self, text: str) -> None:
        """Replace the text without it counting as typed; the cursor stands at the end."""
        if self._recalled is not None:
            self._recalled = None
            if text != self._unsent:
                self.keep(self._unsent)
        self._show(text)

    def keep(self, text: str) -> None:
        """Remember a text for Ctrl+↑."""
        if text.strip() and (not self._sent or self._sent[-1] != text):
            self._sent.append(text)
        if self._recalled is None:
            del self._sent[:-_REMEMBERED]

    def insert_text(self, text: str) -> None:
        """Put text where the cursor is."""
        self.insert(text)

    async def action_send(self) -> None:
        """Send what is typed, before the next key is looked at: that may lead to another conversation."""
        await self.run_action("screen.submit")

    def take(self) -> str:
        """Empty the composer. The result is what was typed, without the blank lines around it that a paste may bring.

        A text that is blank stays, and the result is empty. Give back what cannot be sent.
        """
        text = _without_blank_edges(self.text)
        if text:
            self.put("")
        return text

    def give_back(self, text: str) -> None:
        """Put a text that was taken back, before what was typed since."""
        self.put(f"{text}\n{self.text}" if self.text.strip() else text)

    def action_newline(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    def action_recall(self, step: int) -> None:
        """Go through what was sent before; beyond the last stands what was being typed. Changes to either are kept."""
        last = len(self._sent)
        line = (last if self._recalled is None else self._recalled) + step
        if not 0 <= line <= last:
            return
        changed = self._recalled is not None and self.text != self._sent[self._recalled]
        if changed:
            self.keep(self.text)
        elif self._recalled is None:
            self._unsent = self.text
        self._recalled = line if line < last else None
        self._show(self._unsent if self._recalled is None else self._sent[line])
        if changed:
            self.post_message(self.Typed())

    def action_clear(self) -> None:
        """Empty the composer; the text is kept."""
        text = self.text
        self.put("")
        self.keep(text)
        self.post_message(self.Typed())

    async def action_select_or_up(self) -> None:
        """Select a message when there is nothing typed, else move up a line."""
        if self.text:
            self.action_cursor_up()
        else:
            await self.run_action("screen.select_last")

    def action_complete(self) -> None:
        """Complete the word before the cursor; again for the next that fits."""
        row, column = self.cursor_location
        if self._span is not None and self._span[0] == row and self._span[2] == column and len(self._candidates) > 1:
            self._candidate = (self._candidate + 1) % len(self._candidates)
            start = self._span[1]
        else:
            line = self.document.get_line(row)[:column]
            start = max(line.rfind(" "), line.rfind("\t")) + 1
            self._candidates = self._complete(line, line[start:])
            self._candidate = 0
        if not self._candidates:
            self._forget_completion()
            return
        chosen = self._candidates[self._candidate]
        ending = " " if len(self._candidates) == 1 else ""
        self.replace(chosen + ending, (row, start), (row, column))
        self._span = (row, start, start + len(chosen) + len(ending))

    def on_text_area_changed(self) -> None:
        """Any change by hand."""
        self.post_message(self.Typed())

    async def _on_key(self, event: events.Key) -> None:
        # Not by bindings: a text area takes some of these keys for itself before it comes to those.
        action = self._actions.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    async def _on_paste(self, event: events.Paste) -> None:
        text = sanitize.text(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        event.stop()
        event.prevent_default()
        self._replace_via_keyboard(text, *self.selection)

    def _show(self, text: str) -> None:
        with self.prevent(TextArea.Changed):
            self.text = text
        self.move_cursor(self.document.end)
        self._forget_completion()

    def _forget_completion(self) -> None:
        self._candidates = []
        self._span = None


def _without_blank_edges(text: str) -> str:
    """A text without what is blank before its first line and after its last word."""
    return _BLANK_LINES.sub("", text.rstrip())
