"""The entries of a conversation's log, as they travel in live delivery, catch-up and pages alike.

What never changes in a stored entry is ``conv``, ``seq``, ``kind``, ``by``, ``at`` and ``cid``. A ``message`` is always
shown in its present state: ``rev`` is the seq of the last entry applied to it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, get_args

from pydantic import Field, TypeAdapter, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from typing_extensions import TypedDict

from mrccsc_shared.types import ANY_VERSION, Cid, Id, Seq, Time, or_else

EntryKind = Literal["create", "message", "edit", "delete", "reaction", "join", "leave", "role", "change"]
JoinReason = Literal["joined", "invited"]
LeaveReason = Literal["left", "removed", "banned"]
Role = Literal["owner", "admin", "member"]
Visibility = Literal["public", "private"]

KINDS: frozenset[str] = frozenset(get_args(EntryKind))

# As a server says them: what a client takes a word for that came after its version. It claims the least.
SaidRole = Annotated[Role, or_else("member")]
SaidVisibility = Annotated[Visibility, or_else("private")]


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
    reason: Annotated[JoinReason, or_else("joined")]


class LeaveEntry(EntryBase):
    """``user`` is no member after this."""

    kind: Literal["leave"]
    user: Id
    reason: Annotated[LeaveReason, or_else("left")]


class RoleEntry(EntryBase):
    """``user`` has ``role`` from here on."""

    kind: Literal["role"]
    user: Id
    role: SaidRole


class ChangeEntry(EntryBase):
    """The group's title, topic or visibility changed to what is named here."""

    kind: Literal["change"]
    title: NotRequired[str]
    topic: NotRequired[str]
    visibility: NotRequired[SaidVisibility]


class UnknownEntry(EntryBase):
    """An entry of a kind that came after this version. Only a reader meets one; its place in the log counts."""

    kind: str


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

_UNKNOWN = TypeAdapter(UnknownEntry)


def _of_any_version(value: Any, known: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if (
        info.context == ANY_VERSION
        and isinstance(value, dict)
        and isinstance(kind := value.get("kind"), str)
        and kind not in KINDS
    ):
        return _UNKNOWN.validate_python(value)
    return known(value)


SaidEntry = Annotated[Entry, WrapValidator(_of_any_version)]
"""An entry as a server says it: a client may read an :class:`UnknownEntry` in its place."""
