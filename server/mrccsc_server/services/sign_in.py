"""Opening a session, what it begins with, and ending sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Literal

from mrccsc_server.ports import Account, Bus, Clock, Guesses, Rate, SessionsEnded, Snapshot, Store, Throttles
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.throttle import Throttle
from mrccsc_server.security.tokens import digest, new_token
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService, presence_event
from mrccsc_server.services.renewal import Renewal
from mrccsc_server.services.session import Session
from mrccsc_shared import limits as protocol
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode, ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.presence import PresenceEvent
from mrccsc_shared.messages.session import (
    AccountRegister,
    Device,
    DeviceInfo,
    RegistrationMode,
    SessionLogin,
    SessionReady,
    SessionResume,
)
from mrccsc_shared.text import check_name, check_username

log = logging.getLogger(__name__)

FRAME_RESERVE = 4_096
"""Bytes of ``session.ready`` for what is neither contacts, conversations nor missed entries."""

PRESENCE_RESERVE = 48_000
"""Bytes of ``session.ready`` for the presence of friends; that of further ones follows as events."""

SNAPSHOTS = 10
"""Snapshots that are read at most until one is not behind what is delivered here."""

SWEEP_SECONDS = 15.0
"""Seconds between two looks at whether the sessions that are connected here were ended elsewhere."""

Outcome = Literal["registered", "password", "token", "refused", "throttled"]


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in, and how fast.

    ``addresses`` counts the sign-ins of one address and the guesses are failed passwords, all of them on all nodes
    together; ``everyone`` counts the sign-ins by token of this node.
    """

    registration: RegistrationMode
    addresses: Rate
    guesses_by_account: Guesses
    guesses_by_address: Guesses
    everyone: Throttle


def make_door(registration: RegistrationMode, throttles: Throttles, clock: Clock, limits: Limits) -> Door:
    """The door as the limits say."""

    def guesses(name: str, free: int) -> Guesses:
        return throttles.guesses(name, free=free, delay=limits.failure_delay, delay_max=limits.failure_delay_max)

    return Door(
        registration=registration,
        addresses=throttles.rate("sign-ins", rate=limits.address_rate, burst=limits.address_burst),
        guesses_by_account=guesses("account", limits.failure_free),
        guesses_by_address=guesses("address", limits.failure_free_address),
        everyone=Throttle(clock, rate=limits.sign_in_rate, burst=limits.sign_in_burst),
    )


class SignIn:
    """Lets users in and out. Every method raises :class:`Refusal` with what the client is to be told."""

    def __init__(
        self,
        store: Store,
        live: Live,
        gaps: Gaps,
        presence: PresenceService,
        renewal: Renewal,
        bus: Bus,
        passwords: Passwords,
        door: Door,
    ) -> None:
        self._store = store
        self._live = live
        self._gaps = gaps
        self._presence = presence
        self._renewal = renewal
        self._bus = bus
        self._passwords = passwords
        self._door = door

    # -- in --------------------------------------------------------------------------------------------------------

    async def register(self, request: AccountRegister, address: str) -> tuple[Account, int, str]:
        """Make an account and a session of it; the session's id and token."""
        await self._admit(address)
        if self._door.registration == "closed":
            raise Refusal(ErrorCode.CLOSED_REGISTRATION)
        invite = None
        if self._door.registration == "invite":
            if not request.invite:
                raise Refusal(ErrorCode.BAD_INVITE)
            invite = request.invite.strip().lower()
        username = check_username(request.username)
        display_name = check_name(request.display_name if request.display_name is not None else username)
        check_password(request.password)
        if invite is None and await self._store.accounts.by_name(username):
            raise Refusal(ErrorCode.EXISTS)
        hashed = await self._passwords.hash(request.password)
        account = await self._store.accounts.create(username, display_name, hashed, invite)
        return (account, *await self._open(account, request.device))

    async def login(self, request: SessionLogin, address: str) -> tuple[Account, int, str]:
        """A new session by user name and password. An unknown user costs and answers the same as a wrong password."""
        await self._admit(address)
        name = request.username.lower()
        account = await self._verify(name, address, self._store.accounts.by_name(name), request.password)
        if account is None:
            raise Refusal(ErrorCode.BAD_CREDENTIALS)
        return (account, *await self._open(account, request.device))

    async def resume(self, request: SessionResume, address: str) -> tuple[Account, int]:
        """The session of a token."""
        await self._admit(address)
        if wait := self._door.everyone.take(None):
            raise Refusal(ErrorCode.RATE_LIMITED, "Many are signing in; wait a moment.", retry_after=wait)
        stored = await self._store.sessions.find(digest(request.token))
        if stored is None:
            raise Refusal(ErrorCode.BAD_CREDENTIALS, "The token is unknown, revoked or expired; sign in again.")
        return stored.account, stored.session

    async def begin(
        self,
        session: Session,
        *,
        re: int,
        token: str | None = None,
        epoch: str | None = None,
        cursors: Mapping[int, int] | None = None,
    ) -> None:
        """Say ``session.ready`` and go over to live delivery, with nothing between the two.

        The order matters: first hear of everything, then read the snapshot, then sort what was heard against it.
        """
        self._live.enter(session)
        try:
            convs = await self._store.conversations.ids(session.user)
            self._live.watch(session, convs)
            await self._gaps.follow((session.user,), convs)
            for _ in range(SNAPSHOTS):
                snapshot = await self._read(session, epoch, cursors)
                if not self._live.here(session):
                    return
                ready, late = await self._ready(session, snapshot, re, token)
                if self._live.release(session, encode(ready), snapshot.heads):
                    for event in late:
                        session.send(encode(event))
                    return
        except BaseException:
            self.leave(session)
            raise
        self.leave(session)
        raise Refusal(ErrorCode.UNAVAILABLE)

    async def _read(self, session: Session, epoch: str | None, cursors: Mapping[int, int] | None) -> Snapshot:
        room = protocol.MAX_SERVER_LINE - FRAME_RESERVE - PRESENCE_RESERVE
        return await self._store.log.snapshot(session.user, epoch=epoch, cursors=cursors, max_bytes=room)

    async def _ready(
        self, session: Session, snapshot: Snapshot, re: int, token: str | None
    ) -> tuple[SessionReady, list[PresenceEvent]]:
        friends = [contact["user"]["user"] for contact in snapshot.contacts if contact["relation"] == "friend"]
        if session.present:
            presences = await self._presence.of(friends)
        else:
            session.present = True
            presences, _ = await asyncio.gather(self._presence.of(friends), self._presence.enter(session.account))
        self._renewal.know(session.user, snapshot.contacts)
        late: list[PresenceEvent] = []
        room = PRESENCE_RESERVE
        by_relation: dict[str, list[Contact]] = {"friend": [], "incoming": [], "outgoing": [], "blocked": []}
        for contact in snapshot.contacts:
            if (seen := presences.get(contact["user"]["user"])) is not None:
                room -= 80 + len(seen.get("text", "").encode()) * 2
                if room > 0:
                    contact["presence"] = seen
                else:
                    late.append(presence_event(seen))
            by_relation[contact["relation"]].append(contact)
        ready: SessionReady = {
            "type": "session.ready",
            "re": re,
            "user": session.account.profile,
            "session": session.id,
            "epoch": snapshot.epoch,
            "reset": snapshot.reset,
            "friends": by_relation["friend"],
            "requests": by_relation["incoming"] + by_relation["outgoing"],
            "blocked": by_relation["blocked"],
            "conversations": snapshot.conversations,
            "missed": snapshot.missed,
        }
        if token is not None:
            ready["token"] = token
        if snapshot.more:
            ready["more"] = True
        return ready, late

    async def _admit(self, address: str) -> None:
        if wait := await self._door.addresses.take(address):
            raise Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)

    async def _open(self, account: Account, device: Device | None) -> tuple[int, str]:
        token = new_token()
        info: DeviceInfo | None = None if device is None else {"id": device.id, "name": device.name}
        return await self._store.sessions.open(account.user, digest(token), info), token

    # -- out -------------------------------------------------------------------------------------------------------

    def leave(self, session: Session) -> None:
        """The connection of a session is gone."""
        if self._live.leave(session):
            self._renewal.forget(session.user)
        if session.present:
            session.present = False
            self._presence.leave(session.user, at_once=session.logged_out)

    async def logout(self, session: Session, *, everywhere: bool) -> None:
        """End the session, or all of the user's. The caller answers and closes the asking connection."""
        if everywhere:
            ended = await self._store.sessions.revoke_all(session.user)
        else:
            await self._store.sessions.revoke(session.user, session.id)
            ended = [session.id]
        self.end(session.user, ended, but=session)
        session.logged_out = True

    async def revoke(self, session: Session, revoked: int) -> None:
        """End one session of the user; its connections are closed."""
        if not await self._store.sessions.revoke(session.user, revoked):
            raise Refusal(ErrorCode.NOT_FOUND, "You have no such session.")
        self.end(session.user, [revoked], but=session)

    async def change_password(self, session: Session, address: str, old: str, new: str) -> None:
        """Change the password; all other sessions end."""
        check_password(new)
        name = session.account.username
        if await self._verify(name, address, self._store.accounts.by_id(session.user), old) is None:
            raise Refusal(ErrorCode.BAD_CREDENTIALS, "The old password is wrong.")
        hashed = await self._passwords.hash(new)
        ended = await self._store.accounts.set_password(session.user, hashed, keep=session.id)
        self.end(session.user, ended, but=session)

    async def _verify(
        self, name: str, address: str, found: Coroutine[object, object, Account | None], password: str
    ) -> Account | None:
        """The account whose password this is. An attempt counts as failed, by name and address, until it was right."""
        accounts, addresses = self._door.guesses_by_account, self._door.guesses_by_address
        if wait := await accounts.attempt(name):
            found.close()
        elif wait := await addresses.attempt(address):
            found.close()
            await accounts.forgive(name)
        if wait:
            raise Refusal(ErrorCode.RATE_LIMITED, "Too many failed sign-ins; wait a moment.", retry_after=wait)
        right = judged = False
        try:
            account = await found
            right = await self._passwords.verify(account.password if account else None, password)
            judged = True
        finally:
            if right or not judged:
                await accounts.forgive(name)
                await addresses.forgive(address)
        return account if right else None

    def end(self, user: int, sessions: Collection[int], but: Session | None = None) -> None:
        """Close the connections of sessions that were ended, here and on the other nodes."""
        self.close(user, sessions, but)
        if sessions:
            self._bus.publish([SessionsEnded(user, tuple(sessions))])

    def close(self, user: int, sessions: Collection[int], but: Session | None = None) -> None:
        """Close the connections of ended sessions that are here."""
        for session in self._live.sessions(user):
            if session.id in sessions and session is not but:
                session.logged_out = True
                session.sink.close(CloseCode.REVOKED)

    async def sweep(self) -> None:
        """Mark the connected sessions as used, and close those that were ended elsewhere; until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Do so now, if the database answers."""
        sessions = self._live.all_sessions()
        try:
            alive = await self._store.sessions.touch({session.id for session in sessions})
        except Refusal:
            return
        for session in sessions:
            if session.id not in alive:
                session.logged_out = True
                session.sink.close(CloseCode.REVOKED)


def check_password(password: str) -> None:
    """Raise ``invalid`` unless the password may be used."""
    if not protocol.MIN_PASSWORD <= len(password) <= protocol.MAX_PASSWORD:
        raise Refusal(
            ErrorCode.INVALID, f"A password has {protocol.MIN_PASSWORD} to {protocol.MAX_PASSWORD} characters."
        )
