"""The one store of what the client knows. Frames go in, changes come out; no I/O, no clock.

Everything handed out is frozen and safe to print. What a log holds is always one contiguous tail, and each
(conv, seq) is in it once. Reading is for everybody; what changes it is for the client alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mrccsc_tui.state.changes import Change, PendingChanged, PresenceChanged, Settled, StatusChanged, TailTrimmed
from mrccsc_tui.state.log import Log
from mrccsc_tui.state.models import (
    FORMER,
    Contact,
    Conversation,
    Entry,
    LinkStatus,
    Member,
    Message,
    Pending,
    Person,
    Presence,
    Row,
)
from mrccsc_tui.state.reducers import REDUCERS


class Store:
    """What is known now."""

    def __init__(self) -> None:
        self.status = LinkStatus()
        self.clear()

    def clear(self) -> None:
        """Know nothing but how the line stands: another user may sign in."""
        self.me: Person | None = None
        """The signed-in user, also while offline; ``None`` before the first sign-in."""
        self.my_presence: Presence | None = None
        """How the user chose to be seen, as far as this device knows; ``offline`` is invisible."""
        self.epoch: str | None = None
        self.contacts: dict[int, Contact] = {}
        """By user id: friends, requests both ways, and the blocked."""
        self.conversations: dict[int, Conversation] = {}
        """By conversation id, in no particular order."""
        self.people: dict[int, Person] = {}
        """Everybody whose name is known, by user id."""

        # What the reducers keep; not for reading from elsewhere.
        self.presences: dict[int, Presence] = {}
        self.logs: dict[int, Log] = {}
        self.pendings: dict[int, dict[str, Pending]] = {}
        self.member_lists: dict[int, dict[int, Member]] = {}
        self.member_parts: dict[int, dict[int, Member]] = {}
        self.early: dict[int, list[Entry]] = {}
        self.marking: set[int] = set()
        """Conversations whose read marks the server has not heard of yet: here they are as the user set them."""
        self.listing: dict[int, str] | None = None
        """While the list of conversations comes in: the titles of those known before that it has not named yet."""

    # -- reading ----------------------------------------------------------------------------------------------------

    def person(self, user: int) -> Person:
        """Somebody; where no name is known, called as the chat with them is, or :data:`FORMER`, without a user name."""
        known = self.people.get(user)
        if known is not None:
            return known
        chats = (one.title for one in self.conversations.values() if one.peer == user)
        return Person(user, "", next(chats, FORMER))

    def presence(self, user: int) -> Presence | None:
        """Where somebody stands; ``None`` is unknown."""
        return self.presences.get(user)

    def timeline(self, conv: int) -> Sequence[Row]:
        """What is held of a conversation: messages and notices in ascending seq. A live view: cheap, never copied.

        It is void once the conversation's tail restarts or the conversation goes: ask again then.
        """
        log = self.logs.get(conv)
        return () if log is None else log.rows

    def index(self, conv: int, seq: int) -> int:
        """The place in ``timeline(conv)`` of the first row at or after ``seq``."""
        log = self.logs.get(conv)
        return 0 if log is None else log.index(seq)

    def message(self, conv: int, seq: int) -> Message | None:
        """A held message."""
        log = self.logs.get(conv)
        return None if log is None else log.message(seq)

    def pending(self, conv: int) -> tuple[Pending, ...]:
        """What waits to be sent into a conversation, or failed, in the order it was done."""
        return tuple(self.pendings.get(conv, {}).values())

    def unsent(self, conv: int) -> tuple[str, ...]:
        """The words that wait to be sent into a conversation, or failed, in the order they were written."""
        return tuple(one.text for one in self.pendings.get(conv, {}).values() if one.kind in ("send", "edit"))

    def members(self, conv: int) -> Mapping[int, Member] | None:
        """The members of a group by user id, kept up to date once loaded; ``None`` when they are not loaded."""
        return self.member_lists.get(conv)

    def gap(self, conv: int) -> int | None:
        """The cursor after which entries exist that are not held."""
        log = self.logs.get(conv)
        if log is None or log.cursor >= max(log.seen, self.conversations[conv].head):
            return None
        return log.cursor

    def cursors(self) -> dict[int, int]:
        """The end of each held tail, the conversation with the latest entry first."""
        recent = sorted(self.conversations.values(), key=lambda conversation: -conversation.last_at)
        return {conversation.conv: conversation.cursor for conversation in recent}

    # -- what the server says ---------------------------------------------------------------------------------------

    def apply(self, frame: Mapping[str, Any], request: Mapping[str, Any] | None = None) -> tuple[Change, ...]:
        """Take in a frame of the server, with the request that it answers. Unknown types change nothing."""
        reduce = REDUCERS.get(frame["type"])
        return () if reduce is None else tuple(reduce(self, frame, request or {}))

    # -- what the user does, and how the line stands ----------------------------------------------------------------

    def put_pending(self, pending: Pending) -> tuple[Change, ...]:
        """Show something new in the outbox, or its new state."""
        self.pendings.setdefault(pending.conv, {})[pending.cid] = pending
        return (PendingChanged(pending.conv, pending.cid),)

    def drop_pending(self, conv: int, cid: str) -> tuple[Change, ...]:
        """Show something in the outbox no longer."""
        held = self.pendings.get(conv, {})
        if held.pop(cid, None) is None:
            return ()
        if not held:
            del self.pendings[conv]
        return (PendingChanged(conv, cid),)

    def settle(self, conv: int, cid: str, seq: int) -> tuple[Change, ...]:
        """Something in the outbox is stored at ``seq``."""
        dropped = self.drop_pending(conv, cid)
        return (*dropped, Settled(conv, cid, seq)) if dropped else ()

    def set_status(self, status: LinkStatus) -> tuple[Change, ...]:
        """The line stands differently. Without it nobody's presence is known."""
        if status == self.status:
            return ()
        lost = self.status.online and not status.online
        self.status = status
        return (StatusChanged(), *self._forget_presences()) if lost else (StatusChanged(),)

    def _forget_presences(self) -> Iterator[Change]:
        gone, self.presences = self.presences, {}
        for user in gone:
            contact = self.contacts.get(user)
            if contact is not None:
                self.contacts[user] = replace(contact, presence=None)
            yield PresenceChanged(user)

    # -- for the reducers -------------------------------------------------------------------------------------------

    def hold(self, conversation: Conversation) -> None:
        """Begin a conversation with an empty tail at its cursor."""
        self.logs[conversation.conv] = Log(conversation.cursor)
        self.conversations[conversation.conv] = conversation

    def hold_at(self, conversation: Conversation, cursor: int) -> None:
        """Begin a conversation with an empty tail at an older cursor: what follows it is missing so far."""
        self.hold(replace(conversation, tail_start=cursor + 1, cursor=cursor))

    def restart(self, conv: int, head: int) -> None:
        """Hold nothing of a log; its next entry is the one after ``head``."""
        self.logs[conv].restart(head)
        self.member_lists.pop(conv, None)
        self.sync(conv)

    def trim(self, conv: int, keep: int) -> tuple[Change, ...]:
        """Hold only the newest rows of a log; what is dropped can be loaded again."""
        if not self.logs[conv].trim(keep):
            return ()
        self.sync(conv)
        return (TailTrimmed(conv),)

    def sync(self, conv: int) -> None:
        """Show in the conversation what its log holds."""
        log = self.logs[conv]
        self.conversations[conv] = replace(self.conversations[conv], tail_start=log.tail_start, cursor=log.cursor)

    def is_void(self, ready: Mapping[str, Any]) -> bool:
        """Whether a session begins with a store in which no seq that is held here counts."""
        return bool(ready["reset"]) or (self.epoch is not None and self.epoch != ready["epoch"])

    def drop(self, conv: int) -> None:
        """Forget a conversation, save for what the outbox has for it."""
        del self.conversations[conv], self.logs[conv]
        self.member_lists.pop(conv, None)
        self.member_parts.pop(conv, None)
        self.early.pop(conv, None)
