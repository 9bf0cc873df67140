"""Every key of the client, once: its id, default keys, and what it does.

The widgets take their bindings from here, the configuration changes keys by id (``[keys]``), and the key reference in
the help and in the documents is written from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from enum import Enum
from typing import NamedTuple, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.binding import Binding, BindingType

from mrccsc_tui.ui.glyphs import UNICODE, Glyphs


class Shortcut(NamedTuple):
    """A key binding. ``keys``: the default key first, then its twins, separated by commas.

    ``priority``: it wins over the widget that has the focus. ``hint``: a word for the hint line.
    """

    id: str
    keys: str
    action: str
    text: str
    hint: str = ""
    priority: bool = False


EVERYWHERE = "Everywhere"
MAIN = "Conversations"
COMPOSER = "Composer"
MESSAGE = "Selected message"
SIDEBAR = "Friends and groups"
MEMBERS = "Members"
LISTS = "Pickers and search"
FORMS = "Forms"
CHOICES = "Choices in forms"
QUESTIONS = "Questions"
READING = "Help and excerpts"
SIGN_IN = "Signing in"

SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    EVERYWHERE: (Shortcut("app-quit", "ctrl+q", "quit", "Quit", priority=True),),
    MAIN: (
        Shortcut("app-palette", "ctrl+p", "palette", "Command palette: everything by name", priority=True),
        Shortcut("app-help", "f1", "help", "Help; also ? outside the composer", "help", priority=True),
        Shortcut("app-help-mark", "question_mark", "help", "Help, outside the composer"),
        Shortcut("panel-sidebar", "f2", "sidebar", "Friends and groups; back to the chat", "lists", priority=True),
        Shortcut("panel-members", "f3", "members", "Members; back to the chat", "members", priority=True),
        Shortcut("search-everywhere", "f4", "search_everywhere", "Search everywhere", priority=True),
        Shortcut("search-here", "ctrl+f", "search_here", "Search in this conversation", "search", priority=True),
        Shortcut("conversation-switch", "ctrl+g", "switch", "Go to a conversation by name", "go to", priority=True),
        Shortcut("conversation-next", "alt+down,f8", "step(1)", "Next conversation", priority=True),
        Shortcut("conversation-previous", "alt+up,f7", "step(-1)", "Previous conversation", priority=True),
        Shortcut("conversation-unread", "alt+a,f6", "next_unread", "Next conversation with unread", priority=True),
        Shortcut("timeline-unread", "alt+u,f5", "first_unread", "First unread message", priority=True),
        *(
            Shortcut(
                f"conversation-{number}",
                f"alt+{number}",
                f"numbered({number})",
                f"Conversation {number} (twin: Ctrl+G, {number}, Enter)",
                priority=True,
            )
            for number in range(1, 10)
        ),
        Shortcut("timeline-up", "pageup", "page(-1)", "Scroll up", priority=True),
        Shortcut("timeline-down", "pagedown", "page(1)", "Scroll down", priority=True),
        Shortcut("timeline-newest", "ctrl+end", "newest", "Newest message", priority=True),
        Shortcut("timeline-oldest", "ctrl+home", "oldest", "Oldest message that is loaded", priority=True),
        Shortcut("app-cancel", "escape", "cancel", "Cancel; never destroys what was typed"),
    ),
    COMPOSER: (
        Shortcut("composer-send", "enter", "send", "Send", "send"),
        Shortcut("composer-newline", "alt+enter,ctrl+j,shift+enter", "newline", "New line", "new line"),
        Shortcut("composer-earlier", "ctrl+up", "recall(-1)", "What was sent before"),
        Shortcut("composer-later", "ctrl+down", "recall(1)", "What was sent after that"),
        Shortcut("composer-clear", "ctrl+l", "clear", "Empty the composer; its text is recalled like what was sent"),
        Shortcut("composer-complete", "tab", "complete", "Complete a /command, @name or :emoji:"),
        Shortcut("composer-select", "up", "select_or_up", "Select a message, from an empty composer", "select"),
    ),
    MESSAGE: (
        Shortcut("message-older", "k,up", "select(-1)", "Select the message before", "up"),
        Shortcut("message-newer", "j,down", "select(1)", "Select the message after", "down"),
        Shortcut("message-reply", "r", "message('reply')", "Reply", "reply"),
        Shortcut("message-edit", "e", "message('edit')", "Edit (own)", "edit"),
        Shortcut("message-delete", "d", "message('delete')", "Delete", "delete"),
        Shortcut("message-react", "colon", "message('react')", "React with an emoji", "react"),
        Shortcut("message-thumb", "plus", "message('thumb')", "Thumbs up", "thumbs up"),
        Shortcut("message-copy", "y", "message('copy')", "Copy the text", "copy"),
        Shortcut("message-quote", "greater_than_sign", "message('quote')", "Quote in the composer", "quote"),
        Shortcut("message-unread", "u", "message('unread')", "Mark unread from here", "unread"),
        Shortcut("message-open", "o", "message('open')", "Open the first link", "link"),
        Shortcut("message-origin", "enter", "message('origin')", "Go to the message that this one answers"),
        Shortcut("message-retry", "t", "message('retry')", "Try to send a failed message again", "try again"),
        Shortcut(
            "message-discard", "x", "message('discard')", "Discard a failed message; its text comes back", "discard"
        ),
    ),
    SIDEBAR: (
        Shortcut("sidebar-open", "enter,space", "open", "Open the conversation or answer the request", "open"),
        Shortcut("sidebar-add", "n", "people('add')", "Add a friend", "add friend"),
        Shortcut("sidebar-accept", "a", "people('accept')", "Accept a request", "accept"),
        Shortcut("sidebar-decline", "d", "people('decline')", "Decline a request, or take an own one back", "decline"),
        Shortcut("sidebar-block", "b", "people('block')", "Block or unblock", "block"),
        Shortcut("sidebar-remove", "x", "remove", "Remove the friend, or leave the group", "remove/leave"),
        Shortcut("sidebar-create", "c", "group('create')", "Create a group", "create group"),
        Shortcut("sidebar-find", "f", "group('find')", "Find and join public groups", "find group"),
        Shortcut("sidebar-invite", "i", "group('invite')", "Invite a friend to the group", "invite"),
        Shortcut("sidebar-settings", "t", "group('settings')", "Title, topic and visibility of the group", "settings"),
        Shortcut("sidebar-mute", "m", "mute", "Mute or unmute", "mute"),
        Shortcut("sidebar-down", "j,down", "cursor_down", "Down", ""),
        Shortcut("sidebar-up", "k,up", "cursor_up", "Up", ""),
    ),
    MEMBERS: (
        Shortcut("members-message", "enter", "member('message')", "Write to the friend", "write"),
        Shortcut("members-invite", "i", "member('invite')", "Invite a friend to the group", "invite"),
        Shortcut("members-add", "n", "member('add')", "Ask to be friends", "befriend"),
        Shortcut("members-role", "r", "member('role')", "Change the role", "role"),
        Shortcut("members-kick", "x", "member('kick')", "Remove from the group", "remove"),
        Shortcut("members-ban", "b", "member('ban')", "Ban from the group", "ban"),
        Shortcut("members-unban", "u", "member('unban')", "Lift a ban", "unban"),
        Shortcut("members-settings", "t", "member('settings')", "Title, topic and visibility of the group", "title"),
        Shortcut("members-down", "j,down", "cursor_down", "Down", ""),
        Shortcut("members-up", "k,up", "cursor_up", "Up", ""),
    ),
    LISTS: (
        Shortcut("picker-close", "escape", "close", "Close"),
        Shortcut("picker-down", "down,ctrl+n", "move(1)", "Down"),
        Shortcut("picker-up", "up", "move(-1)", "Up"),
        Shortcut("picker-choose", "enter", "choose", "Choose"),
    ),
    FORMS: (
        Shortcut("form-submit", "enter", "submit", "Submit, from any field"),
        Shortcut("form-cancel", "escape", "leave", "Cancel; nothing changes"),
        Shortcut("form-next", "tab,down", "field(1)", "Next field", priority=True),
        Shortcut("form-previous", "shift+tab,up", "field(-1)", "Previous field", priority=True),
    ),
    CHOICES: (
        Shortcut("choice-next", "space,right", "step(1)", "Next choice"),
        Shortcut("choice-previous", "left", "step(-1)", "Previous choice"),
    ),
    QUESTIONS: (
        Shortcut("question-yes", "enter,y", "answer(True)", "Yes"),
        Shortcut("question-no", "escape,n", "answer(False)", "No"),
    ),
    SIGN_IN: (
        Shortcut("signin-submit", "enter", "submit", "Sign in, or make the account, from any field"),
        Shortcut("signin-next", "tab,down", "field(1)", "Next field", priority=True),
        Shortcut("signin-previous", "shift+tab,up", "field(-1)", "Previous field", priority=True),
    ),
    READING: (
        Shortcut("reading-close", "escape,f1,q", "close", "Close", "close", priority=True),
        Shortcut("reading-down", "down,j", "line(1)", "Down"),
        Shortcut("reading-up", "up,k", "line(-1)", "Up"),
        Shortcut("reading-page-down", "pagedown,space", "page(1)", "A page down", priority=True),
        Shortcut("reading-page-up", "pageup", "page(-1)", "A page up", priority=True),
    ),
}


_BY_ID = {shortcut.id: shortcut for shortcuts in SHORTCUTS.values() for shortcut in shortcuts}


def bindings(place: str) -> list[BindingType]:
    """The bindings of one place, for a widget's ``BINDINGS``."""
    return [
        Binding(shortcut.keys, shortcut.action, shortcut.text, show=False, priority=shortcut.priority, id=shortcut.id)
        for shortcut in SHORTCUTS[place]
    ]


def actions(place: str, changed: Mapping[str, str]) -> dict[str, str]:
    """Keys and the actions they mean in one place, for a widget that handles its keys itself, in their order."""
    return {
        key.strip(): shortcut.action
        for shortcut in SHORTCUTS[place]
        for key in changed.get(shortcut.id, shortcut.keys).split(",")
    }


def hints(ids: Iterable[str], changed: Mapping[str, str], glyphs: Glyphs) -> list[tuple[str, str]]:
    """``(key, word)`` of these shortcuts, in this order, with the keys that the configuration ``changed``."""
    first = ((id_, changed.get(id_, _BY_ID[id_].keys).split(",")[0]) for id_ in ids)
    return [(show_key(key, glyphs), _BY_ID[id_].hint) for id_, key in first]


def unknown_ids(changed: Mapping[str, str]) -> list[str]:
    """Ids of the configuration that no shortcut has."""
    return sorted(set(changed) - _BY_ID.keys())


def key_reference(changed: Mapping[str, str] | None = None) -> str:
    """All keys as Markdown: a table for each place."""
    parts: list[str] = []
    for place, shortcuts in SHORTCUTS.items():
        rows = [f"## {place}", "", "| keys | what they do | id |", "|---|---|---|"]
        for shortcut in shortcuts:
            keys = (changed or {}).get(shortcut.id, shortcut.keys)
            shown = ", ".join(f"`{show_key(key)}`" for key in keys.split(","))
            rows.append(f"| {shown} | {shortcut.text} | `{shortcut.id}` |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "plus": "+",
    "greater_than_sign": ">",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "ctrl": "Ctrl",
    "alt": "Alt",
    "shift": "Shift",
}


def show_key(key: str, glyphs: Glyphs = UNICODE) -> str:
    """A key as people write it: ``ctrl+end`` is ``Ctrl+End``; a single letter stays as it is typed."""
    parts = key.strip().split("+")
    names = {"up": glyphs.key_up, "down": glyphs.key_down, **_NAMES}
    shown = [names.get(part) or (part if len(part) == 1 and len(parts) == 1 else part.title()) for part in parts]
    return "+".join(shown)


class LegacyAlt(Enum):
    """Alt with a key, as terminals without the extended protocols send it: ESC, then the key."""

    ENTER = "alt+enter"
    ONE = "alt+1"
    TWO = "alt+2"
    THREE = "alt+3"
    FOUR = "alt+4"
    FIVE = "alt+5"
    SIX = "alt+6"
    SEVEN = "alt+7"
    EIGHT = "alt+8"
    NINE = "alt+9"


def install_legacy_alt() -> None:
    """Teach Textual's parser ESC-Enter and ESC-digit.

    Without it Alt+Enter arrives as Enter, which would send, and Alt+3 as a typed ``£``.
    """
    table = cast(MutableMapping[str, object], ANSI_SEQUENCES_KEYS)
    for number, key in enumerate(LegacyAlt):
        table["\x1b\r" if number == 0 else f"\x1b{number}"] = (key,)
