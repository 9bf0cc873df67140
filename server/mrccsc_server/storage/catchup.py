"""What sessions begin with, cut to the bytes of a line each: for several users in one set of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mrccsc_server.domain.fitting import fitting, size
from mrccsc_server.ports import Snapshot
from mrccsc_server.storage import contacts, views
from mrccsc_server.storage.database import Reader
from mrccsc_server.storage.entries import Span, read_spans
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.session import Missed

_SMALLEST_ENTRY = 100
"""Bytes below which no entry's JSON is: what bounds the rows that are read for a number of bytes."""

_BRACKETS = 8
"""Bytes around the three lists."""

_CONVERSATIONS_SHARE = 0.5
"""What conversations may take of a snapshot that has missed entries too, and more where these need less."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Who asks for a snapshot. Without ``cursors`` the client's epoch was another one."""

    user: int
    cursors: Mapping[int, int] | None
    max_bytes: int


async def snapshots(reader: Reader, epoch: str, beginnings: Sequence[Beginning]) -> list[Snapshot]:
    """See :meth:`mrccsc_server.ports.Log.snapshot`."""
    users = list({beginning.user for beginning in beginnings})
    found = await reader.gather(contacts.query_of_users(users), *views.queries_of_users(users))
    contacts_of = contacts.contacts_of_users(found[0])
    views_of = views.views_of_users(found[1], found[2])
    drafts = [
        _Draft(beginning, contacts_of.get(beginning.user, []), views_of.get(beginning.user, []))
        for beginning in beginnings
    ]
    wanted = {span for draft in drafts for span in draft.newest}
    entries = await read_spans(reader, wanted) if wanted else {}
    return [draft.finish(epoch, entries) for draft in drafts]


class _Draft:
    """A snapshot whose missed entries are still to be read: those of ``newest``, the newest parts of ``behind``."""

    def __init__(self, beginning: Beginning, contacts: list[Contact], conversations: list[Conversation]) -> None:
        self.contacts = [contact.copy() for contact in contacts]
        self.conversations = conversations
        self.heads = {view["conv"]: view["head"] for view in conversations}
        cursors = beginning.cursors
        self.reset = cursors is None or any(
            seq > self.heads[conv] for conv, seq in cursors.items() if conv in self.heads
        )
        self.behind: list[Span] = []
        self.newest: list[Span] = []
        self.room = beginning.max_bytes - _BRACKETS - sum(map(size, contacts))
        self._room_missed = 0
        if cursors and not self.reset:
            self.behind = [
                (view["conv"], max(cursors[view["conv"]] + 1, view["from"]), view["head"])
                for view in conversations
                if view["conv"] in cursors and cursors[view["conv"]] < view["head"]
            ]
            wanted = min(self.room, sum(map(size, conversations)))
            frames = sum(size(_frame(conv)) for conv, _, _ in self.behind)
            share = self.room - min(wanted, round(self.room * _CONVERSATIONS_SHARE))
            self._room_missed = max(0, share - frames)
            self.newest = _newest(self.behind, self._room_missed // _SMALLEST_ENTRY)

    def finish(self, epoch: str, entries: Mapping[tuple[int, int], Entry]) -> Snapshot:
        """The snapshot, with what was read of the missed entries."""
        missed = self._missed(entries)
        shown, _ = fitting(self.conversations, self.room - sum(map(size, missed)))
        more = len(shown) < len(self.conversations)
        return Snapshot(epoch, self.reset, self.contacts, shown, more, missed, self.heads)

    def _missed(self, entries: Mapping[tuple[int, int], Entry]) -> list[Missed]:
        """What each conversation has gained, the newest part of it where the whole does not fit."""
        frames = {conv: _frame(conv) for conv, _, _ in self.behind}
        lows = {conv: low for conv, low, _ in self.behind}
        room = self._room_missed
        left = len(self.newest)
        for conv, low, high in sorted(self.newest, key=_length):
            taken, total = fitting((entries[conv, seq] for seq in range(high, low - 1, -1)), room // left)
            taken.reverse()
            frames[conv]["entries"] = taken
            frames[conv]["limited"] = not taken or taken[0]["seq"] > lows[conv]
            room -= total
            left -= 1
        return list(frames.values())


def _frame(conv: int) -> Missed:
    return {"conv": conv, "entries": [], "limited": True}


def _length(span: Span) -> int:
    return span[2] - span[1]


def _newest(behind: list[Span], count: int) -> list[Span]:
    """The newest parts of some ranges, at most ``count`` entries in all.

    The shortest comes first, so that what it leaves over of an even share is the others'.
    """
    spans: list[Span] = []
    left = len(behind)
    for conv, low, high in sorted(behind, key=_length):
        taken = min(high - low + 1, count // left)
        spans.append((conv, high - taken + 1, high))
        count -= taken
        left -= 1
    return spans
