"""The table of slash commands: one row for each, by name and by its other names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mrccsc_tui.ui.commands import groups, messages, people, session
from mrccsc_tui.ui.commands.row import Command

ROWS: tuple[Command, ...] = (*people.ROWS, *groups.ROWS, *messages.ROWS, *session.ROWS)


class Plain(NamedTuple):
    """A text to be sent as it is."""

    text: str


class Call(NamedTuple):
    """A command and the words after it."""

    command: Command
    words: str


class Unknown(NamedTuple):
    """A line that looks like a command and is none: it must not be sent by accident."""

    name: str


def _index(rows: Iterable[Command]) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for row in rows:
        for name in (row.name, *row.aliases):
            if name in found:
                raise ValueError(f"two commands are called {name}")
            found[name] = row
    return found


BY_NAME = _index(ROWS)


def read(text: str) -> Plain | Call | Unknown:
    """What a typed text means. ``//`` begins a text with one slash."""
    if text.startswith("//"):
        return Plain(text[1:])
    if not text.startswith("/"):
        return Plain(text)
    head, _, rest = text[1:].partition("\n") if "\n" in text.split(" ", 1)[0] else text[1:].partition(" ")
    command = BY_NAME.get(head.lower())
    if command is None:
        return Unknown(head)
    return Call(command, rest.strip())


def reference() -> str:
    """All commands as a Markdown table."""
    lines = ["| command | what it does |", "|---|---|"]
    for row in ROWS:
        names = "".join(f", `/{alias}`" for alias in row.aliases)
        usage = row.usage.replace("|", "\\|")
        lines.append(f"| `{usage}`{names} | {row.help} |")
    return "\n".join(lines) + "\n"
