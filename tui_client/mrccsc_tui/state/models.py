"""What the client shows. Frozen values; every string in them is safe to print (see ``sanitize``).

The exceptions are the fields named ``raw``: they hold what a peer really wrote, for editing one's own words or for
sending them back, and must never reach a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mrccsc_shared.entry import JoinReason, LeaveReason, Role, Visibility
from mrccsc_shared.messages.contact import Relation
from mrccsc_shared.messages.conversation import ConversationKind
from mrccsc_shared.messages.presence import Status

FORMER = "a former member"
"""What somebody is called of whom no name is known: those who left before the user came."""

FEW = 3
"""Messages on their way that are not worth mentioning while the line is up."""

Phase = Literal["offline", "connecting", "signing_in", "online", "stopped"]
PendingKind = Literal["send", "edit", "delete", "react"]
PendingState = Literal["waiting", "sent", "failed"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody. ``username`` is unique, and empty where it is not known; anyone may have the same ``display_name``."""

    user: int
    username: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a user stands. ``last_seen`` is in milliseconds since 1970, given with ``offline`` where known."""

    user: int
    status: Status
    text: str = ""
    last_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """What somebody is to the signed-in user. Presence ``None`` is unknown, which is not offline."""

    person: Person
    relation: Relation
    presence: Presence | None = None
    conv: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group; the presence is as of the question and is not kept up to date."""

    person: Person
    role: Role
    presence: Presence | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """One emoji on a message and who set it, in ascending order of user ids. ``raw`` is what to send back."""

    emoji: str
    users: tuple[int, ...]
    raw: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said, in its present state: ``rev`` is the seq of the last entry applied to it.

    A deleted message has no text, reactions or mentions. ``at`` and ``edited`` are milliseconds since 1970.
    ``raw`` is the text as it was written: for editing it, never for showing it.
    """

    conv: int
    seq: int
    by: int
    at: int
    cid: str | None
    text: str
    raw: str = field(repr=False)
    rev: int
    reply_to: int | None = None
    edited: int | None = None
    deleted: bool = False
    reactions: tuple[Reaction, ...] = ()
    mentions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened in a conversation other than a message.

    ``user`` and ``reason`` go with ``join`` and ``leave``, ``user`` and ``role`` with ``role``; ``title``, ``topic``
    and ``visibility`` with ``change`` (``None``: not changed). ``unknown`` is of a kind that came after this version.
    """

    conv: int
    seq: int
    by: int
    at: int
    cid: str | None
    kind: Literal["create", "join", "leave", "role", "change", "unknown"]
    user: int | None = None
    reason: JoinReason | LeaveReason | None = None
    role: Role | None = None
    title: str | None = None
    topic: str | None = None
    visibility: Visibility | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What was done to the message at ``target``. It has no row of its own; the message shows it."""

    conv: int
    seq: int
    by: int
    at: int
    cid: str | None
    kind: Literal["edit", "delete", "reaction"]
    target: int
    text: str = ""
    raw: str = field(default="", repr=False)
    mentions: tuple[int, ...] = ()
    on: bool = False


Row: TypeAlias = Message | Notice
"""What a timeline shows."""

Entry: TypeAlias = Message | Notice | Amendment
"""What a log consists of."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in the eyes of the signed-in user, with what is held of its log.

    Facts and counts are as of ``head``. ``start`` is the first seq that the user may read (``from`` on the wire).
    Held is the contiguous tail ``tail_start … cursor``; it is empty while ``tail_start == cursor + 1``.
    ``unread_from``: the user wants to see everything from this seq on as unread, whatever ``read`` says.
    ``role`` is ``None`` in direct conversations, and for a group that the user is not a member of.
    """

    conv: int
    kind: ConversationKind
    title: str
    start: int
    head: int
    topic: str = ""
    visibility: Visibility | None = None
    peer: int | None = None
    role: Role | None = None
    muted: bool = False
    read: int = 0
    peer_read: int | None = None
    unread: int = 0
    unread_from: int | None = None
    mentions: int = 0
    members: int | None = None
    last: Entry | None = None
    tail_start: int = 1
    cursor: int = 0

    @property
    def more_before(self) -> bool:
        """There is older history than what is held."""
        return self.tail_start > self.start

    @property
    def last_at(self) -> int:
        """When the last thing happened here, in milliseconds since 1970; 0 when that is unknown."""
        return 0 if self.last is None else self.last.at


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that the user did and that the server has not acknowledged.

    ``waiting``: on disk, to be sent. ``sent``: written to a connection, outcome not known yet; it is sent again with
    the same cid until it is known. ``failed``: refused for good, ``why`` says so to a person; it stays until the user
    retries or discards it. ``target`` is the seq of the message that an edit, deletion or reaction is about.
    ``text`` and ``emoji`` are the user's own and made safe to print; ``raw`` is what is sent.
    """

    cid: str
    conv: int
    kind: PendingKind
    created: int
    text: str = ""
    raw: str = field(default="", repr=False)
    reply_to: int | None = None
    target: int | None = None
    on: bool = False
    state: PendingState = "waiting"
    code: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the line stands. ``next_try_at`` is in seconds of the client's monotonic clock (``ChatClient.now``).

    ``waiting`` counts what the outbox has still to send. ``stopped`` means that nothing happens until the user signs
    in (``reason`` says why); before the first sign-in it is ``stopped`` without a reason.
    """

    phase: Phase = "stopped"
    host: str = ""
    port: int = 0
    encrypted: bool = False
    loopback: bool = False
    node: str | None = None
    attempt: int = 0
    next_try_at: float | None = None
    reason: str | None = None
    waiting: int = 0

    @property
    def online(self) -> bool:
        """Requests can be made now."""
        return self.phase == "online"

    @property
    def insecure(self) -> bool:
        """The line leaves this machine in plain text."""
        return not self.encrypted and not self.loopback

    def words(self, now: float) -> str:
        """The status in a few words, for a person; ``now`` as of ``ChatClient.now``."""
        parts = [self._line(now)]
        if self.insecure and self.phase in ("online", "signing_in"):
            parts.append("not encrypted")
        if self.waiting > (FEW if self.online else 0):
            parts.append(f"{self.waiting} message{'s' if self.waiting > 1 else ''} waiting")
        words = ", ".join(parts)
        return f"{words} ({self.reason})" if self.reason and self.phase in ("offline", "stopped") else words

    def _line(self, now: float) -> str:
        match self.phase:
            case "online":
                return f"connected to {self.node or self.host}"
            case "signing_in":
                return "signing in"
            case "connecting":
                return f"connecting to {self.host}:{self.port}"
            case "stopped":
                return "signed out"
        if self.next_try_at is None:
            return "offline"
        seconds = max(0, round(self.next_try_at - now))
        return f"offline, next try in {seconds} s" if seconds else "offline, trying again"


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A part of a log as an answer, not held in the store: rows in ascending seq, messages in their present state."""

    conv: int
    rows: tuple[Row, ...]
    head: int
    more: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Messages found, newest first; ``cursor`` asks for the next page when there is one."""

    hits: tuple[Message, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A signed-in device. Times are milliseconds since 1970; ``current`` is this one."""

    session: int
    device: str
    created: int
    last_seen: int
    current: bool
