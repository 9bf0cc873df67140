"""The entries of a conversation's log, as they travel in live delivery, catch-up and pages alike.

What never changes in a stored entry is ``conv``, ``seq``, ``kind``, ``by``, ``at`` and ``cid``. A ``message`` is always
shown in its present state: ``rev`` is the seq of the last entry applied to it.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from mrccsc_shared.types import Cid, Id, Seq, Time

EntryKind = Literal["create", "message", "edit", "delete", "reaction", "join", "leave", "role", "change"]
JoinReason = Literal["joined", "invited"]
LeaveReason = Literal["left", "removed", "banned"]
Role = Literal["owner", "admin", "member"]
Visibility = Literal["public", "private"]


class EntryBase(TypedDict):
    """What every entry has. ``by`` is the user whose act it records; ``at`` never decreases within a log."""

    conv: Id
    seq: Seq
    by: Id
    at: Time
    cid: NotRequired[Cid]


class CreateEntry(EntryBase):
    """The conversation began. Always seq 1."""

    kind: Literal["create"]


class MessageEntry(EntryBase):
    """What somebody said, in its present state. A deleted message has no text, reactions or mentions."""

    kind: Literal["message"]
    text: NotRequired[str]
    rev: Seq
    reply_to: NotRequired[Seq]
    edited: NotRequired[Time]
    deleted: NotRequired[Literal[True]]
    reactions: NotRequired[dict[str, list[Id]]]
    mentions: NotRequired[list[Id]]


class EditEntry(EntryBase):
    """The message at ``target`` got a new text; empty once a later edit or a deletion supersedes it."""

    kind: Literal["edit"]
    target: Seq
    text: str
    mentions: NotRequired[list[Id]]


class DeleteEntry(EntryBase):
    """The message at ``target`` was deleted: its text is gone from the store."""

    kind: Literal["delete"]
    target: Seq


class ReactionEntry(EntryBase):
    """``by`` set or took back one emoji on the message at ``target``."""

    kind: Literal["reaction"]
    target: Seq
    emoji: str
    on: bool


class JoinEntry(EntryBase):
    """``user`` is a member from here on."""

    kind: Literal["join"]
    user: Id
    reason: JoinReason


class LeaveEntry(EntryBase):
    """``user`` is no member after this."""

    kind: Literal["leave"]
    user: Id
    reason: LeaveReason


class RoleEntry(EntryBase):
    """``user`` has ``role`` from here on."""

    kind: Literal["role"]
    user: Id
    role: Role


class ChangeEntry(EntryBase):
    """The group's title, topic or visibility changed to what is named here."""

    kind: Literal["change"]
    title: NotRequired[str]
    topic: NotRequired[str]
    visibility: NotRequired[Visibility]


Entry = Annotated[
    CreateEntry
    | MessageEntry
    | EditEntry
    | DeleteEntry
    | ReactionEntry
    | JoinEntry
    | LeaveEntry
    | RoleEntry
    | ChangeEntry,
    Field(discriminator="kind"),
]
