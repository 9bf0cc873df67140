"""What happened in a conversation other than messages, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from mrccsc_tui.state.models import FORMER, Notice


def describe(notice: Notice, name: Callable[[int], str], *, direct: bool = False) -> str:
    """One sentence; ``name`` gives what somebody is called, ``You`` for the user."""
    who = _capital(name(notice.by))
    whom = name(notice.user) if notice.user is not None else "somebody"
    whom = "you" if whom == "You" else whom
    match notice.kind:
        case "create":
            return "The chat begins here" if direct else f"{who} created the group"
        case "join":
            return f"{_capital(whom)} joined" if notice.reason != "invited" else f"{who} added {whom}"
        case "leave":
            if notice.reason == "left":
                return f"{_capital(whom)} left"
            return f"{who} {'banned' if notice.reason == 'banned' else 'removed'} {whom}"
        case "role":
            if notice.role == "owner":
                return f"{who} handed the group over to {whom}"
            if notice.role == "admin":
                return f"{who} made {whom} an admin"
            return f"{who} made {whom} a member again"
        case "change":
            return f"{who} {_changes(notice)}"
        case "unknown":
            return "Something that this version cannot show"
        case _:
            assert_never(notice.kind)


def _changes(notice: Notice) -> str:
    parts: list[str] = []
    if notice.title is not None:
        parts.append(f'changed the title to "{notice.title}"')
    if notice.topic is not None:
        parts.append(f'set the topic to "{notice.topic}"' if notice.topic else "removed the topic")
    if notice.visibility is not None:
        parts.append(f"made the group {notice.visibility}")
    return " and ".join(parts) or "changed the group"


def _capital(text: str) -> str:
    """As a sentence begins. A name stays as its owner writes it."""
    return text.capitalize() if text in ("you", "somebody", FORMER) else text
