"""The left panel: friends, with requests on top, and groups."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from textual.message import Message as Event

from mrccsc_tui.state.models import Contact, Conversation
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import SIDEBAR, bindings
from mrccsc_tui.ui.widgets.rows import ListRow, Piece, RowList
from mrccsc_tui.ui.widgets.timeline.wrap import clip
from mrccsc_tui.ui.words import badge, contacts, count, directs, groups, sign, status_of


@dataclass(frozen=True)
class PersonKey:
    """The row of a contact."""

    user: int


@dataclass(frozen=True)
class ConvKey:
    """The row of a conversation."""

    conv: int


class Sidebar(RowList):
    """Friends and groups. Every row begins with its sign and what is unread, so that names may have any width."""

    BINDINGS = bindings(SIDEBAR)
    DEFAULT_CSS = """
    Sidebar { background: $surface; }
    """

    @dataclass
    class Acted(Event):
        """A key was pressed on a row: ``what`` to do with whom or what."""

        what: str
        user: int | None
        conv: int | None

    def __init__(self, store: Store, glyphs: Glyphs) -> None:
        super().__init__(bar=glyphs.bar, id="sidebar")
        self._store = store
        self._glyphs = glyphs

    def on_resize(self) -> None:
        """Cut the names to the new width."""
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Show the store as it is now."""
        store = self._store
        requests = contacts(store, "incoming")
        friends = contacts(store, "friend")
        asked = contacts(store, "outgoing")
        blocked = contacts(store, "blocked")
        shown = {contact.conv for contact in friends}
        others = [conversation for conversation in directs(store) if conversation.conv not in shown]
        known = store.me is not None
        rows: list[ListRow] = []
        if requests:
            rows.append(_heading(f"REQUESTS {len(requests)}"))
            rows += [self._request(contact) for contact in requests]
            rows.append(_gap())
        here = sum(status_of(store.presence(friend.person.user)) in ("online", "away", "dnd") for friend in friends)
        rows.append(_heading(f"FRIENDS {here} here" if here else "FRIENDS"))
        rows += [self._friend(contact) for contact in friends]
        rows += [self._conversation(conversation) for conversation in others]
        rows += [self._asked(contact) for contact in asked]
        if not friends and not asked and not others:
            rows.append(_note("none yet: n adds one" if known else "not loaded"))
        rows.append(_gap())
        joined = groups(store)
        rows.append(_heading("GROUPS"))
        rows += [self._conversation(conversation) for conversation in joined]
        if not known:
            rows.append(_note("not loaded"))
        elif not joined:
            rows += [_note("none yet: f finds groups,"), _note("c creates one")]
        if blocked:
            rows += [_gap(), _heading("BLOCKED")]
            rows += [self._blocked(contact) for contact in blocked]
        self.set_rows(rows)

    def useful(self) -> tuple[str, ...]:
        """The ids of the shortcuts that make sense for the row under the cursor, the likeliest first."""
        always = ("sidebar-add", "sidebar-find", "sidebar-create")
        match self.cursor:
            case PersonKey(user):
                contact = self._store.contacts.get(user)
                relation = contact.relation if contact is not None else "none"
                if relation == "incoming":
                    return ("sidebar-accept", "sidebar-decline", "sidebar-block", *always)
                if relation == "outgoing":
                    return ("sidebar-decline", "sidebar-block", *always)
                if relation == "blocked":
                    return ("sidebar-block", *always)
                return ("sidebar-open", *always, "sidebar-remove", "sidebar-block", "sidebar-mute")
            case ConvKey():
                group = ("sidebar-invite", "sidebar-settings", "sidebar-remove", "sidebar-mute")
                return ("sidebar-open", *always, *group)
        return always

    def open_row(self, conv: int | None) -> None:
        """Mark the conversation that is open."""
        contact = self._contact_of(conv)
        key: Hashable = PersonKey(contact.person.user) if contact is not None else ConvKey(conv) if conv else None
        if key != self.current:
            self.current = key
            self.refresh()

    def rest_on_current(self) -> None:
        """Put the cursor on the open conversation."""
        if self.current is not None:
            self.move_to(self.current)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that means nothing on the row under the cursor is no command there."""
        what = parameters[0] if parameters else action
        named = action in ("people", "group", "remove", "mute")
        return f"sidebar-{what}" in self.useful() if named else super().check_action(action, parameters)

    def action_open(self) -> None:
        """Open, or answer."""
        self.choose()

    def action_people(self, what: str) -> None:
        """A key about a person."""
        self._act(what)

    def action_group(self, what: str) -> None:
        """A key about a group."""
        self._act(what)

    def action_remove(self) -> None:
        """Remove the friend or leave the group."""
        self._act("remove")

    def action_mute(self) -> None:
        """Mute or unmute."""
        self._act("mute")

    def target(self) -> tuple[int | None, int | None]:
        """The user and the conversation under the cursor."""
        match self.cursor:
            case PersonKey(user):
                contact = self._store.contacts.get(user)
                return user, contact.conv if contact is not None else None
            case ConvKey(conv):
                conversation = self._store.conversations.get(conv)
                return (conversation.peer if conversation is not None else None), conv
        return None, None

    def _act(self, what: str) -> None:
        self.post_message(self.Acted(what, *self.target()))

    def _contact_of(self, conv: int | None) -> Contact | None:
        conversation = None if conv is None else self._store.conversations.get(conv)
        if conversation is None or conversation.peer is None:
            return None
        contact = self._store.contacts.get(conversation.peer)
        return contact if contact is not None and contact.relation == "friend" and contact.conv == conv else None

    def _request(self, contact: Contact) -> ListRow:
        return self._row(
            PersonKey(contact.person.user),
            (self._glyphs.request_in, "request"),
            ("", "dim"),
            contact.person.display_name,
            "strong",
            "asks",
        )

    def _friend(self, contact: Contact) -> ListRow:
        status = status_of(self._store.presence(contact.person.user))
        conversation = self._store.conversations.get(contact.conv) if contact.conv is not None else None
        unread = badge(conversation) if conversation is not None else ("", "dim")
        word = {"away": "away", "dnd": "busy"}.get(status, "")
        muted = conversation is not None and conversation.muted
        return self._row(
            PersonKey(contact.person.user),
            (self._glyphs.presence[status], status or "dim"),
            unread,
            contact.person.display_name,
            "strong" if unread[0] else "dim" if status in ("offline", "") else "text",
            "muted" if muted else word,
        )

    def _asked(self, contact: Contact) -> ListRow:
        key = PersonKey(contact.person.user)
        return self._row(key, (self._glyphs.request_out, "dim"), ("", ""), contact.person.display_name, "dim", "asked")

    def _blocked(self, contact: Contact) -> ListRow:
        key = PersonKey(contact.person.user)
        return self._row(key, (self._glyphs.blocked, "dim"), ("", ""), contact.person.display_name, "dim", "")

    def _conversation(self, conversation: Conversation) -> ListRow:
        unread = badge(conversation)
        return self._row(
            ConvKey(conversation.conv),
            sign(conversation, self._store, self._glyphs),
            unread,
            conversation.title,
            "strong" if unread[0] else "text",
            "muted" if conversation.muted else "",
        )

    def _row(self, key: Hashable, mark: Piece, unread: Piece, name: str, style: str, note: str) -> ListRow:
        room = (self.size.width or 28) - 7
        note = f" {self._glyphs.dot} {note}" if note else ""
        pieces: list[Piece] = [
            mark,
            (f"{unread[0]:>3} ", unread[1] or "dim"),
            (clip(name, max(room - len(note), 6), self._glyphs.ellipsis), style),
            (note, "dim"),
        ]
        return ListRow(key, (tuple(pieces),))


def summary(store: Store) -> str:
    """What the side panel holds, in words, for narrow screens."""
    unread = sum(conversation.unread for conversation in store.conversations.values() if not conversation.muted)
    requests = len(contacts(store, "incoming"))
    parts = [count(unread, "unread message")] if unread else []
    if requests:
        parts.append(count(requests, "request"))
    return ", ".join(parts)


def _heading(text: str) -> ListRow:
    return ListRow(None, (((text, "heading"),),))


def _note(text: str) -> ListRow:
    return ListRow(None, (((f"  {text}", "dim"),),))


def _gap() -> ListRow:
    return ListRow(None, (((" ", "dim"),),))
