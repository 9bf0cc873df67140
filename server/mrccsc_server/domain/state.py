"""The facts that decide about operations, as a store reads them under its lock, and the rows that come out.

The records are mutable on purpose: the plan of a batch works each outcome into them, so that the next operation of
the same batch is judged by what the one before has made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Literal

from mrccsc_shared.codec import encode_entry
from mrccsc_shared.entry import Entry, EntryKind, Role, Visibility
from mrccsc_shared.messages.conversation import Conversation, ConversationKind, GoneReason

MemberState = Literal["member", "left", "removed", "banned"]

ReactionKey = tuple[int, int, int, str]
"""Conversation, target, user, emoji."""


@dataclass(slots=True)
class ConversationState:
    """One row of ``conversation``.

    ``messages`` counts the messages ever said, deleted ones too; ``at`` is the time of the newest entry.
    ``writable`` is false in a direct conversation whose friendship has ended, and in a group that is closed.
    """

    conv: int
    kind: ConversationKind
    head: int
    at: int
    messages: int
    members: int
    title: str
    topic: str
    visibility: Visibility
    writable: bool
    changed: bool = False


@dataclass(slots=True)
class Membership:
    """One row of ``member``. It outlives the membership, so that marks and running counts go on after a return.

    ``joined`` is the seq of the latest join (or create). ``sent`` counts the user's own messages in the
    conversation. ``read_messages`` and ``read_own`` are the values that ``messages`` and ``sent`` had at
    ``read``: with them

        unread = (conversation.messages - read_messages) - (sent - read_own)
    """

    conv: int
    user: int
    state: MemberState
    role: Role
    joined: int
    sent: int = 0
    read: int = 0
    read_messages: int = 0
    read_own: int = 0
    unread_from: int | None = None
    muted: bool = False
    changed: bool = False
    said: int = 0
    """Messages of this batch."""

    @property
    def active(self) -> bool:
        """Whether the user is a member now."""
        return self.state == "member"


@dataclass(slots=True)
class MessageState:
    """The mutable part of a stored message. ``edit`` and ``delete`` are the seqs of its last edit and its
    deletion.
    """

    conv: int
    seq: int
    by: int
    at: int
    rev: int
    text: str
    edit: int | None = None
    edited: int | None = None
    delete: int | None = None
    deleted: int | None = None
    mentions: tuple[int, ...] = ()
    changed: bool = False


@dataclass(slots=True)
class ReactionState:
    """Whether a user's emoji stands on a message, and the seq and time of the entry that made it so."""

    on: bool
    seq: int
    at: int


# The records below that are made for every message are not frozen: freezing would more than double what each costs.
# Nobody changes one once it is made.


@dataclass(slots=True)
class Known:
    """An entry that is stored under a cid."""

    seq: int
    at: int
    digest: bytes


@dataclass(slots=True)
class Needs:
    """What must be read before a batch can be planned. Conversations are to be locked in ascending order."""

    conversations: set[int] = field(default_factory=set)
    members: set[tuple[int, int]] = field(default_factory=set)
    """(conv, user); those of the users behind ``names`` come on top."""
    cids: set[tuple[int, int, str]] = field(default_factory=set)
    """(conv, by, cid)."""
    messages: set[tuple[int, int]] = field(default_factory=set)
    """(conv, seq) of entries that may be messages."""
    reactions: set[ReactionKey] = field(default_factory=set)
    """Whether these stand, or were taken back."""
    standing: set[tuple[int, int]] = field(default_factory=set)
    """(conv, target): how many of each emoji stand on these messages?"""
    names: set[tuple[int, str]] = field(default_factory=set)
    """(conv, user name) that a text may mention."""
    friends: set[tuple[int, int]] = field(default_factory=set)
    """(user, other): are they friends?"""
    groups: set[int] = field(default_factory=set)
    """Users: of how many groups are they members?"""
    users: set[int] = field(default_factory=set)
    """Users: do they exist?"""


@dataclass(slots=True)
class Facts:
    """What a store has read for :class:`Needs`. What does not exist is simply not there.

    ``now`` is the time of the database's clock in milliseconds.
    """

    now: int
    conversations: dict[int, ConversationState] = field(default_factory=dict)
    members: dict[tuple[int, int], Membership] = field(default_factory=dict)
    known: dict[tuple[int, int, str], Known] = field(default_factory=dict)
    messages: dict[tuple[int, int], MessageState] = field(default_factory=dict)
    reactions: dict[ReactionKey, ReactionState] = field(default_factory=dict)
    standing: defaultdict[tuple[int, int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By (conv, target): of how many users each emoji stands there."""
    names: dict[str, int] = field(default_factory=dict)
    friends: set[tuple[int, int]] = field(default_factory=set)
    groups: dict[int, int] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)


@dataclass(slots=True)
class EntryRow:
    """A new row of ``entry``.

    ``target`` is the seq that an edit, deletion or reaction concerns, ``subject`` the user of a join, leave or
    role. ``data`` is what else the wire form has (reason, role, title, topic, visibility, emoji, on, reply_to).
    """

    conv: int
    seq: int
    kind: EntryKind
    by: int
    at: int
    cid: str
    digest: bytes
    text: str | None = None
    mentions: tuple[int, ...] = ()
    target: int | None = None
    subject: int | None = None
    data: dict[str, object] | None = None


@dataclass(slots=True)
class Changes:
    """All rows that a planned batch writes, for set-wise statements. Changed records are those of the facts."""

    entries: list[EntryRow] = field(default_factory=list)
    conversations: list[ConversationState] = field(default_factory=list)
    members: list[Membership] = field(default_factory=list)
    """To insert or replace by (conv, user)."""
    messages: list[MessageState] = field(default_factory=list)
    """To update: text, rev, edit, edited, delete, deleted, mentions."""
    emptied: list[tuple[int, int]] = field(default_factory=list)
    """(conv, seq) of edit entries whose text is superseded."""
    reactions: dict[ReactionKey, ReactionState] = field(default_factory=dict)
    """To insert or replace."""
    unreacted: list[tuple[int, int]] = field(default_factory=list)
    """(conv, target) of deleted messages: all their reactions go."""
    mentions: list[tuple[int, int, int]] = field(default_factory=list)
    """(user, conv, seq): one row a mention, for counting."""


@dataclass(slots=True)
class Stored:
    """The operation became this entry.

    ``view`` is, for a join, the conversation in the eyes of the one who joined, as it was just before the entry
    (its ``head`` is the seq below). ``gone`` is, for a leave, why the conversation is gone for the one who left.
    """

    entry: Entry
    view: Conversation | None = None
    gone: GoneReason | None = None
    _line: bytes = field(default=b"", compare=False, repr=False)

    @property
    def line(self) -> bytes:
        """The line of the ``entry`` event: encoded once, the same bytes for all connections and for the bus."""
        if not self._line:
            self._line = encode_entry(self.entry)
        return self._line


@dataclass(slots=True)
class Duplicate:
    """The operation was stored before, or changes nothing since the entry at ``seq`` made it so.

    ``known`` tells a retry, whose cid is stored, from what writes no entry.
    """

    seq: int
    at: int
    known: bool = field(default=False, compare=False)
