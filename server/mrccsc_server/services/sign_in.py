"""Letting users in, by whatever they have, and ending their sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import replace

from mrccsc_server.ports import Account, Bus, SessionsEnded, Store
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.tokens import digest, new_token
from mrccsc_server.services.door import Door
from mrccsc_server.services.live import Live
from mrccsc_server.services.opening import Newcomer, Opening
from mrccsc_server.services.resuming import Knock, Resuming
from mrccsc_server.services.session import Session
from mrccsc_shared.errors import CloseCode, ErrorCode, Refusal
from mrccsc_shared.messages.session import (
    AccountRegister,
    Device,
    DeviceInfo,
    SessionLogin,
)
from mrccsc_shared.text import check_name, check_password, check_username

SWEEP_SECONDS = 15.0
"""Seconds between two looks at whether the sessions that are connected here were ended elsewhere."""

LEFT_MAX = 10_000
"""Sessions that are remembered as used after they have gone, until that is marked."""


class SignIn:
    """Lets users in and out. What cannot be done raises :class:`Refusal` with what the client is to be told."""

    def __init__(
        self,
        store: Store,
        live: Live,
        opening: Opening,
        resuming: Resuming,
        bus: Bus,
        passwords: Passwords,
        door: Door,
    ) -> None:
        self._store = store
        self._live = live
        self._opening = opening
        self._resuming = resuming
        self._bus = bus
        self._passwords = passwords
        self._door = door
        self._left: set[int] = set()
        """Sessions that were used since the last look, and are not connected any more."""

    # -- in --------------------------------------------------------------------------------------------------------

    async def register(self, request: AccountRegister, address: str) -> tuple[Account, int, str]:
        """Make an account and a session of it: the account but for its password, the session's id and token."""
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
        return await self._open(account, request.device)

    async def login(self, request: SessionLogin, address: str) -> tuple[Account, int, str]:
        """The same by user name and password. An unknown user costs and answers the same as a wrong password."""
        await self._admit(address)
        name = request.username.lower()
        account = await self._verify(name, address, self._store.accounts.by_name(name), request.password)
        if account is None:
            raise Refusal(ErrorCode.BAD_CREDENTIALS)
        return await self._open(account, request.device)

    def resume(self, knock: Knock) -> None:
        """Open the session of a token soon, or refuse it."""
        self._resuming.add(knock)

    async def begin(self, session: Session, *, re: int, token: str | None = None) -> None:
        """Say ``session.ready`` and go over to live delivery, with nothing between the two."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(refusal: Refusal | None) -> None:
            if opened.done():
                return
            if refusal is None:
                opened.set_result(None)
            else:
                opened.set_exception(refusal)

        self._opening.add(Newcomer(session, re, done, token))
        try:
            await opened
        except asyncio.CancelledError:
            self.leave(session)
            raise

    async def _admit(self, address: str) -> None:
        if wait := await self._door.addresses.take(address):
            raise Refusal(ErrorCode.RATE_LIMITED, retry_after=wait)

    async def _open(self, account: Account, device: Device | None) -> tuple[Account, int, str]:
        token = new_token()
        info: DeviceInfo | None = None if device is None else {"id": device.id, "name": device.name}
        session = await self._store.sessions.open(account.user, digest(token), info)
        # Nobody needs the hash as long as the session lasts.
        return replace(account, password=""), session, token

    # -- out -------------------------------------------------------------------------------------------------------

    def leave(self, session: Session) -> None:
        """The connection of a session is gone."""
        self._opening.leave(session)
        if not session.logged_out and len(self._left) < LEFT_MAX:
            self._left.add(session.id)

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
        """End one session of the user; its connections are closed, the asking one by the caller after its answer."""
        if not await self._store.sessions.revoke(session.user, revoked):
            raise Refusal(ErrorCode.NOT_FOUND, "You have no such session.")
        self.end(session.user, [revoked], but=session)
        if revoked == session.id:
            session.logged_out = True

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Change the password; all other sessions end."""
        check_password(new)
        name, address = session.account.username, session.sink.address
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
        """Mark sessions as used, and close those that were ended elsewhere; until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Do so now, if the database answers."""
        sessions = self._live.all_sessions()
        left = set(self._left)
        try:
            alive = await self._store.sessions.touch({session.id for session in sessions} | left)
        except Refusal:
            return
        self._left -= left
        for session in sessions:
            if session.id not in alive:
                session.logged_out = True
                session.sink.close(CloseCode.REVOKED)
