"""Short words about people and conversations, the same on every screen."""

from __future__ import annotations

from datetime import datetime, tzinfo

from mrccsc_tui.state.changes import ConversationGone
from mrccsc_tui.state.models import Contact, Conversation, Presence
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import PRESENCE_WORDS, Glyphs


def status_of(presence: Presence | None) -> str:
    """The status, or the empty string for unknown."""
    return presence.status if presence is not None else ""


def presence_words(presence: Presence | None) -> str:
    """``away: lunch``."""
    if presence is None:
        return PRESENCE_WORDS[""]
    words = PRESENCE_WORDS[presence.status]
    return f"{words}: {presence.text}" if presence.text else words


def badge(conversation: Conversation) -> tuple[str, str]:
    """What is unread, in at most three cells, and the style of it: ``@2`` for mentions, else the number."""
    if conversation.mentions and not conversation.muted:
        return f"@{_short(conversation.mentions, 10)}", "mention"
    if conversation.unread:
        return _short(conversation.unread, 100), "dim" if conversation.muted else "badge"
    return ("1" if conversation.unread_from is not None else ""), "badge"


def has_unread(conversation: Conversation) -> bool:
    """Whether there is something to look at."""
    return bool(conversation.unread) or conversation.unread_from is not None


def ordered(store: Store) -> list[Conversation]:
    """All conversations as the side panel lists them: chats with friends, other chats, groups; each by name."""
    return [*directs(store), *groups(store)]


def directs(store: Store) -> list[Conversation]:
    """Direct conversations by the name of the other."""
    found = [conversation for conversation in store.conversations.values() if conversation.kind == "direct"]
    return sorted(found, key=lambda conversation: (conversation.title.casefold(), conversation.conv))


def groups(store: Store) -> list[Conversation]:
    """Groups by title."""
    found = [conversation for conversation in store.conversations.values() if conversation.kind == "group"]
    return sorted(found, key=lambda conversation: (conversation.title.casefold(), conversation.conv))


def contacts(store: Store, *relations: str) -> list[Contact]:
    """Contacts with one of these relations, by name."""
    found = [contact for contact in store.contacts.values() if contact.relation in relations]
    return sorted(found, key=lambda contact: (contact.person.display_name.casefold(), contact.person.user))


def sign(conversation: Conversation, store: Store, glyphs: Glyphs) -> tuple[str, str]:
    """One cell that says what a conversation is, and its style: the peer's presence, or the sign of a group."""
    if conversation.kind == "direct":
        status = status_of(None if conversation.peer is None else store.presence(conversation.peer))
        return glyphs.presence[status], status or "dim"
    return (glyphs.private if conversation.visibility == "private" else glyphs.group), "dim"


def moment(at: int, zone: tzinfo | None) -> str:
    """A time for a list: ``3 Feb 2025 09:14``."""
    when = datetime.fromtimestamp(at / 1000, zone)
    return f"{when.day} {when:%b %Y %H:%M}"


def farewell(gone: ConversationGone, store: Store) -> str:
    """That a conversation is gone, by whom, and what could not be sent there any more."""
    who = store.person(gone.by).display_name if gone.by is not None else ""
    match gone.reason:
        case "removed" | "banned":
            act = f"{who} {gone.reason} you" if who else f"You were {gone.reason}"
            words = f'{act} from "{gone.title}"'
        case "closed":
            words = f'The group "{gone.title}" was closed'
        case _:
            words = f'You are no longer in "{gone.title}"'
    if not gone.unsent:
        return f"{words}."
    return f"{words}; {count(len(gone.unsent), 'message')} {'was' if len(gone.unsent) == 1 else 'were'} not sent."


def count(number: int, what: str) -> str:
    """``1 member``, ``2 members``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _short(number: int, limit: int) -> str:
    return str(number) if number < limit else f"{limit - 1}+"
