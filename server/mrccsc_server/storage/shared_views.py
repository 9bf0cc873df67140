"""What all members see alike of a conversation: encoded once, and kept for the next one who signs in.

It changes with an entry only, so that it is known by the conversation's head, and by that entry's time, which tells a
log from another one that was restored in its place. Nobody has reacted to the newest entry: a reaction is an entry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import orjson

from mrccsc_server.domain.permissions import is_open
from mrccsc_server.storage import rows
from mrccsc_server.storage.database import Query, Row

KEPT = 8_192
"""Conversations that are remembered at least, and twice as many at most; about half a KiB each."""

_FACES = (
    f"SELECT c.at, c.kind, c.title, c.topic, c.visibility, c.members, {rows.ENTRY}"
    " FROM conversation c JOIN entry e ON e.conv = c.conv AND e.seq = c.head LEFT JOIN body b ON b.id = e.body"
    " WHERE c.conv IN ??"
)
_ENTRY_AT = 6


class SharedView(NamedTuple):
    """A conversation as of one head."""

    head: int
    at: int
    is_direct: bool
    is_open: bool
    """Whether members may read from its beginning."""
    json: bytes
    """Its object without the brace at the end."""


class SharedViews:
    """Those that were looked at last. For any thread: what is lost in a race is read again."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._young: dict[int, SharedView] = {}
        self._old: dict[int, SharedView] = {}

    def find(self, conv: int, head: int, at: int) -> SharedView | None:
        """The conversation as of that head, if it is remembered."""
        face = self._young.get(conv)
        if face is None:
            face = self._old.get(conv)
            if face is None:
                return None
            self._keep(conv, face)
        return face if face.head == head and face.at == at else None

    def add(self, found: Iterable[Row]) -> dict[int, SharedView]:
        """Remember what :func:`query_of_faces` brought; by conversation."""
        faces = {row[_ENTRY_AT]: _face(row) for row in found}
        for conv, face in faces.items():
            self._keep(conv, face)
        return faces

    def _keep(self, conv: int, face: SharedView) -> None:
        if len(self._young) >= self._kept:
            self._old, self._young = self._young, {}
        self._young[conv] = face


def query_of_faces(convs: Collection[int]) -> Query:
    """What :meth:`SharedViews.add` takes."""
    return Query(_FACES, (convs,))


def _face(row: Row) -> SharedView:
    at, kind, title, topic, visibility, members = row[:_ENTRY_AT]
    last = rows.newest(row[_ENTRY_AT:])
    seen: dict[str, Any] = {"conv": last["conv"], "kind": kind, "head": last["seq"], "last": last}
    is_direct = kind == "direct"
    if not is_direct:
        seen.update(title=title, visibility=visibility, members=members)
        if topic:
            seen["topic"] = topic
    return SharedView(last["seq"], at, is_direct, is_open(kind, visibility), orjson.dumps(seen)[:-1])
