"""The users, connections and conversations that are live on this node, and delivery to them.

Everything here runs on the event loop without awaiting, so each call is one step for all who watch. What it promises:

- The entries of a conversation reach a session in ascending seq, each once, from its start (the head that it was told
  of) on, and none after the leave entry of its user.
- A session that is being opened is *held*: what concerns it is kept and sorted out against its snapshot by
  :meth:`Live.release`, so that nothing falls between the snapshot and live delivery, and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Account
from mrccsc_shared.codec import encode
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.messages.conversation import Conversation, ConversationGone, GoneReason


class Sink(Protocol):
    """Where the lines of a session go. Nothing here raises or blocks."""

    def send(self, line: bytes) -> None:
        """Add a line to what is sent."""
        ...

    def close(self, code: CloseCode) -> None:
        """Say why, and close."""
        ...


HELD_MAX = 10_000
"""Lines that may wait for a session's snapshot; a connection beyond it is closed and comes back later."""


class Session:
    """A signed-in connection."""

    __slots__ = ("account", "held", "id", "logged_out", "present", "sink", "user")

    def __init__(self, sink: Sink, session: int, account: Account) -> None:
        self.sink = sink
        self.id = session
        self.account = account
        self.user = account.user
        self.present = False
        """Whether it counts for its user's presence."""
        self.logged_out = False
        """Whether it ends on purpose, so that its user is offline at once."""
        self.held: list[tuple[int, int, str, bytes]] | None = []
        """(conv, seq, what, line) while the session is being opened; conv 0 for what is no conversation's."""

    def send(self, line: bytes) -> None:
        """Send something that is no conversation's."""
        self._send(0, 0, "", line)

    def send_entry(self, conv: int, seq: int, line: bytes) -> None:
        """Send an entry."""
        if self.held is None:
            self.sink.send(line)
        else:
            self._send(conv, seq, "entry", line)

    def send_view(self, conv: int, seq: int, line: bytes) -> None:
        """Send the conversation that the user entered by the entry at ``seq``."""
        self._send(conv, seq, "view", line)

    def send_gone(self, conv: int, seq: int, line: bytes) -> None:
        """Send that the user left a conversation by the entry at ``seq``."""
        self._send(conv, seq, "gone", line)

    def _send(self, conv: int, seq: int, what: str, line: bytes) -> None:
        if self.held is None:
            self.sink.send(line)
        elif len(self.held) < HELD_MAX:
            self.held.append((conv, seq, what, line))
        else:
            self.sink.close(CloseCode.OVERLOADED)


class LiveUser:
    """A user with at least one session here. All sessions of a user see the same conversations."""

    __slots__ = ("conversations", "sessions", "user")

    def __init__(self, user: int) -> None:
        self.user = user
        self.sessions: list[Session] = []
        self.conversations: set[LiveConversation] = set()


class LiveConversation:
    """A conversation with at least one member here. ``applied`` is the seq up to which it was delivered."""

    __slots__ = ("applied", "conv", "users")

    def __init__(self, conv: int) -> None:
        self.conv = conv
        self.applied = 0
        self.users: set[LiveUser] = set()


class Live:
    """Who is here, and what they are in."""

    def __init__(self) -> None:
        self._users: dict[int, LiveUser] = {}
        self._conversations: dict[int, LiveConversation] = {}

    @property
    def users(self) -> Collection[int]:
        """The users with a session here."""
        return self._users.keys()

    @property
    def conversations(self) -> Collection[int]:
        """The conversations with a member here."""
        return self._conversations.keys()

    def sessions(self, user: int) -> list[Session]:
        """The sessions of a user here."""
        live = self._users.get(user)
        return list(live.sessions) if live else []

    def all_sessions(self) -> list[Session]:
        """All sessions here."""
        return [session for user in self._users.values() for session in user.sessions]

    def here(self, session: Session) -> bool:
        """Whether a session has entered and not left."""
        live = self._users.get(session.user)
        return live is not None and session in live.sessions

    # -- coming and going ------------------------------------------------------------------------------------------

    def enter(self, session: Session) -> None:
        """Take in a session, held until :meth:`release`."""
        live = self._users.setdefault(session.user, LiveUser(session.user))
        live.sessions.append(session)

    def watch(self, session: Session, convs: Iterable[int]) -> None:
        """Let the session's user hear of these conversations from now on. Before the snapshot is read."""
        if live := self._users.get(session.user):
            for conv in convs:
                self._link(live, conv)

    def release(self, session: Session, ready: bytes, heads: Mapping[int, int]) -> None:
        """Send the snapshot, then what was held and is not in it; from then on deliver at once.

        ``heads`` are the heads of all conversations of the user, as they were read with the snapshot.
        """
        held, session.held = session.held or [], None
        live = self._users.get(session.user)
        if live is None or session not in live.sessions:
            return
        session.sink.send(ready)
        known = dict(heads)
        for conv, seq, what, line in held:
            if conv:
                if what == "entry":
                    if conv not in known or seq <= known[conv]:
                        continue
                    known[conv] = seq
                elif what == "view":
                    if seq <= known.get(conv, 0):
                        continue
                    known[conv] = seq - 1
                elif known.get(conv, seq + 1) > seq:
                    continue
                else:
                    del known[conv]
            session.sink.send(line)
        for conversation in [each for each in live.conversations if each.conv not in known]:
            self._unlink(live, conversation)
        for conv, head in known.items():
            conversation = self._link(live, conv)
            conversation.applied = max(conversation.applied, head)

    def leave(self, session: Session) -> bool:
        """Forget a session; whether it was its user's last one here."""
        live = self._users.get(session.user)
        if live is None or session not in live.sessions:
            return False
        live.sessions.remove(session)
        if live.sessions:
            return False
        for conversation in list(live.conversations):
            self._unlink(live, conversation)
        del self._users[session.user]
        return True

    # -- delivery --------------------------------------------------------------------------------------------------

    def deliver(self, stored: Stored, origin: Session | None = None, *, acked: bool = False) -> None:
        """Deliver a committed entry to all members here.

        ``origin`` is the session that asked for it: with ``acked`` it gets no entry, for the ack says it all; else it
        gets the entry but no view of a conversation that it enters, for the answer is that.
        """
        entry = stored.entry
        conv, seq = entry["conv"], entry["seq"]
        if stored.view is not None and entry["kind"] == "join":
            self._introduce(entry["user"], stored.view, seq, origin)
        conversation = self._conversations.get(conv)
        if conversation is None or seq <= conversation.applied:
            return
        conversation.applied = seq
        line = encode_entry(entry)
        skipped = origin if acked else None
        for live in conversation.users:
            for session in live.sessions:
                if session is not skipped:
                    session.send_entry(conv, seq, line)
        if stored.gone is not None and entry["kind"] == "leave":
            self._dismiss(entry["user"], conversation, seq, stored.gone)

    def introduce(self, user: int, view: Conversation, origin: Session | None = None) -> None:
        """Let a user's sessions know of a new conversation, all but the one whose answer it is."""
        self._introduce(user, view, view["head"] + 1, origin)

    def to_users(self, users: Iterable[int], line: bytes, but: Session | None = None) -> None:
        """Send a line to all sessions of some users, save one."""
        for user in users:
            if live := self._users.get(user):
                for session in live.sessions:
                    if session is not but:
                        session.send(line)

    def to_members(self, conv: int, line: bytes, but_user: int) -> None:
        """Send a line to all members here but one user."""
        if conversation := self._conversations.get(conv):
            for live in conversation.users:
                if live.user != but_user:
                    for session in live.sessions:
                        session.send(line)

    def refresh(self, conv: int, views: Mapping[int, Conversation]) -> None:
        """Send the facts of a conversation anew to those who are still in it."""
        for user in self.members(conv):
            if view := views.get(user):
                self.to_users((user,), encode({"type": "conversation", "conversation": view}))

    def members(self, conv: int) -> list[int]:
        """The members of a conversation that are here."""
        conversation = self._conversations.get(conv)
        return [live.user for live in conversation.users] if conversation else []

    def _introduce(self, user: int, view: Conversation, seq: int, origin: Session | None) -> None:
        live = self._users.get(user)
        if live is None:
            return
        conversation = self._link(live, view["conv"])
        conversation.applied = max(conversation.applied, view["head"])
        line = encode({"type": "conversation", "conversation": view})
        for session in live.sessions:
            if session is not origin:
                session.send_view(view["conv"], seq, line)

    def _dismiss(self, user: int, conversation: LiveConversation, seq: int, reason: GoneReason) -> None:
        live = self._users.get(user)
        if live is None:
            return
        gone: ConversationGone = {"type": "conversation.gone", "conv": conversation.conv, "reason": reason}
        line = encode(gone)
        for session in live.sessions:
            session.send_gone(conversation.conv, seq, line)
        self._unlink(live, conversation)

    def _link(self, live: LiveUser, conv: int) -> LiveConversation:
        conversation = self._conversations.get(conv)
        if conversation is None:
            conversation = self._conversations[conv] = LiveConversation(conv)
        conversation.users.add(live)
        live.conversations.add(conversation)
        return conversation

    def _unlink(self, live: LiveUser, conversation: LiveConversation) -> None:
        live.conversations.discard(conversation)
        conversation.users.discard(live)
        if not conversation.users:
            self._conversations.pop(conversation.conv, None)


def encode_entry(entry: Entry) -> bytes:
    """The line of an ``entry`` event: encoded once, the same bytes for all."""
    return encode({"type": "entry", **entry})
