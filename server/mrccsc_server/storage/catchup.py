"""What sessions begin with, cut to the bytes of a line each: for several users in one set of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import orjson

from mrccsc_server.domain.fitting import fitting, size
from mrccsc_server.ports import Snapshot, SnapshotRequest
from mrccsc_server.storage import contacts
from mrccsc_server.storage.database import Query, Reader
from mrccsc_server.storage.entries import Span, read_spans
from mrccsc_server.storage.json_rows import packed, unpack
from mrccsc_server.storage.shared_views import SharedView, SharedViews, query_of_faces
from mrccsc_shared.entry import Entry, Role
from mrccsc_shared.messages.contact import Contact

_SMALLEST_ENTRY = 100
"""Bytes below which no entry's JSON is: what bounds the rows that are read for a number of bytes."""

_BRACKETS = 8
"""Bytes around the three lists."""

_CONVERSATIONS_SHARE = 0.5
"""What conversations may take of a snapshot that has missed entries too, and more where these need less."""

_UNREAD = "(c.messages - m.read_messages) - (m.sent - m.read_own)"

# What is a member's own of each conversation. Who is mentioned has something unread, and most have not.
_STANDINGS = (
    "SELECT "
    + packed(
        f"m.user, m.conv, c.head, c.at, m.read_seq, {_UNREAD}, CASE WHEN {_UNREAD} = 0 THEN 0 ELSE"
        " (SELECT COUNT(*) FROM mention n WHERE n.user = m.user AND n.conv = m.conv AND n.seq > m.read_seq) END,"
        " m.muted, m.role, m.joined, m.unread_from, p.user, a.display_name, p.read_seq"
    )
    + " FROM member m JOIN conversation c ON c.conv = m.conv"
    " LEFT JOIN member p ON p.conv = c.conv AND p.user = c.low + c.high - m.user"
    " LEFT JOIN account a ON a.user = p.user"
    " WHERE m.state = 'member' AND m.user IN ??"
)

_Standing = list[Any]
"""What :data:`_STANDINGS` gives of one membership."""


async def read_snapshots(
    reader: Reader, epoch: str, faces: SharedViews, requests: Sequence[SnapshotRequest]
) -> list[Draft]:
    """All that :meth:`mrccsc_server.ports.Log.snapshots` needs of the database, in one transaction."""
    users = list({request.user for request in requests})
    found = await reader.gather(contacts.query_of_users(users), Query(_STANDINGS, (users,)))
    contacts_of = contacts.contacts_of_users(found[0])
    standings_of: dict[int, list[_Standing]] = {user: [] for user in users}
    for standing in sorted(unpack(found[1])):
        standings_of[standing[0]].append(standing)
    seen = await _read_faces(reader, faces, standings_of.values())
    drafts = [
        Draft(epoch, request, contacts_of.get(request.user, []), standings_of[request.user], seen)
        for request in requests
    ]
    wanted = {span for draft in drafts for span in draft.newest}
    entries = await read_spans(reader, wanted) if wanted else {}
    for draft in drafts:
        draft.entries = entries
    return drafts


async def _read_faces(reader: Reader, faces: SharedViews, standings: Any) -> dict[int, SharedView]:
    """How the conversations look to all: what is remembered, and what is not, read now."""
    seen: dict[int, SharedView] = {}
    unseen: set[int] = set()
    for some in standings:
        for standing in some:
            conv = standing[1]
            if conv not in seen:
                face = faces.find(conv, standing[2], standing[3])
                if face is None:
                    unseen.add(conv)
                else:
                    seen[conv] = face
    if unseen:
        (found,) = await reader.gather(query_of_faces(unseen))
        seen |= faces.add(found)
    return seen


class Draft:
    """A snapshot of which everything is read.

    ``behind`` are the ranges that the user's cursors lack, and ``newest`` the newest parts of them, which ``entries``
    has.
    """

    def __init__(
        self,
        epoch: str,
        request: SnapshotRequest,
        contacts: list[Contact],
        standings: list[_Standing],
        faces: Mapping[int, SharedView],
    ) -> None:
        self.entries: Mapping[tuple[int, int], Entry] = {}
        self.behind: list[Span] = []
        self.newest: list[Span] = []
        self._epoch = epoch
        self._contacts = [contact.copy() for contact in contacts]
        self._heads = {standing[1]: standing[2] for standing in standings}
        self._faced = [(faces[standing[1]], standing) for standing in standings]
        self._views: list[bytes] | None = None
        self._room = request.max_bytes - _BRACKETS - (size(contacts) if contacts else 0)
        self._room_missed = 0
        cursors = request.cursors if request.epoch is None or request.epoch == epoch else None
        self._reset = cursors is None or any(
            seq > self._heads[conv] for conv, seq in cursors.items() if conv in self._heads
        )
        if cursors and not self._reset:
            self._look_back(cursors)

    def finish(self) -> Snapshot:
        """The snapshot, its conversations and what they have gained encoded."""
        missed = self._missed() if self.behind else []
        room = self._room - sum(map(len, missed)) - len(missed)
        views = self._all_views()
        shown = views
        if sum(map(len, views)) + len(views) > room:
            shown, _ = fitting(views, room, _length)
        more = len(shown) < len(views)
        return Snapshot(self._epoch, self._reset, self._contacts, shown, more, missed, self._heads)

    def _look_back(self, cursors: Mapping[int, int]) -> None:
        self.behind = [
            (conv, max(cursors[conv] + 1, _first(face, standing)), standing[2])
            for face, standing in self._faced
            if (conv := standing[1]) in cursors and cursors[conv] < standing[2]
        ]
        if not self.behind:
            return
        wanted = min(self._room, sum(map(_length, self._all_views())))
        frames = sum(len(_frame(conv, [], limited=False)) + 1 for conv, _, _ in self.behind)
        share = self._room - min(wanted, round(self._room * _CONVERSATIONS_SHARE))
        self._room_missed = max(0, share - frames)
        self.newest = _newest(self.behind, self._room_missed // _SMALLEST_ENTRY)

    def _missed(self) -> list[bytes]:
        """What each conversation has gained, the newest part of it where the whole does not fit."""
        frames = {conv: _frame(conv, [], limited=True) for conv, _, _ in self.behind}
        lows = {conv: low for conv, low, _ in self.behind}
        room = self._room_missed
        left = len(self.newest)
        for conv, low, high in sorted(self.newest, key=_span):
            newest = (orjson.dumps(self.entries[conv, seq]) for seq in range(high, low - 1, -1))
            taken, total = fitting(newest, room // left, _length)
            taken.reverse()
            first = high - len(taken) + 1
            frames[conv] = _frame(conv, taken, limited=not taken or first > lows[conv])
            room -= total
            left -= 1
        return list(frames.values())

    def _all_views(self) -> list[bytes]:
        if self._views is None:
            self._views = [_view(face, standing) for face, standing in self._faced]
        return self._views


_ROLES = {role: b'"role":"%b"' % role.encode() for role in get_args(Role)}
_TRUTH = b"false", b"true"


def _view(face: SharedView, standing: _Standing) -> bytes:
    """A conversation as :class:`mrccsc_shared.messages.conversation.Conversation`, for one member."""
    _, _, _, _, read, unread, mentions, muted, role, joined, unread_from, peer, name, peer_read = standing
    own = _ROLES[role]
    if face.is_direct:
        own = orjson.dumps({"title": name, "peer": peer, "peer_read": peer_read})[1:-1]
    if unread_from is not None:
        own += b',"unread_from":%d' % unread_from
    return b'%b,"from":%d,"read":%d,"unread":%d,"mentions":%d,"muted":%b,%b}' % (
        face.json, 1 if face.is_open else joined, read, unread, mentions, _TRUTH[muted], own,
    )  # fmt: skip


def _first(face: SharedView, standing: _Standing) -> int:
    """The first seq that the member may read: see :func:`mrccsc_server.domain.permissions.first_readable`."""
    joined: int = standing[9]
    return 1 if face.is_open else joined


def _frame(conv: int, entries: Sequence[bytes], *, limited: bool) -> bytes:
    """A :class:`mrccsc_shared.messages.session.Missed`."""
    return b'{"conv":%d,"entries":[%b],"limited":%b}' % (conv, b",".join(entries), b"true" if limited else b"false")


def _length(part: bytes) -> int:
    """The bytes that a part takes in its list: it and the comma after it."""
    return len(part) + 1


def _span(span: Span) -> int:
    return span[2] - span[1]


def _newest(behind: list[Span], count: int) -> list[Span]:
    """The newest parts of some ranges, at most ``count`` entries in all.

    The shortest comes first, so that what it leaves over of an even share is the others'.
    """
    spans: list[Span] = []
    left = len(behind)
    for conv, low, high in sorted(behind, key=_span):
        taken = min(high - low + 1, count // left)
        spans.append((conv, high - taken + 1, high))
        count -= taken
        left -= 1
    return spans
