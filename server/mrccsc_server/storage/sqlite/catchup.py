"""What a session begins with, cut to the bytes of a line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from mrccsc_server.ports import Snapshot
from mrccsc_server.storage import rows
from mrccsc_server.storage.sqlite import views
from mrccsc_server.storage.sqlite.contacts import contacts_of
from mrccsc_server.storage.sqlite.entries import Span, fitting, read_spans
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.session import Missed

_SMALLEST_ENTRY = 100
"""Bytes below which no entry's JSON is: what bounds the rows that are read for a number of bytes."""

_BRACKETS = 8
"""Bytes around the three lists."""

_CONVERSATIONS_SHARE = 0.5
"""What conversations may take of a snapshot that has missed entries too, and more where these need less."""


def snapshot(
    connection: sqlite3.Connection, user: int, epoch: str, cursors: Mapping[int, int] | None, max_bytes: int
) -> Snapshot:
    """See :meth:`mrccsc_server.ports.Log.snapshot`. Without ``cursors`` the client's epoch was another one."""
    contacts = contacts_of(connection, user)
    conversations = views.views_of_user(connection, user)
    heads = {view["conv"]: view["head"] for view in conversations}
    reset = cursors is None or any(seq > heads[conv] for conv, seq in cursors.items() if conv in heads)
    room = max_bytes - _BRACKETS - sum(map(rows.size, contacts))
    missed: list[Missed] = []
    if cursors and not reset:
        behind = [
            (view["conv"], max(cursors[view["conv"]] + 1, view["from"]), view["head"])
            for view in conversations
            if view["conv"] in cursors and cursors[view["conv"]] < view["head"]
        ]
        wanted = min(room, sum(map(rows.size, conversations)))
        missed = _missed(connection, behind, room - min(wanted, round(room * _CONVERSATIONS_SHARE)))
        room -= sum(map(rows.size, missed))
    shown = _fitting(conversations, room)
    return Snapshot(epoch, reset, contacts, shown, len(shown) < len(conversations), missed, heads)


def _fitting(conversations: list[Conversation], room: int) -> list[Conversation]:
    shown: list[Conversation] = []
    for view in conversations:
        room -= rows.size(view)
        if room < 0:
            break
        shown.append(view)
    return shown


def _missed(connection: sqlite3.Connection, behind: list[Span], room: int) -> list[Missed]:
    """What each conversation has gained, the newest part of it where the whole does not fit."""
    frames: dict[int, Missed] = {conv: {"conv": conv, "entries": [], "limited": True} for conv, _, _ in behind}
    room = max(0, room - sum(map(rows.size, frames.values())))
    lows = {conv: low for conv, low, _ in behind}
    found: dict[int, list[Entry]] = {conv: [] for conv, _, _ in behind}
    for entry in read_spans(connection, _newest(behind, room // _SMALLEST_ENTRY)):
        found[entry["conv"]].append(entry)
    left = len(behind)
    for conv, entries in sorted(found.items(), key=lambda item: len(item[1])):
        taken, total = fitting(reversed(entries), room // left)
        taken.reverse()
        frames[conv]["entries"] = taken
        frames[conv]["limited"] = not taken or taken[0]["seq"] > lows[conv]
        room -= total
        left -= 1
    return list(frames.values())


def _newest(behind: list[Span], count: int) -> list[Span]:
    """The newest parts of some ranges, at most ``count`` entries in all.

    The shortest comes first, so that what it leaves over of an even share is the others'.
    """
    spans: list[Span] = []
    left = len(behind)
    for conv, low, high in sorted(behind, key=lambda span: span[2] - span[1]):
        taken = min(high - low + 1, count // left)
        spans.append((conv, high - taken + 1, high))
        count -= taken
        left -= 1
    return spans
