"""People: who they are to each other, and finding them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.messages.presence import Presence
from mrccsc_shared.types import Id, PageSize, Query, RequestId, or_else

Relation = Literal["friend", "incoming", "outgoing", "blocked", "none"]


class User(TypedDict):
    """Somebody. The user name is lower case; the display name is for showing only."""

    user: Id
    username: str
    display_name: str


class Contact(TypedDict):
    """What somebody is to the reader. ``conv`` is their direct conversation once it exists."""

    user: User
    relation: Annotated[Relation, or_else("none")]
    presence: NotRequired[Presence]
    conv: NotRequired[Id]


@frame
class ContactFrame(TypedDict):
    """A relation as it is now: an answer with ``re``, an event without."""

    type: Literal["contact"]
    re: NotRequired[RequestId]
    contact: Contact


class ContactRequest(Command):
    """Ask somebody to be a friend; accepts when they have asked already."""

    answer = "contact"
    type: Literal["contact.request"] = "contact.request"
    username: str


class ContactAccept(Command):
    """Accept an incoming request."""

    answer = "contact"
    type: Literal["contact.accept"] = "contact.accept"
    user: Id


class ContactDecline(Command):
    """Decline an incoming request."""

    answer = "contact"
    type: Literal["contact.decline"] = "contact.decline"
    user: Id


class ContactRemove(Command):
    """End a friendship or take back an own request."""

    answer = "contact"
    type: Literal["contact.remove"] = "contact.remove"
    user: Id


class ContactBlock(Command):
    """End a friendship and hear no more requests from somebody."""

    answer = "contact"
    type: Literal["contact.block"] = "contact.block"
    user: Id


class ContactUnblock(Command):
    """End a block; the friendship does not come back by itself."""

    answer = "contact"
    type: Literal["contact.unblock"] = "contact.unblock"
    user: Id


class UserSearch(Command):
    """Find users by a part of their user or display name."""

    answer = "user.results"
    heavy = True
    type: Literal["user.search"] = "user.search"
    query: Query
    limit: PageSize


@frame
class UserResults(TypedDict):
    """The users found, best match first."""

    type: Literal["user.results"]
    re: RequestId
    users: list[User]
