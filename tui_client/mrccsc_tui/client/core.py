"""A client's life: its files, its line, its account."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_tui import paths
from mrccsc_tui.config import Profile
from mrccsc_tui.engine.engine import Engine, Subscriber
from mrccsc_tui.engine.history import History
from mrccsc_tui.engine.marks import Marks
from mrccsc_tui.engine.outgoing import Outgoing
from mrccsc_tui.link.clock import Clock, SystemClock
from mrccsc_tui.link.connection import Frame
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.link.outbox import Outbox
from mrccsc_tui.link.transport import Address, Dial, dial
from mrccsc_tui.profile import Session, device_id, fits, forget_session, load_session, save_session
from mrccsc_tui.state.cache import Cache
from mrccsc_tui.state.changes import Change, MeChanged, SignedIn, SignedOut
from mrccsc_tui.state.database import MEMORY
from mrccsc_tui.state.models import LinkStatus, Person, SessionRecord
from mrccsc_tui.state.notes import Notes
from mrccsc_tui.state.store import Store
from mrccsc_tui.state.wire import read_session

FLUSH_EVERY = 1.0
"""Seconds between two writes of drafts and of the cache, when there is something to write."""

REPLY = "reply:"
"""Begins the names of the notes of which message each draft answers."""


class ClientCore:
    """What every part of the client builds on.

    With ``keep`` the client owns its profile's files: the caller holds the profile's lock. Without, only the session's
    token is on disk, and what is not sent ends with the client: for scripts beside a running client.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        keep: bool = True,
        connect: Dial = dial,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.profile = profile
        self._keep = keep
        self._engine = Engine(dial=connect, clock=clock or SystemClock(), random=chance)
        data, cache = paths.data_folder(profile.name), paths.cache_folder(profile.name)
        if keep:
            paths.make_private(data)
            paths.make_private(cache)
        self._notes = Notes(data / "notes.db" if keep else MEMORY)
        self._cache = Cache(cache / "cache.db", self._engine.store) if keep else None
        outbox = Outbox(data / "outbox.db" if keep else MEMORY)
        self._outgoing = Outgoing(self._engine, outbox, self._keep_unsent)
        self._marks = Marks(self._engine)
        self._history = History(self._engine, self._marks, self._cache)
        if self._cache is not None:
            self._engine.subscribe(self._cache.note)
        self._engine.subscribe(self._follow)
        self._engine.before_lists(self._before_lists)
        self._engine.on_online(self._online)

    # -- life -------------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """What is known. For reading."""
        return self._engine.store

    @property
    def status(self) -> LinkStatus:
        """How the line stands; the same as ``store.status``."""
        return self._engine.store.status

    @property
    def has_token(self) -> bool:
        """A stored token makes signing in unnecessary."""
        return self._engine.token is not None

    def now(self) -> float:
        """The monotonic clock, in seconds, that ``LinkStatus.next_try_at`` is on."""
        return self._engine.clock.monotonic()

    async def start(self) -> None:
        """Load the last state from disk and, when there is a token, begin to connect. Returns at once, also offline."""
        session = load_session(self.profile.name)
        if session is not None and fits(session, self.profile):
            self._engine.token = session.token
            self._become(session.user)
            self._engine.begin(self._address())
        else:
            self._engine.publish(self.store.set_status(self._signed_out(None)))
        if self._keep:
            self._engine.tasks.start("flush", self._flush())

    async def stop(self) -> None:
        """Close the line and write all to disk, within about 2 s. The session stays: a later start resumes it."""
        await self._engine.end()
        await self._engine.tasks.stop()
        await self._outgoing.close()
        if self._cache is not None:
            self._cache.close()
        self._notes.close()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back with every batch of changes, on the loop, after the store has them. The result unsubscribes."""
        return self._engine.subscribe(callback)

    def reconnect_now(self) -> None:
        """Try to connect at once instead of waiting for the next try. Does nothing while connected."""
        if self._engine.running:
            self._engine.wake()
        elif self._engine.token is not None:
            self._engine.begin(self._address())

    # -- the session ------------------------------------------------------------------------------------------------

    def set_server(self, host: str, port: int, *, tls: bool | None = None) -> None:
        """Choose the server to sign in to. Raises :class:`RequestError` while signed in."""
        self._require_signed_out()
        before = self.profile
        self.profile = replace(before, host=host, port=port, tls=before.tls if tls is None else tls)
        if (host, port, self.profile.tls) != (before.host, before.port, before.tls):
            self.profile = replace(self.profile, local=False)
        self._engine.publish(self.store.set_status(self._signed_out(None)))

    async def login(self, username: str, password: str) -> Person:
        """Sign in and store the token. Raises :class:`RequestError`, also when the server cannot be reached."""
        return await self._sign_in({"type": "session.login", "username": username, "password": password})

    async def register(
        self, username: str, password: str, display_name: str | None = None, invite: str | None = None
    ) -> Person:
        """Make an account, sign in, and store the token."""
        request: dict[str, Any] = {"type": "account.register", "username": username, "password": password}
        if display_name:
            request["display_name"] = display_name
        if invite:
            request["invite"] = invite
        return await self._sign_in(request)

    async def logout(self, *, everywhere: bool = False) -> None:
        """End the session and forget its token, cache, drafts and outbox; offline too, but then not ``everywhere``."""
        try:
            await self._engine.ask({"type": "session.logout", "everywhere": everywhere})
        except RequestError:
            if everywhere:
                raise
        await self._engine.end()
        self._engine.token = None
        forget_session(self.profile.name)
        self._outgoing.clear()
        self._marks.clear()
        self._notes.clear("")
        if self._cache is not None:
            self._cache.clear()
        self.store.clear()
        self._engine.publish([MeChanged(), *self.store.set_status(self._signed_out(None)), SignedOut()])

    async def sessions(self) -> tuple[SessionRecord, ...]:
        """The devices that are signed in."""
        frame = await self._engine.ask({"type": "session.list"})
        return tuple(map(read_session, frame["sessions"]))

    async def revoke_session(self, session: int) -> None:
        """Sign another device out."""
        await self._engine.ask({"type": "session.revoke", "session": session})

    async def set_display_name(self, name: str) -> None:
        """Change the user's display name."""
        await self._engine.ask({"type": "account.update", "display_name": name})

    async def change_password(self, old: str, new: str) -> None:
        """Change the password; all other devices are signed out."""
        await self._engine.ask({"type": "account.password", "old": old, "new": new})

    async def set_presence(self, status: ChosenStatus, text: str = "") -> None:
        """Choose how one is seen, on all devices."""
        request: dict[str, Any] = {"type": "presence.set", "status": status}
        if text:
            request["text"] = text
        await self._engine.ask(request)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _address(self) -> Address:
        return Address(self.profile.host, self.profile.port, self.profile.tls, self.profile.ca)

    def _signed_out(self, reason: str | None) -> LinkStatus:
        address = self._address()
        return LinkStatus("stopped", address.host, address.port, address.tls, address.loopback, reason=reason)

    def _require_signed_out(self) -> None:
        if self._engine.running:
            raise RequestError("invalid", "You are signed in; sign out first.")

    async def _sign_in(self, request: dict[str, Any]) -> Person:
        self._require_signed_out()
        name = f"mrccsc-tui on {socket.gethostname()}"[:64]
        request["device"] = {"id": device_id(self.profile.name), "name": name}
        await self._engine.sign_in(self._address(), request)
        if self.store.me is None:
            raise RequestError("no_answer", "The session ended as it began.")
        return self.store.me

    def _before_lists(self, frame: Frame) -> None:
        if frame["type"] == "session.ready" and self.store.is_void(frame):
            # They name entries of another log.
            self._marks.clear()
            self._notes.clear("reply:")
        else:
            self._marks.compare(frame)
        if frame["type"] != "session.ready":
            return
        user = frame["user"]
        if self.store.me is None or self.store.me.user != user["user"]:
            self._become(user["user"])
        if token := frame.get("token"):
            self._engine.token = token
            self.profile = replace(self.profile, username=user["username"])
        self._keep_session(user["user"], user["username"])

    def _keep_session(self, user: int, username: str) -> None:
        """For the next start. What the server is trusted by may be another file than when the token was given."""
        if (token := self._engine.token) is None:
            return
        profile = self.profile
        ca = str(profile.ca.absolute()) if profile.tls and profile.ca else None
        session = Session(profile.host, profile.port, profile.tls, user, username, token, ca)
        if load_session(profile.name) != session:
            save_session(profile.name, session)

    def _become(self, user: int) -> None:
        """Know and say what this account knew and had to say when it was here last; forget any other's."""
        owner = f"local:{user}" if self.profile.local else f"{self.profile.host}:{self.profile.port}:{user}"
        self.store.clear()
        if self._notes.get("owner") != owner:
            self._notes.clear("")
            self._notes.put("owner", owner)
        if self._cache is not None:
            self._cache.load(owner)
        self._outgoing.load(owner)

    def _keep_unsent(self, conv: int, texts: Sequence[str]) -> None:
        """Words that cannot be said any more go into the draft, which is there again when the user comes back."""
        if texts:
            draft = self._notes.get(f"draft:{conv}")
            self._notes.put(f"draft:{conv}", "\n".join([*texts, *([draft] if draft else [])]))
            # At once: the outbox forgets them next.
            self._notes.flush()

    def _online(self) -> None:
        self._outgoing.connect()
        self._history.new_session()
        self._marks.tell_all()

    def _follow(self, changes: Sequence[Change]) -> None:
        if self._engine.token is None and any(isinstance(change, SignedOut) for change in changes):
            forget_session(self.profile.name)
        if any(isinstance(change, SignedIn) and change.reset for change in changes):
            # In a store with another epoch the same seq may be another message.
            self._notes.clear(REPLY)

    async def _flush(self) -> None:
        while True:
            await self._engine.clock.sleep(FLUSH_EVERY)
            self._notes.flush()
            self._outgoing.flush()
            if self._cache is not None:
                await self._cache.flush()
