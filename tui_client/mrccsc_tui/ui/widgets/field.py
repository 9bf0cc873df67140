"""One line to type in, and how keys lead to it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget
from textual.widgets import Input
from textual.widgets._input import InputType


class TextField(Input):
    """An input whose text is not selected by the focus but by :func:`enter`, and whose cursor does not blink.

    The focus is told to it through its queue, when the next keys may be in the text already: these would be selected
    too, and replaced by the one after them.
    """

    def __init__(
        self,
        value: str = "",
        *,
        placeholder: str = "",
        password: bool = False,
        type: InputType = "text",  # noqa: A002
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(value, placeholder=placeholder, password=password, type=type, id=id, select_on_focus=False)
        self.cursor_blink = False


def enter(field: Widget) -> None:
    """Put the cursor into a field at once; the next key replaces what is there. Does nothing where it is already."""
    if field.screen.focused is field:
        return
    field.screen.set_focus(field)
    if isinstance(field, Input):
        field.select_all()


def step_field(fields: Sequence[Widget], step: int) -> None:
    """Enter the next field, or the one before.

    In the order given: Textual goes by where fields stand, and those that appear just now stand nowhere until the next
    layout.
    """
    focused = fields[0].screen.focused
    place = fields.index(focused) if focused in fields else -1
    enter(fields[(place + step) % len(fields)])
