"""The line that a session begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrccsc_server.ports import Snapshot
from mrccsc_server.services.session import Session
from mrccsc_shared import limits as protocol
from mrccsc_shared.codec import encode
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.presence import Presence

FRAME_RESERVE = 4_096
"""Bytes of ``session.ready`` for what is neither contacts, conversations nor missed entries."""

PRESENCE_RESERVE = 48_000
"""Bytes of ``session.ready`` for the presence of friends; that of further ones follows as events."""

SNAPSHOT_BYTES = protocol.MAX_SERVER_LINE - FRAME_RESERVE - PRESENCE_RESERVE
"""What is left for a snapshot."""


def friends(snapshot: Snapshot) -> list[int]:
    """Those whose presence belongs to it."""
    return [contact["user"]["user"] for contact in snapshot.contacts if contact["relation"] == "friend"]


def encode_ready(
    session: Session, snapshot: Snapshot, presences: Mapping[int, Presence], re: int, token: str | None
) -> tuple[bytes, list[Presence]]:
    """The line of ``session.ready``, and the presences for which it has no room."""
    late = _place(presences, snapshot.contacts) if presences and snapshot.contacts else []
    by_relation: dict[str, list[Contact]] = {"friend": [], "incoming": [], "outgoing": [], "blocked": []}
    for contact in snapshot.contacts:
        by_relation[contact["relation"]].append(contact)
    # In the form of mrccsc_shared.messages.session.SessionReady; its longest lists are encoded already.
    frame: dict[str, Any] = {
        "type": "session.ready",
        "re": re,
        "user": session.account.profile,
        "session": session.id,
        "epoch": snapshot.epoch,
        "reset": snapshot.reset,
        "friends": by_relation["friend"],
        "requests": by_relation["incoming"] + by_relation["outgoing"],
        "blocked": by_relation["blocked"],
    }
    if token is not None:
        frame["token"] = token
    if snapshot.more:
        frame["more"] = True
    return b'%b,"conversations":[%b],"missed":[%b]}\n' % (
        encode(frame)[:-2], b",".join(snapshot.conversations), b",".join(snapshot.missed),
    ), late  # fmt: skip


def _place(presences: Mapping[int, Presence], contacts: list[Contact]) -> list[Presence]:
    """Put presences beside the contacts whose they are; those that do not fit."""
    late: list[Presence] = []
    room = PRESENCE_RESERVE
    for contact in contacts:
        if (seen := presences.get(contact["user"]["user"])) is not None:
            room -= 80 + len(seen.get("text", "").encode()) * 2
            if room > 0:
                contact["presence"] = seen
            else:
                late.append(seen)
    return late
