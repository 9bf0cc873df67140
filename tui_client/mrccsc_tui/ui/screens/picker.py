"""Choose one of many by typing a part of it: conversations, people, groups, emoji, themes, search hits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from mrccsc_tui.client import RequestError
from mrccsc_tui.ui.keymap import LISTS, bindings
from mrccsc_tui.ui.widgets.field import TextField, enter
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.rows import ListRow, Piece, RowList

log = logging.getLogger(__name__)

_PAUSE = 0.15
"""Seconds without a key before a server is asked."""


class Option(NamedTuple):
    """Something to choose. ``text`` is what typing is compared with."""

    key: str
    text: str
    lines: tuple[tuple[Piece, ...], ...]


class Page(NamedTuple):
    """Options found, and where the next page begins when there is one."""

    options: Sequence[Option]
    cursor: str | None = None


@dataclass(frozen=True)
class Picker:
    """What is asked, and where the options come from: a list that is filtered here, or a search elsewhere.

    ``search(query, cursor)`` is asked while one types. ``free``: Enter gives what was typed when nothing fits it, as
    ``"=" + text``.
    """

    title: str
    placeholder: str = "type to filter"
    options: Sequence[Option] = ()
    search: Callable[[str, str | None], Awaitable[Page]] | None = None
    query: str = ""
    empty: str = "nothing fits"
    free: bool = False
    initial: str | None = None
    numbered: bool = False
    """Typing only the number of an option chooses it."""

    preview: Callable[[str], None] | None = field(default=None, repr=False)
    """Called with the key under the cursor."""


class PickerScreen(ModalScreen[str | None]):
    """Typing narrows, the arrows move, Enter chooses, Esc leaves."""

    BINDINGS = bindings(LISTS)
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    PickerScreen {
        align: center top;
        background: $background 60%;
        & > Vertical {
            width: 72;
            max-width: 100%;
            height: auto;
            max-height: 90%;
            margin-top: 2;
            background: $surface;
            border: round $primary 60%;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 0 1;
        }
        & Input { border: none; height: 1; background: $surface; padding: 0 1; margin-bottom: 1; }
        & Input:focus { border: none; background: $panel; }
        & RowList { height: auto; max-height: 20; background: $surface; }
        & TextLine { color: $text-muted; }
    }
    PickerScreen.-narrow > Vertical { width: 100%; margin-top: 0; max-height: 100%; }
    """

    def __init__(self, picker: Picker, *, bar: str = "▌") -> None:
        super().__init__()
        self._picker = picker
        self._bar = bar
        self._shown: list[Option] = []
        self._cursor: str | None = None
        self._typed = picker.query
        self._asked = ""
        self._loading = False
        self._failed = False
        """The last question was not answered: Enter asks it again."""
        self._moved = False
        """The arrows were used since something was typed: Enter means what is under the cursor."""
        self._hurried = False
        """Enter was pressed before the results for what is typed had come."""

    def compose(self) -> ComposeResult:
        """A field to type in, and the list."""
        with Vertical() as box:
            box.border_title = Content(self._picker.title)
            box.border_subtitle = "Enter chooses, Esc closes"
            yield TextField(self._picker.query, placeholder=self._picker.placeholder, id="query")
            yield RowList(bar=self._bar, always=True, id="options")
            yield TextLine(id="note")

    def on_mount(self) -> None:
        """Show what there is before anything is typed."""
        self.query_one(RowList).can_focus = False
        enter(self.query_one(Input))
        self._narrow(self._picker.query)
        if self._picker.initial is not None:
            self._rows.move_to(self._picker.initial)

    @property
    def _rows(self) -> RowList:
        return self.query_one(RowList)

    @on(Input.Changed)
    def retype(self, event: Input.Changed) -> None:
        """Something was typed."""
        event.stop()
        self._catch_up()

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Enter in the field, after all that was typed before it."""
        event.stop()
        self.action_choose()

    @on(RowList.Chosen)
    def take(self, event: RowList.Chosen) -> None:
        """A click."""
        event.stop()
        self.dismiss(str(event.key))

    @on(RowList.Moved)
    def peek(self, event: RowList.Moved) -> None:
        """Preview, and fetch more at the end."""
        event.stop()
        if self._picker.preview is not None:
            self._picker.preview(str(event.key))
        if self._shown and event.key == self._shown[-1].key and self._cursor is not None and not self._loading:
            self._ask(self._asked, self._cursor)

    def action_move(self, step: int) -> None:
        """Up and down."""
        self._catch_up()
        self._moved = True
        self._rows.move(step)

    def action_choose(self) -> None:
        """Enter."""
        self._catch_up()
        typed = self.query_one(Input).value.strip()
        if self._failed:
            self._ask(typed, None)
        elif self._picker.search is not None and typed != self._asked and not self._moved:
            self._hurried = True
        elif (number := self._number(typed)) is not None:
            self.dismiss(self._picker.options[number - 1].key)
        elif self._rows.cursor is not None:
            self.dismiss(str(self._rows.cursor))
        elif self._picker.free and typed:
            self.dismiss(f"={typed}")

    def action_close(self) -> None:
        """Esc."""
        self.dismiss(None)

    def _catch_up(self) -> None:
        """Narrow, or ask again, by what is typed: a key may be ahead of the word that the text has changed."""
        typed = self.query_one(Input).value
        if typed != self._typed:
            self._typed = typed
            self._moved = self._hurried = False
            self._narrow(typed)

    def _narrow(self, query: str) -> None:
        if self._picker.search is not None:
            self._ask(query.strip(), None)
            return
        query = query.strip()
        if self._number(query) is not None:
            self._show(list(self._picker.options), query)
            return
        scored = [(fuzzy(query, option.text), index) for index, option in enumerate(self._picker.options)]
        found = sorted((-score, index) for score, index in scored if score is not None)
        self._show([self._picker.options[index] for _, index in found], query)

    def _number(self, typed: str) -> int | None:
        """Which option a number means; one that there is not is a part of a name."""
        if not (self._picker.numbered and typed.isascii() and typed.isdigit() and len(typed) < 5):
            return None
        return int(typed) if 1 <= int(typed) <= len(self._picker.options) else None

    def _ask(self, query: str, cursor: str | None) -> None:
        self._loading, self._failed = True, False
        # Not a coroutine: a worker that is cancelled before it began would leave it behind, never awaited.
        fetch = partial(self._fetch, query, cursor)
        _: Worker[None] = self.run_worker(fetch, group="picker", exclusive=True, exit_on_error=False)

    async def _fetch(self, query: str, cursor: str | None) -> None:
        search = self._picker.search
        if search is None:
            return
        if cursor is None and query != self._picker.query:
            await asyncio.sleep(_PAUSE)
        try:
            page = await search(query, cursor)
        except RequestError as error:
            self._fail(str(error))
            return
        self._loading = False
        self._asked, self._cursor = query, page.cursor
        self._show([*(self._shown if cursor else []), *page.options], query)
        if self._hurried:
            self.action_choose()

    def _show(self, options: list[Option], query: str, note: str = "") -> None:
        self._shown = options
        width = len(str(min(len(options), 9)))
        rows = []
        for number, option in enumerate(options, 1):
            lines = option.lines
            if self._picker.numbered:
                mark = f"{number:>{width}} " if number < 10 else " " * (width + 1)
                lines = (((mark, "dim"), *lines[0]), *lines[1:])
            rows.append(ListRow(option.key, lines))
        self._rows.set_rows(rows, cursor=options[0].key if options and not self._loading else None)
        if not note and not options:
            note = self._picker.empty if query or self._picker.search is None else ""
            if self._picker.free and query:
                note = f'Enter takes "{query}"'
        line = self.query_one(TextLine)
        line.display = bool(note)
        line.show([(note, "dim")])

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A failed search is told where its results would be. One that gave way to the next also has an error."""
        if event.state is WorkerState.ERROR:
            log.error("a search failed", exc_info=event.worker.error)
            self._fail("The search failed; Enter tries again.")

    def _fail(self, why: str) -> None:
        # An Enter before this is answered by it: what the next try finds is shown before it is chosen from.
        self._loading, self._failed, self._hurried = False, True, False
        self._show([], "", why)


def fuzzy(query: str, text: str) -> int | None:
    """How well ``query`` fits ``text``: higher is better, ``None`` when its letters do not appear in order."""
    if not query:
        return 0
    query, text = query.casefold(), text.casefold()
    place = text.find(query)
    if place >= 0:
        starts = place == 0 or not text[place - 1].isalnum()
        return 1000 - place + (500 if starts else 0)
    at = -1
    score = 0
    for letter in query:
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        score -= found - at - 1
        at = found
    return score
