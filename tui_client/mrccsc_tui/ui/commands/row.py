"""What a slash command is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from mrccsc_tui.ui.action_context import ActionContext, ActionError

Topic = Literal["people", "groups", "messages", "yourself"]
Wants = Literal["", "person", "group", "emoji", "command", "theme", "role", "level"]


class Command(NamedTuple):
    """One slash command. ``handler(context, words)`` gets what stands behind the name; ``wants`` is what Tab offers."""

    name: str
    usage: str
    help: str
    handler: Callable[[ActionContext, str], Awaitable[None]]
    topic: Topic
    aliases: tuple[str, ...] = ()
    wants: Wants = ""


def needed(words: str, usage: str) -> str:
    """The words, or a complaint that shows how the command is written."""
    if not words:
        raise ActionError(f"Usage: {usage}")
    return words


def first_word(words: str) -> tuple[str, str]:
    """The first word and the rest."""
    head, _, rest = words.partition(" ")
    return head, rest.strip()
