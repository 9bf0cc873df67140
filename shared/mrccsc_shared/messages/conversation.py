"""Conversations as one of their members sees them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from mrccsc_shared.entry import SaidEntry, SaidRole, SaidVisibility
from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.types import Cursor, Id, PageSize, RequestId, Seq, or_else

ConversationKind = Literal["direct", "group"]
GoneReason = Literal["left", "removed", "banned", "closed"]

Conversation = TypedDict(
    "Conversation",
    {
        "conv": Id,
        "kind": Annotated[ConversationKind, or_else("group")],
        "title": str,
        "topic": NotRequired[str],
        "visibility": NotRequired[SaidVisibility],
        "peer": NotRequired[Id],
        "role": NotRequired[SaidRole],
        "muted": bool,
        "from": Seq,
        "head": Cursor,
        "read": Cursor,
        "peer_read": NotRequired[Cursor],
        "unread": int,
        "unread_from": NotRequired[Seq],
        "mentions": int,
        "members": NotRequired[int],
        "last": NotRequired[SaidEntry],
    },
)
"""A conversation in the eyes of one user.

``from`` is the first seq they may read, ``head`` the highest seq there is, ``read`` how far they have read.
``unread`` counts messages by others after ``read``; ``mentions`` those of them that mention the user.
``last`` is the entry at ``head`` with at most 200 characters of text. ``role`` is absent for someone who is
no member (in ``group.results``, and where one who has left since asks again to join or create). A direct conversation
has ``peer`` and ``peer_read``, and the peer's display name as its title.
"""


@frame
class ConversationFrame(TypedDict):
    """A conversation as it is now: an answer with ``re``, an event without.

    As an event for a new conversation it comes before the first entry above its ``head``.
    """

    type: Literal["conversation"]
    re: NotRequired[RequestId]
    conversation: Conversation


@frame
class ConversationGone(TypedDict):
    """The user is no member any more; nothing of this conversation follows."""

    type: Literal["conversation.gone"]
    conv: Id
    reason: Annotated[GoneReason, or_else("removed")]


class ConversationList(Command):
    """The user's conversations after one, in ascending order of their ids."""

    answer = "conversations"
    heavy = True
    type: Literal["conversation.list"] = "conversation.list"
    after: Cursor | None = None
    limit: PageSize


@frame
class Conversations(TypedDict):
    """A part of the user's conversations."""

    type: Literal["conversations"]
    re: RequestId
    conversations: list[Conversation]
    more: bool


class ConversationMute(Command):
    """Mute or unmute a conversation on all devices of the user."""

    type: Literal["conversation.mute"] = "conversation.mute"
    conv: Id
    muted: bool


class DirectOpen(Command):
    """The direct conversation with a friend, made when there is none yet."""

    answer = "conversation"
    type: Literal["direct.open"] = "direct.open"
    user: Id
