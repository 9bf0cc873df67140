"""Sessions come and go. Those that come within a moment are opened together: they share queries, calls and tasks.

Nothing falls between what a session begins with and what it hears then, by the order in which it is opened: first it
hears of everything, then its snapshot is read, then what was heard meanwhile is sorted out against that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mrccsc_server.ports import Snapshot, SnapshotRequest, Store
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.batcher import Batcher
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService, presence_event
from mrccsc_server.services.ready import SNAPSHOT_BYTES, encode_ready, friends
from mrccsc_server.services.renewal import Renewal
from mrccsc_server.services.session import Session
from mrccsc_shared.codec import encode
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.presence import Presence

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Sessions that are opened together at most."""

CONVERSATIONS = 1_000
"""Conversations of sessions whose snapshots are read together, unless a single one has more."""

SNAPSHOTS = 10
"""Snapshots that are read at most until one is not behind what is delivered here."""

TURN = 0.003
"""Seconds after which others get their turn while many sessions are let in."""

Done = Callable[[Refusal | None], None]


@dataclass(slots=True, eq=False)
class Newcomer:
    """A session that is to be opened.

    ``done`` is called once: when it is open, when its connection has gone, or with why it could not be opened.

    ``convs`` are the conversations of its user, where they are known.
    """

    session: Session
    re: int
    done: Done
    token: str | None = None
    epoch: str | None = None
    cursors: Mapping[int, int] = field(default_factory=dict)
    convs: Sequence[int] | None = None
    settled: bool = False

    def settle(self, refusal: Refusal | None = None) -> None:
        """Say how it went, unless it was said."""
        if not self.settled:
            self.settled = True
            self.done(refusal)

    @property
    def snapshot_request(self) -> SnapshotRequest:
        """What its snapshot is made of."""
        return SnapshotRequest(self.session.user, self.epoch, self.cursors, SNAPSHOT_BYTES)


class Opening:
    """Opens sessions and forgets them."""

    def __init__(
        self, store: Store, live: Live, gaps: Gaps, presence: PresenceService, renewal: Renewal, spawn: Spawn
    ) -> None:
        self._store = store
        self._live = live
        self._gaps = gaps
        self._presence = presence
        self._renewal = renewal
        self._coming = Batcher(self._open, spawn, most=AT_ONCE)

    def add(self, newcomer: Newcomer) -> None:
        """Open a session soon: it is sent ``session.ready`` and goes over to live delivery."""
        self._live.enter(newcomer.session)
        self._coming.add(newcomer)

    def leave(self, session: Session) -> None:
        """The connection of a session is gone, or it could not be opened."""
        if self._live.leave(session):
            self._renewal.forget(session.user)
        if session.present:
            session.present = False
            self._presence.leave(session.user, at_once=session.logged_out)

    async def _open(self, newcomers: list[Newcomer]) -> None:
        refusal = Refusal(ErrorCode.UNAVAILABLE)
        try:
            await self._hear_of_everything(newcomers)
            for _ in range(SNAPSHOTS):
                for part in _parts(newcomers):
                    await self._begin(part)
                newcomers = [newcomer for newcomer in newcomers if not newcomer.settled]
                if not newcomers:
                    return
        except Refusal as error:
            refusal = error
        except Exception:
            log.exception("Sessions could not be opened")
        finally:
            for newcomer in newcomers:
                if not newcomer.settled:
                    self.leave(newcomer.session)
                    newcomer.settle(refusal)

    async def _hear_of_everything(self, newcomers: Sequence[Newcomer]) -> None:
        unknown = {newcomer.session.user for newcomer in newcomers if newcomer.convs is None}
        found = await self._store.conversations.memberships(unknown) if unknown else {}
        convs: set[int] = set()
        for newcomer in newcomers:
            if newcomer.convs is None:
                newcomer.convs = list(found[newcomer.session.user])
            self._live.watch(newcomer.session, newcomer.convs)
            convs.update(newcomer.convs)
        await self._gaps.follow({newcomer.session.user for newcomer in newcomers}, convs)

    async def _begin(self, newcomers: Sequence[Newcomer]) -> None:
        """Let those begin whose snapshot is not behind what is delivered here."""
        snapshots, _ = await asyncio.gather(
            self._store.log.snapshots([newcomer.snapshot_request for newcomer in newcomers]), self._be_seen(newcomers)
        )
        asked = {friend for snapshot in snapshots for friend in friends(snapshot)}
        presences = await self._presence.of(asked) if asked else {}
        loop = asyncio.get_running_loop()
        began = loop.time()
        for newcomer, snapshot in zip(newcomers, snapshots, strict=True):
            try:
                self._release(newcomer, snapshot, presences)
            except Exception:
                log.exception("A session could not be opened")
                self.leave(newcomer.session)
                newcomer.settle(Refusal(ErrorCode.UNAVAILABLE))
            if loop.time() - began > TURN:
                await asyncio.sleep(0)
                began = loop.time()

    async def _be_seen(self, newcomers: Sequence[Newcomer]) -> None:
        """Let their friends see that they are here."""
        sessions = [newcomer.session for newcomer in newcomers if not newcomer.session.present]
        sessions = [session for session in sessions if self._live.here(session)]
        for session in sessions:
            session.present = True
        if sessions:
            await self._presence.enter([session.account for session in sessions])

    def _release(self, newcomer: Newcomer, snapshot: Snapshot, presences: Mapping[int, Presence]) -> None:
        session = newcomer.session
        if not self._live.here(session):
            newcomer.settle()
            return
        self._renewal.know(session.user, [contact["user"]["user"] for contact in snapshot.contacts])
        ready, late = encode_ready(session, snapshot, presences, newcomer.re, newcomer.token)
        if self._live.release(session, ready, snapshot.heads):
            for seen in late:
                session.send(encode(presence_event(seen)))
            newcomer.settle()


def _parts(newcomers: Sequence[Newcomer]) -> Iterator[Sequence[Newcomer]]:
    """Those whose snapshots are read together."""
    part: list[Newcomer] = []
    weight = 0
    for newcomer in newcomers:
        weight += len(newcomer.convs or ())
        if part and weight > CONVERSATIONS:
            yield part
            part, weight = [], len(newcomer.convs or ())
        part.append(newcomer)
    yield part
