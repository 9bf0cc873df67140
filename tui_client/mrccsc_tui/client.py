"""The client without its screens: what a person can do, and what is known. No Textual.

Everything runs on one asyncio loop and is called from it. What the user says is on disk before a call returns; what
the server says is in ``store`` before subscribers hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from mrccsc_shared.entry import Role, Visibility
from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_tui.config import Profile
from mrccsc_tui.state.changes import Change
from mrccsc_tui.state.models import (
    Contact,
    Conversation,
    HistoryPage,
    LinkStatus,
    Member,
    Pending,
    Person,
    SearchPage,
    SessionRecord,
)
from mrccsc_tui.state.store import Store

Subscriber = Callable[[Sequence[Change]], None]


class RequestError(Exception):
    """A request was refused or could not be made. ``str()`` is a sentence for a person, safe to print.

    ``code`` is one of ``mrccsc_shared.errors.ErrorCode``, or ``offline`` (not connected), ``no_answer`` (asked, but
    the outcome is unknown). ``retry_after`` is in milliseconds.
    """

    def __init__(self, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after


class ChatClient:
    """One profile's account on its server: the store, the outbox, the line. See the module for its guarantees."""

    profile: Profile
    store: Store

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    # -- life -----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> LinkStatus:
        """How the line stands; the same as ``store.status``."""
        raise NotImplementedError

    @property
    def has_token(self) -> bool:
        """A stored token makes signing in unnecessary."""
        raise NotImplementedError

    def now(self) -> float:
        """The monotonic clock, in seconds, that ``LinkStatus.next_try_at`` is on."""
        raise NotImplementedError

    async def start(self) -> None:
        """Load the last state from disk and, when there is a token, begin to connect. Returns at once, also offline."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close the line and write all to disk, within about 2 s. The session stays: a later start resumes it."""
        raise NotImplementedError

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back with every batch of changes, on the loop, after the store has them. The result unsubscribes."""
        raise NotImplementedError

    def reconnect_now(self) -> None:
        """Try to connect at once instead of waiting for the next try. Does nothing while connected."""
        raise NotImplementedError

    # -- the session ------------------------------------------------------------------------------------------------

    def set_server(self, host: str, port: int, *, tls: bool | None = None) -> None:
        """Choose the server to sign in to. Only while signed out; raises :class:`RequestError` otherwise."""
        raise NotImplementedError

    async def login(self, username: str, password: str) -> Person:
        """Sign in and store the token. Raises :class:`RequestError`, also when the server cannot be reached."""
        raise NotImplementedError

    async def register(
        self, username: str, password: str, display_name: str | None = None, invite: str | None = None
    ) -> Person:
        """Make an account, sign in, and store the token."""
        raise NotImplementedError

    async def logout(self, *, everywhere: bool = False) -> None:
        """End the session and forget its token, cache and outbox; offline too, but then not ``everywhere``."""
        raise NotImplementedError

    async def sessions(self) -> tuple[SessionRecord, ...]:
        """The devices that are signed in."""
        raise NotImplementedError

    async def revoke_session(self, session: int) -> None:
        """Sign another device out."""
        raise NotImplementedError

    async def set_display_name(self, name: str) -> None:
        """Change the user's display name."""
        raise NotImplementedError

    async def change_password(self, old: str, new: str) -> None:
        """Change the password; all other devices are signed out."""
        raise NotImplementedError

    async def set_presence(self, status: ChosenStatus, text: str = "") -> None:
        """Choose how one is seen, on all devices."""
        raise NotImplementedError

    # -- saying something: on disk before these return, sent when the line is up ------------------------------------

    def send(self, conv: int, text: str, reply_to: int | None = None) -> Pending:
        """Say something. Raises :class:`RequestError` (``invalid``, ``too_large``) for what no server would take."""
        raise NotImplementedError

    def edit(self, conv: int, seq: int, text: str) -> Pending:
        """Give an own message a new text."""
        raise NotImplementedError

    def delete(self, conv: int, seq: int) -> Pending:
        """Delete a message."""
        raise NotImplementedError

    def react(self, conv: int, seq: int, emoji: str, on: bool | None = None) -> Pending:
        """Set or take back an emoji (``Reaction.raw`` for one that is there); without ``on`` the other of the two."""
        raise NotImplementedError

    def retry(self, cid: str) -> Pending:
        """Try something that failed again, as new (with a new cid, at the end of the queue)."""
        raise NotImplementedError

    def discard(self, cid: str) -> None:
        """Forget something that failed. What may still be sent cannot be discarded."""
        raise NotImplementedError

    def draft(self, conv: int) -> str:
        """What was typed into a conversation and not sent; survives the client."""
        raise NotImplementedError

    def set_draft(self, conv: int, text: str) -> None:
        """Keep what is typed; cheap enough for every key. Empty text forgets it."""
        raise NotImplementedError

    def recall(self, key: str) -> str | None:
        """A remembered setting of the screens, kept with the profile."""
        raise NotImplementedError

    def remember(self, key: str, value: str | None) -> None:
        """Keep a setting of the screens; ``None`` forgets it."""
        raise NotImplementedError

    # -- reading ----------------------------------------------------------------------------------------------------

    def mark_read(self, conv: int, seq: int, *, unread: bool = False) -> None:
        """Read up to ``seq``; with ``unread``, show everything from ``seq`` on as unread. Shown at once, sent soon."""
        raise NotImplementedError

    def typing(self, conv: int) -> None:
        """The user is typing; call it on every key, it is sent at most once in 3 s."""
        raise NotImplementedError

    async def load_older(self, conv: int, count: int = 100) -> bool:
        """Lengthen the held tail at its beginning, from disk or the server; ``False`` when it is complete.

        One load a conversation is in flight at a time; a second call waits for the first and shares its result.
        """
        raise NotImplementedError

    async def load_until(self, conv: int, seq: int) -> bool:
        """Lengthen the held tail until it has ``seq``; ``False`` when that is out of reach (over 5,000 entries)."""
        raise NotImplementedError

    async def load_around(self, conv: int, seq: int, count: int = 60) -> HistoryPage:
        """What stands around a seq, as a page that is not part of the held tail."""
        raise NotImplementedError

    async def search(
        self, query: str, conv: int | None = None, by: int | None = None, cursor: str | None = None
    ) -> SearchPage:
        """Messages that have all words of the query, newest first."""
        raise NotImplementedError

    # -- people -----------------------------------------------------------------------------------------------------

    async def search_users(self, query: str) -> tuple[Person, ...]:
        """People by a part of their user or display name."""
        raise NotImplementedError

    async def request_contact(self, username: str) -> Contact:
        """Ask somebody to be a friend (or accept, when they have asked)."""
        raise NotImplementedError

    async def accept_contact(self, user: int) -> Contact:
        """Accept an incoming request."""
        raise NotImplementedError

    async def decline_contact(self, user: int) -> Contact:
        """Decline an incoming request."""
        raise NotImplementedError

    async def remove_contact(self, user: int) -> Contact:
        """End a friendship, or take back an own request."""
        raise NotImplementedError

    async def block(self, user: int) -> Contact:
        """Block somebody; it ends a friendship."""
        raise NotImplementedError

    async def unblock(self, user: int) -> Contact:
        """End a block."""
        raise NotImplementedError

    async def open_direct(self, user: int) -> Conversation:
        """The direct conversation with a friend."""
        raise NotImplementedError

    # -- groups -----------------------------------------------------------------------------------------------------

    async def create_group(
        self, title: str, topic: str | None = None, visibility: Visibility = "private"
    ) -> Conversation:
        """Make a group that the user owns."""
        raise NotImplementedError

    async def find_groups(self, query: str = "") -> tuple[Conversation, ...]:
        """Public groups by a part of their title, the largest first. These are not in the store."""
        raise NotImplementedError

    async def join_group(self, conv: int) -> Conversation:
        """Become a member of a public group."""
        raise NotImplementedError

    async def leave_group(self, conv: int) -> None:
        """Leave a group."""
        raise NotImplementedError

    async def invite(self, conv: int, user: int) -> None:
        """Make a friend a member."""
        raise NotImplementedError

    async def remove_member(self, conv: int, user: int) -> None:
        """Take a member out; they may come back."""
        raise NotImplementedError

    async def ban(self, conv: int, user: int) -> None:
        """Take somebody out until unbanned."""
        raise NotImplementedError

    async def unban(self, conv: int, user: int) -> None:
        """Let somebody join again."""
        raise NotImplementedError

    async def set_role(self, conv: int, user: int, role: Role) -> None:
        """Give a member a role; ``owner`` hands the group over."""
        raise NotImplementedError

    async def update_group(
        self,
        conv: int,
        *,
        title: str | None = None,
        topic: str | None = None,
        visibility: Visibility | None = None,
    ) -> None:
        """Change what is given."""
        raise NotImplementedError

    async def load_members(self, conv: int, *, fresh: bool = False) -> tuple[Member, ...]:
        """All members, owner and admins first, then by name. Asks once; ``fresh`` asks again (for presences)."""
        raise NotImplementedError

    async def mute(self, conv: int, muted: bool = True) -> None:
        """Mute or unmute a conversation on all devices."""
        raise NotImplementedError

    def find(self, target: str) -> Conversation | Literal["unknown", "ambiguous"]:
        """The conversation that a person means by ``@user``, ``#title`` or a conversation id."""
        raise NotImplementedError
