"""Signing in by token. Nearly every sign-in is one, all of them in a storm, so that tokens are looked up together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from mrccsc_server.ports import Store, StoredSession
from mrccsc_server.security.tokens import digest
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.batcher import Batcher
from mrccsc_server.services.door import Door
from mrccsc_server.services.opening import Done, Newcomer, Opening
from mrccsc_server.services.session import Session
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.session import SessionResume

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Tokens that are looked up together at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Knock:
    """Somebody with a token, and from where.

    ``enter`` makes their session once the token is known to be good; ``None`` when they have gone. ``done`` is called
    once, unless they have: when the session is open, or with why it is not.
    """

    request: SessionResume
    address: str
    enter: Callable[[StoredSession], Session | None]
    done: Done


class Resuming:
    """Opens the sessions of tokens."""

    def __init__(self, store: Store, door: Door, opening: Opening, spawn: Spawn) -> None:
        self._store = store
        self._door = door
        self._opening = opening
        self._knocks = Batcher(self._answer, spawn, most=AT_ONCE)

    def add(self, knock: Knock) -> None:
        """Open a session soon, or refuse it."""
        self._knocks.add(knock)

    async def _answer(self, knocks: list[Knock]) -> None:
        refusal = Refusal(ErrorCode.UNAVAILABLE)
        left = dict.fromkeys(knocks)
        try:
            for knock, refused in zip(knocks, await self._throttle(knocks), strict=True):
                if refused is not None:
                    del left[knock]
                    knock.done(refused)
            admitted = list(left)
            if not admitted:
                return
            found = await self._store.sessions.find([digest(knock.request.token) for knock in admitted])
            for knock, stored in zip(admitted, found, strict=True):
                del left[knock]
                self._open(knock, stored)
        except Refusal as error:
            refusal = error
        except Exception:
            log.exception("Sign-ins by token failed")
        finally:
            for knock in left:
                knock.done(refusal)

    async def _throttle(self, knocks: list[Knock]) -> list[Refusal | None]:
        refused: list[Refusal | None] = []
        for wait in await self._door.addresses.take_all([knock.address for knock in knocks]):
            if wait:
                refused.append(Refusal(ErrorCode.RATE_LIMITED, retry_after=wait))
            elif wait := self._door.everyone.take(None):
                text = "Many are signing in; wait a moment."
                refused.append(Refusal(ErrorCode.RATE_LIMITED, text, retry_after=wait))
            else:
                refused.append(None)
        return refused

    def _open(self, knock: Knock, stored: StoredSession | None) -> None:
        request = knock.request
        if stored is None:
            text = "The token is unknown, revoked or expired; sign in again."
            knock.done(Refusal(ErrorCode.BAD_CREDENTIALS, text))
        elif session := knock.enter(stored):
            cursors = {int(conv): seq for conv, seq in (request.cursors or {}).items()}
            newcomer = Newcomer(session, request.id, knock.done, None, request.epoch, cursors, stored.convs)
            self._opening.add(newcomer)
