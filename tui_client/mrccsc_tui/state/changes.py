"""What a frame or an act of the user did to the store. Each says where to look; the store has the new state."""

from __future__ import annotations

from dataclasses import dataclass, field

from mrccsc_shared.messages.conversation import GoneReason
from mrccsc_tui.state.models import Entry


@dataclass(frozen=True, slots=True)
class Change:
    """Base of all changes."""


@dataclass(frozen=True, slots=True)
class StatusChanged(Change):
    """The line stands differently: see ``Store.status``."""


@dataclass(frozen=True, slots=True)
class SignedIn(Change):
    """A session began and the lists are fresh. ``reset``: everything held before was void and has been dropped."""

    reset: bool


@dataclass(frozen=True, slots=True)
class SignedOut(Change):
    """The session is over and will not come back by itself; ``Store.status.reason`` says why."""


@dataclass(frozen=True, slots=True)
class MeChanged(Change):
    """The user's own name or chosen presence changed."""


@dataclass(frozen=True, slots=True)
class PersonChanged(Change):
    """A name became known or changed."""

    user: int


@dataclass(frozen=True, slots=True)
class ContactChanged(Change):
    """A relation changed; the contact may be gone."""

    user: int


@dataclass(frozen=True, slots=True)
class PresenceChanged(Change):
    """Somebody came, went or said otherwise."""

    user: int


@dataclass(frozen=True, slots=True)
class ConversationAdded(Change):
    """The user is in a conversation that was not there before."""

    conv: int


@dataclass(frozen=True, slots=True)
class ConversationChanged(Change):
    """Facts, counts or read marks of a conversation changed."""

    conv: int


@dataclass(frozen=True, slots=True)
class ConversationGone(Change):
    """The user is no member any more; nothing of it is held. ``reason`` is ``None`` when it went while away.

    ``by`` is who removed or banned the user, where that is known. ``unsent`` is what the outbox still had to say there,
    in order: safe to print, and in no place but the conversation's draft from now on.
    """

    conv: int
    title: str
    reason: GoneReason | None = None
    by: int | None = None
    unsent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntriesAppended(Change):
    """The tail grew at its end by the seqs ``first … last``. ``live``: they happened just now, not while away.

    ``entries`` are these as they came; the timeline has messages in their present state.
    """

    conv: int
    first: int
    last: int
    live: bool
    entries: tuple[Entry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntriesPrepended(Change):
    """The tail grew at its beginning by the seqs ``first … last``."""

    conv: int
    first: int
    last: int
    entries: tuple[Entry, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TailRestarted(Change):
    """What was held of a log is void; the tail begins anew (see ``Conversation.tail_start`` and ``cursor``)."""

    conv: int


@dataclass(frozen=True, slots=True)
class TailTrimmed(Change):
    """The beginning of a tail that nobody looked at was dropped from memory; it can be loaded again."""

    conv: int


@dataclass(frozen=True, slots=True)
class MessageChanged(Change):
    """A held message was edited, deleted or reacted to."""

    conv: int
    seq: int


@dataclass(frozen=True, slots=True)
class PendingChanged(Change):
    """Something in the outbox of a conversation is new, changed, or gone."""

    conv: int
    cid: str


@dataclass(frozen=True, slots=True)
class Settled(Change):
    """What the user did is stored at ``seq``; its pending form is gone from the store."""

    conv: int
    cid: str
    seq: int


@dataclass(frozen=True, slots=True)
class MembersChanged(Change):
    """The held members of a group changed, or are not held any more."""

    conv: int


@dataclass(frozen=True, slots=True)
class Typing(Change):
    """Somebody is typing; true for about 5 s unless a message of theirs comes."""

    conv: int
    user: int


@dataclass(frozen=True, slots=True)
class Gap(Change):
    """For the link: entries after the cursor ``after`` exist and are not held."""

    conv: int
    after: int


@dataclass(frozen=True, slots=True)
class Stale(Change):
    """For the link: counts of a conversation cannot be known from what is held; ask for it again."""

    conv: int


@dataclass(frozen=True, slots=True)
class Unsure(Change):
    """For the link: the server knows more of the message at ``seq`` (who is mentioned) than was derived here."""

    conv: int
    seq: int


@dataclass(frozen=True, slots=True)
class Stranger(Change):
    """For the link: an entry names a user whose name is not known."""

    conv: int
    user: int
