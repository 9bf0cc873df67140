"""Opening and ending a session, and what a client knows when it begins."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, StringConstraints
from typing_extensions import TypedDict

from mrccsc_shared.entry import SaidEntry
from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.messages.contact import Contact, User
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.types import Cid, ConvKey, Cursor, Id, RequestId, Time, or_else

RegistrationMode = Literal["open", "invite", "closed"]
Secret = Annotated[str, StringConstraints(max_length=1_024)]
Epoch = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class DeviceInfo(TypedDict):
    """A device as it is listed."""

    id: Cid
    name: str


class Device(BaseModel):
    """The device that signs in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Cid
    name: Annotated[str, StringConstraints(max_length=64)]


@frame
class Welcome(TypedDict):
    """The first line of every connection. ``heartbeat`` is in seconds, the sizes in bytes."""

    type: Literal["welcome"]
    protocol: Literal[1]
    server: str
    node: str
    heartbeat: float
    max_line: int
    max_text: int
    registration: Annotated[RegistrationMode, or_else("closed")]


class AccountRegister(Command):
    """Make an account and sign in to it."""

    answer = "session.ready"
    opens = True
    type: Literal["account.register"] = "account.register"
    username: str
    password: Secret
    display_name: str | None = None
    invite: Annotated[str, StringConstraints(max_length=128)] | None = None
    device: Device | None = None


class SessionLogin(Command):
    """Sign in with a password; the answer has a new token."""

    answer = "session.ready"
    opens = True
    type: Literal["session.login"] = "session.login"
    username: Annotated[str, StringConstraints(max_length=256)]
    password: Secret
    device: Device | None = None


class SessionResume(Command):
    """Sign in with a token and catch up from the cursors of an earlier connection."""

    answer = "session.ready"
    opens = True
    type: Literal["session.resume"] = "session.resume"
    token: Secret
    epoch: Epoch | None = None
    cursors: dict[ConvKey, Cursor] | None = None


class Missed(TypedDict):
    """What a conversation has gained since a cursor: all of it, or with ``limited`` only the newest part."""

    conv: Id
    entries: list[SaidEntry]
    limited: bool


@frame
class SessionReady(TypedDict):
    """All that a client needs to begin. ``reset``: drop what was cached, the cursors do not fit this store."""

    type: Literal["session.ready"]
    re: RequestId
    user: User
    token: NotRequired[str]
    session: Id
    epoch: str
    reset: bool
    friends: list[Contact]
    requests: list[Contact]
    blocked: list[Contact]
    conversations: list[Conversation]
    more: NotRequired[bool]
    missed: list[Missed]


class SessionLogout(Command):
    """End this session, or all sessions of the user."""

    type: Literal["session.logout"] = "session.logout"
    everywhere: bool = False


class SessionList(Command):
    """The user's sessions."""

    answer = "sessions"
    heavy = True
    type: Literal["session.list"] = "session.list"


class SessionInfo(TypedDict):
    """A stored session. ``current`` is the one that asks."""

    session: Id
    device: NotRequired[DeviceInfo]
    created: Time
    last_seen: Time
    current: bool


@frame
class Sessions(TypedDict):
    """The user's sessions, newest first."""

    type: Literal["sessions"]
    re: RequestId
    sessions: list[SessionInfo]


class SessionRevoke(Command):
    """End one of the user's sessions; its connections are closed."""

    type: Literal["session.revoke"] = "session.revoke"
    session: Id
