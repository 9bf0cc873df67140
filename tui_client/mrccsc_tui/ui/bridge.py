"""From the client to the screens: batches of changes become one Textual message, at most 30 times a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from textual.app import App
from textual.message import Message as Event

from mrccsc_tui.client import ChatClient
from mrccsc_tui.state import changes as c
from mrccsc_tui.state.changes import Change

INTERVAL = 1 / 30
"""Seconds between a change and its message; what changes meanwhile goes with it."""


@dataclass
class LogDigest:
    """What happened to one conversation. ``changed``: seqs of held messages that look different; ``missed``: it has
    gained what was said while this client did not hear it.
    """

    changed: set[int] = field(default_factory=set)
    restarted: bool = False
    grown: bool = False
    missed: bool = False
    arrived: list[tuple[int, int]] = field(default_factory=list)
    """Seqs ``(first, last)`` that came live."""


@dataclass
class Digest:
    """A batch of changes, by the part of the screen that has to look again."""

    status: bool = False
    lists: bool = False
    names: bool = False
    signed_in: bool = False
    signed_out: bool = False
    reset: bool = False
    """What was held is void: a seq may be another entry now."""
    logs: dict[int, LogDigest] = field(default_factory=dict)
    members: set[int] = field(default_factory=set)
    typing: list[tuple[int, int]] = field(default_factory=list)
    gone: list[c.ConversationGone] = field(default_factory=list)
    contacts: set[int] = field(default_factory=set)

    def log(self, conv: int) -> LogDigest:
        """The part about one conversation."""
        return self.logs.setdefault(conv, LogDigest())


def digest(changes: Sequence[Change]) -> Digest:
    """Sum up a batch."""
    found = Digest()
    for change in changes:
        _add(found, change)
    return found


def _add(found: Digest, change: Change) -> None:
    match change:
        case c.StatusChanged():
            found.status = True
        case c.SignedIn(reset):
            found.signed_in = found.lists = found.names = found.status = True
            found.reset = found.reset or reset
        case c.SignedOut():
            found.signed_out = found.status = True
        case c.MeChanged() | c.PersonChanged():
            found.names = found.lists = True
        case c.ContactChanged(user):
            found.lists = True
            found.contacts.add(user)
        case c.PresenceChanged():
            found.lists = True
        case c.ConversationAdded(conv) | c.ConversationChanged(conv):
            found.lists = True
            found.log(conv)
        case c.ConversationGone():
            found.lists = True
            found.gone.append(change)
        case c.EntriesAppended(conv, first, last, live):
            found.lists = True
            found.log(conv).grown = True
            if live:
                found.log(conv).arrived.append((first, last))
            else:
                found.log(conv).missed = True
        case c.EntriesPrepended(conv) | c.PendingChanged(conv) | c.Settled(conv):
            found.log(conv).grown = True
        case c.TailRestarted(conv):
            found.log(conv).restarted = True
        case c.MessageChanged(conv, seq):
            found.log(conv).changed.add(seq)
        case c.MembersChanged(conv):
            found.members.add(conv)
        case c.Typing(conv, user):
            found.typing.append((conv, user))


class Changed(Event):
    """The store has changed."""

    def __init__(self, digest: Digest) -> None:
        super().__init__()
        self.digest = digest


class Bridge:
    """Collects what the client says and posts :class:`Changed` to whoever ``target`` gives. Nothing runs while idle."""

    def __init__(self, app: App[None], client: ChatClient, post: Callable[[Changed], object]) -> None:
        self._app = app
        self._post = post
        self._waiting: list[Change] = []
        self._armed = False
        self._unsubscribe = client.subscribe(self._collect)

    def close(self) -> None:
        """Hear no more."""
        self._unsubscribe()

    def _collect(self, changes: Sequence[Change]) -> None:
        self._waiting.extend(changes)
        if self._waiting and not self._armed:
            self._armed = True
            self._app.set_timer(INTERVAL, self._flush)

    def _flush(self) -> None:
        self._armed = False
        changes, self._waiting = self._waiting, []
        self._post(Changed(digest(changes)))
