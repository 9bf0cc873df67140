"""Register, login, resume, logout, sessions, ping."""

from __future__ import annotations

from collections.abc import Callable

from mrccsc_server.handlers.registry import Answer, handles
from mrccsc_server.net.connection import Connection
from mrccsc_server.ports import StoredSession
from mrccsc_server.services.resuming import Knock
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import CloseCode, Refusal
from mrccsc_shared.messages.account import AccountPassword
from mrccsc_shared.messages.control import Pong
from mrccsc_shared.messages.session import (
    AccountRegister,
    SessionList,
    SessionLogin,
    SessionLogout,
    SessionResume,
    SessionRevoke,
    Sessions,
)


def resume(
    services: Services, connection: Connection, request: SessionResume, refuse: Callable[[Refusal], None]
) -> None:
    """Sign a connection in by its token, together with all that ask for it now."""

    def enter(stored: StoredSession) -> Session | None:
        if connection.is_open:
            connection.session = Session(connection, stored.session, stored.account)
            return connection.session  # type: ignore[no-any-return]
        return None

    def done(refusal: Refusal | None) -> None:
        if refusal is None:
            _opened(services, connection, request.id, "token")
        else:
            refuse(refusal)

    services.sign_in.resume(Knock(request, connection.address, enter, done))


async def open_session(services: Services, connection: Connection, request: AccountRegister | SessionLogin) -> None:
    """Sign a connection in by a password, new or known, and let its session begin."""
    sign_in = services.sign_in
    if isinstance(request, AccountRegister):
        account, number, token = await sign_in.register(request, connection.address)
    else:
        account, number, token = await sign_in.login(request, connection.address)
    if not connection.is_open:
        # Nobody would tell that the session has ended.
        return
    session = connection.session = Session(connection, number, account)
    await sign_in.begin(session, re=request.id, token=token)
    _opened(services, connection, request.id, "registered" if isinstance(request, AccountRegister) else "password")


def _opened(services: Services, connection: Connection, re: int, outcome: str) -> None:
    connection.mark_signed_in()
    connection.done(re)
    services.metrics.sign_ins[outcome] += 1


def pong(services: Services, connection: Connection, re: int | None) -> None:
    """Answer a ping that asks for it. Also before sign-in, where it keeps nothing open."""
    if re is None:
        connection.done()
        return
    frame: Pong = {"type": "pong", "re": re, "at": services.clock.now()}
    connection.answer(re, encode(frame))


def close_logged_out(connection: Connection) -> None:
    """The asking connection goes last, after its answer and those to what it asked before."""
    connection.end(CloseCode.LOGGED_OUT)


@handles(SessionLogout, rate=None)
async def logout(services: Services, session: Session, request: SessionLogout) -> Answer:
    """End this session, or all."""
    await services.sign_in.logout(session, everywhere=request.everywhere)
    return None


@handles(SessionList)
async def list_sessions(services: Services, session: Session, request: SessionList) -> Answer:
    """The user's sessions."""
    sessions = await services.store.sessions.of_user(session.user, session.id)
    return Sessions(type="sessions", re=request.id, sessions=sessions)


@handles(SessionRevoke, rate="changes")
async def revoke(services: Services, session: Session, request: SessionRevoke) -> Answer:
    """End a session of the user's; ending one's own is a logout."""
    await services.sign_in.revoke(session, request.session)
    return None


@handles(AccountPassword, rate="changes")
async def change_password(services: Services, session: Session, request: AccountPassword) -> Answer:
    """Change the password."""
    await services.sign_in.change_password(session, request.old, request.new)
    return None
