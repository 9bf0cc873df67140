"""The records of who and what is live on this node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.messages.conversation import Conversation, ConversationFrame, ConversationGone, GoneReason

Done = Callable[[Outcome], None]
"""Answers a request with its outcome."""

SAID = frozenset(("message", "edit", "delete", "reaction"))
"""Kinds of entries that change neither who is in a conversation nor what it is called."""

PENDING_MAX = 1_024
"""Entries of one conversation that wait for those below them; what hints bring beyond is fetched in its turn."""


@dataclass(slots=True, eq=False)
class Arrival:
    """A committed entry that came here.

    ``origin`` is the session that asked for it here, and ``done`` answers it. With ``acked`` that says it all, and the
    session gets no entry; else it gets the entry, but no view of a conversation that it enters.
    """

    stored: Stored
    origin: Session | None = None
    acked: bool = False
    done: Done | None = None

    def answer(self) -> None:
        """Answer the request."""
        if self.done is not None:
            self.done(self.stored)


class LiveUser:
    """A user with at least one session here. Each session may be told of a conversation at another time."""

    __slots__ = ("conversations", "sessions", "user")

    def __init__(self, user: int) -> None:
        self.user = user
        self.sessions: list[Session] = []
        self.conversations: set[LiveConversation] = set()

    def is_outside(self, conv: int) -> bool:
        """Whether no session was told of the conversation, or may be about to be."""
        return all(session.is_outside(conv) for session in self.sessions)

    def is_inside(self, conv: int) -> bool:
        """Whether all sessions were told of the conversation, or may be about to be."""
        return not any(session.is_outside(conv) for session in self.sessions)

    def show(self, view: Conversation, origin: Session | None = None) -> None:
        """Tell the sessions of a conversation as it is at its head; ``origin`` is told by its answer."""
        conv, head = view["conv"], view["head"]
        line = encode_view(view)
        for session in self.sessions:
            if session is origin:
                session.begin_at(conv, head)
            else:
                session.send_view(conv, head, line)

    def show_new(self, view: Conversation) -> None:
        """Tell those sessions that do not know the conversation yet."""
        conv, head = view["conv"], view["head"]
        line = encode_view(view)
        for session in self.sessions:
            if session.is_held or session.is_outside(conv):
                session.send_view(conv, head, line)

    def dismiss(self, conv: int, seq: int, reason: GoneReason) -> bool:
        """Tell the sessions that the user left by the entry at ``seq``; whether any is inside all the same."""
        gone: ConversationGone = {"type": "conversation.gone", "conv": conv, "reason": reason}
        line = encode(gone)
        inside = [session.send_gone(conv, seq, line) for session in self.sessions]
        return any(inside)


class LiveConversation:
    """A conversation with at least one member here.

    ``applied`` is the seq up to which it was delivered, ``None`` until a first head is known; ``expected`` the highest
    seq heard of. ``pending`` are entries above ``applied`` by seq. Nothing is delivered while ``pauses`` last.
    """

    __slots__ = ("applied", "conv", "expected", "pauses", "pending", "users")

    def __init__(self, conv: int) -> None:
        self.conv = conv
        self.applied: int | None = None
        self.expected = 0
        self.pauses = 0
        self.pending: dict[int, Arrival] = {}
        self.users: set[LiveUser] = set()

    @property
    def hole(self) -> tuple[int, int] | None:
        """The first range after < seq ≤ upto that is not here."""
        if self.applied is None or self.applied >= self.expected:
            return None
        after = self.applied
        while after + 1 in self.pending:
            after += 1
        if after >= self.expected:
            return None
        return after, min((seq - 1 for seq in self.pending if seq > after), default=self.expected)

    def take(self, arrival: Arrival, *, bounded: bool) -> None:
        """Keep an entry until its turn; one that is to be answered goes before one that is not."""
        seq = arrival.stored.entry["seq"]
        self.expected = max(self.expected, seq)
        known = self.pending.get(seq)
        if known is None:
            if bounded and len(self.pending) >= PENDING_MAX:
                return
        elif known.done is not None:
            return
        self.pending[seq] = arrival

    def answer_upto(self, seq: int) -> None:
        """Answer what waits up to a seq, in order; it is delivered to nobody."""
        for waiting in sorted(waiting for waiting in self.pending if waiting <= seq):
            self.pending.pop(waiting).answer()


def encode_view(view: Conversation) -> bytes:
    """The line that tells a user of a conversation."""
    frame: ConversationFrame = {"type": "conversation", "conversation": view}
    return encode(frame)
