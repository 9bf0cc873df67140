"""Small dialogs: fill in a few fields, or say yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message as Event
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from mrccsc_tui.ui.keymap import CHOICES, FORMS, QUESTIONS, bindings
from mrccsc_tui.ui.widgets.field import TextField, enter, step_field
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.rows import Piece

Check = Callable[[str], object]
"""Raises an exception whose ``str()`` says what is wrong with a value."""


@dataclass(frozen=True)
class Field:
    """One line to fill in. ``choices``: the space bar and the arrows go through them."""

    name: str
    label: str
    value: str = ""
    placeholder: str = ""
    secret: bool = False
    required: bool = False
    choices: Sequence[str] = ()
    check: Check | None = None


class Choice(Static, can_focus=True):
    """One of a few words; the space bar and the arrows go through them."""

    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; padding: 0 1; background: $panel; color: $foreground; }
    Choice:focus { background: $primary 30%; text-style: bold; }
    """
    BINDINGS = bindings(CHOICES)

    @dataclass
    class Changed(Event):
        """Another word was taken."""

        choice: Choice
        value: str

        @property
        def control(self) -> Choice:
            """The widget, for ``@on`` with a selector."""
            return self.choice

    def __init__(self, choices: Sequence[str], value: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._choices = list(choices)
        self.value = value if value in self._choices else self._choices[0]

    def on_mount(self) -> None:
        """Show it."""
        self._say()

    def on_click(self) -> None:
        """A click is a step."""
        self.action_step(1)

    def action_step(self, step: int) -> None:
        """Take the next word."""
        self.value = self._choices[(self._choices.index(self.value) + step) % len(self._choices)]
        self._say()
        self.post_message(self.Changed(self, self.value))

    def _say(self) -> None:
        self.update(f"< {self.value} >")


class FormScreen(ModalScreen[dict[str, str] | None]):
    """Tab moves, Enter submits from any field, Esc leaves and changes nothing."""

    BINDINGS = bindings(FORMS)
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    FormScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 64;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary 60%;
            border-title-color: $primary;
            border-title-style: bold;
            padding: 1 2;
        }
        & Horizontal { height: auto; margin-bottom: 1; }
        & Label { width: 14; color: $text-muted; }
        & Input { border: none; height: 1; padding: 0 1; background: $panel; width: 1fr; }
        & Input:focus { border: none; background: $primary 20%; }
        & TextLine { padding: 0; }
    }
    """

    def __init__(self, title: str, fields: Sequence[Field], submit: str) -> None:
        super().__init__()
        self._title = title
        self._fields = fields
        self._submit = submit

    def compose(self) -> ComposeResult:
        """The fields and a line that says which keys work, or what is wrong."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            for field in self._fields:
                with Horizontal():
                    yield Label(field.label, markup=False)
                    if field.choices:
                        yield Choice(field.choices, field.value, id=field.name)
                    else:
                        yield TextField(
                            field.value, placeholder=field.placeholder, password=field.secret, id=field.name
                        )
            yield TextLine(id="say")

    def on_mount(self) -> None:
        """Begin with the first field."""
        enter(self.query("Choice, Input").first(Widget))
        self._tell()

    def action_submit(self) -> None:
        """Hand the values back, once they are right."""
        values: dict[str, str] = {}
        for field in self._fields:
            widget = self.query_one(f"#{field.name}", Widget)
            value = widget.value if isinstance(widget, (Input, Choice)) else ""
            value = value if field.secret else value.strip()
            problem = self._problem(field, value)
            if problem:
                self.query_one(TextLine).show([(problem, "bad")])
                enter(widget)
                return
            values[field.name] = value
        self.dismiss(values)

    def action_field(self, step: int) -> None:
        """The next field, or the one before."""
        step_field(list(self.query("Choice, Input")), step)

    def action_leave(self) -> None:
        """Esc."""
        self.dismiss(None)

    def on_input_submitted(self) -> None:
        """Enter in a field, after all that was typed before it."""
        self.action_submit()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A complaint is over once something is typed."""
        if event.input.has_focus:
            self._tell()

    def _tell(self) -> None:
        self.query_one(TextLine).show(_keys(self._submit, "cancel"))

    def _problem(self, field: Field, value: str) -> str:
        if not value:
            return f"{field.label} is needed." if field.required else ""
        if field.check is not None:
            try:
                field.check(value)
            except Exception as error:  # noqa: BLE001 - any check says in its own words what is wrong
                return str(error)
        return ""


class ConfirmScreen(ModalScreen[bool]):
    """One question before something that cannot be taken back."""

    BINDINGS = bindings(QUESTIONS)
    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 60;
            max-width: 100%;
            height: auto;
            background: $surface;
            border: round $warning 70%;
            padding: 1 2;
        }
        & Static { height: auto; margin-bottom: 1; }
        & TextLine { padding: 0; }
    }
    """

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question and the two keys."""
        with Vertical():
            yield Static(self._question, markup=False)
            yield TextLine(id="say")

    def on_mount(self) -> None:
        """Say which keys answer."""
        self.query_one(TextLine).show(_keys(self._yes, "do nothing"))

    def action_answer(self, yes: bool) -> None:
        """The answer."""
        self.dismiss(yes)


def _keys(enter: str, escape: str) -> list[Piece]:
    return [("Enter ", "key"), (f"{enter}   ", "dim"), ("Esc ", "key"), (escape, "dim")]
