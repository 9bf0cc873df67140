"""What stands where a conversation would be, while none is open: what to do first."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from mrccsc_tui.state.models import Person
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.words import contacts

_FIRST = (
    ("F2  n", "add a friend by name", "/addcontact NAME"),
    ("F2  f", "find a public group and join it", "/joingroup"),
    ("F2  c", "create a group of your own", "/creategroup TITLE"),
)
_THEN = (
    ("F2", "choose from your friends and groups", ""),
    ("Ctrl+G", "go to one by typing a part of its name", "/chat NAME"),
    ("F6", "go to what is unread", ""),
)


class Welcome(Static):
    """The way in."""

    DEFAULT_CSS = """
    Welcome { height: 1fr; padding: 0 3; content-align: left middle; background: $background; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__(id="welcome", markup=False)

    def refresh_words(self, store: Store) -> None:
        """Fit the words to what the person has already."""
        me = store.me
        requests = contacts(store, "incoming")
        parts: list[Content | tuple[str, str]] = []
        fresh = not store.conversations
        if me is not None:
            parts += [("Welcome, ", ""), (me.display_name, "bold"), (".", "")]
            if fresh:
                parts += [(" Friends find you as ", ""), (me.username, "bold"), (".", "")]
            parts.append(("\n\n", ""))
        if requests:
            parts += [
                (_requests([contact.person for contact in requests]), "bold"),
                ("\nF2 shows it; a accepts.\n\n", ""),
            ]
        if me is None:
            parts.append(("Your chats come once the server is reached.\n\n", ""))
        elif fresh:
            parts.append(("Begin with a friend or a group:\n\n", ""))
        for keys, what, command in () if me is None else _FIRST if fresh else _THEN:
            parts += [(f"  {keys:<8}", "bold $primary"), (f"{what}\n", "")]
            if command:
                parts.append((f"{'':<10}or type {command}\n", "$foreground-muted"))
        parts.append(("\n" if me is not None else "", ""))
        parts.append(("F1 shows all keys and commands.", "$foreground-muted"))
        self.update(Content.assemble(*parts))


def _requests(people: list[Person]) -> str:
    first = people[0].display_name
    return f"{first} wants to add you." if len(people) == 1 else f"{first} and {len(people) - 1} more want to add you."
