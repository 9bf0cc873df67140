"""What may stand in the place of a half-typed word: commands, ``@names``, ``#groups``, ``:emoji:``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.commands.table import BY_NAME, ROWS
from mrccsc_tui.ui.emoji import NAMES
from mrccsc_tui.ui.words import contacts, ordered

_AT_MOST = 50


def complete(store: Store, conv: int | None, line: str, word: str, themes: Sequence[str] = ()) -> list[str]:
    """Words that begin like ``word``, the last one of ``line``, best first."""
    if word == line and word.startswith("/"):
        return _commands(word[1:])
    if word.startswith("@"):
        return [f"@{name}" for name in _starting(_names(store, conv), word[1:])]
    if word.startswith(":") and len(word) > 1:
        return [NAMES[name] for name in _starting(NAMES, word[1:].rstrip(":"))]
    head = line.split(" ", 1)[0]
    command = BY_NAME.get(head[1:].lower()) if head.startswith("/") else None
    if command is None:
        return []
    if command.name == "role" and line.count(" ") > 1:
        return _starting(("owner", "admin", "member"), word)
    match command.wants:
        case "person":
            return _starting(_names(store, conv), word)
        case "group":
            return _conversations(store, word)
        case "command":
            return [row.name for row in ROWS if row.name.startswith(word.removeprefix("/"))]
        case "theme":
            return _starting(themes, word)
        case "level":
            return _starting(("all", "mentions", "none"), word)
        case "emoji":
            return _starting(NAMES, word)
    return []


def _commands(beginning: str) -> list[str]:
    return [f"/{name}" for name in _starting([row.name for row in ROWS], beginning.lower())]


def _names(store: Store, conv: int | None) -> list[str]:
    """User names: members of the open group first, then friends, then everybody known."""
    names: dict[str, None] = {}
    members = store.members(conv) if conv is not None else None
    for member in (members or {}).values():
        names[member.person.username] = None
    conversation = store.conversations.get(conv) if conv is not None else None
    if conversation is not None and conversation.peer is not None:
        names[store.person(conversation.peer).username] = None
    for contact in contacts(store, "friend", "incoming", "outgoing", "blocked"):
        names[contact.person.username] = None
    for person in store.people.values():
        names[person.username] = None
    if store.me is not None:
        names.pop(store.me.username, None)
    names.pop("", None)
    return list(names)


def _conversations(store: Store, beginning: str) -> list[str]:
    found: list[str] = []
    for conversation in ordered(store):
        if conversation.kind == "group":
            found.append(f"#{conversation.title}")
        elif conversation.peer is not None and (name := store.person(conversation.peer).username):
            found.append(f"@{name}")
    plain = beginning.lstrip("#@").casefold()
    return [name for name in found if name[1:].casefold().startswith(plain)][:_AT_MOST]


def _starting(names: Iterable[str], beginning: str) -> list[str]:
    return [name for name in names if name.startswith(beginning.lower())][:_AT_MOST]
