"""A session's life: the line is kept up, its frames go into the store, what follows from them is done and told."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from mrccsc_shared.limits import MAX_LINE, MAX_PAGE
from mrccsc_tui.link.clock import Clock
from mrccsc_tui.link.connection import Connection, Frame
from mrccsc_tui.link.errors import LineLost, RequestError
from mrccsc_tui.link.line import Line, LineListener, session_is_over
from mrccsc_tui.link.tasks import Tasks
from mrccsc_tui.link.transport import Address, Dial
from mrccsc_tui.state.changes import Change, SignedOut
from mrccsc_tui.state.models import LinkStatus
from mrccsc_tui.state.store import Store

log = logging.getLogger(__name__)

PATIENCE = 15.0
"""Seconds that a request may take over all its repetitions."""

_MARGIN = 256
"""Bytes of a resume line that are left for the request's id and the rest of its frame."""

Subscriber = Callable[[Sequence[Change]], None]


class Engine:
    """One line at a time, and what is known through it."""

    def __init__(self, *, dial: Dial, clock: Clock, random: Callable[[], float]) -> None:
        self.store = Store()
        self.clock = clock
        self.random = random
        self.tasks = Tasks()
        self.token: str | None = None
        self.connection: Connection | None = None
        self.max_text: int | None = None
        """Bytes of a message, as the server said; ``None`` before it did."""
        self._line: Line | None = None
        self.waiting: Callable[[], int] = int
        """How many items the outbox has to send."""
        self._dial = dial
        self._running: asyncio.Task[None] | None = None
        self._online = asyncio.Event()
        self._listed_to: int | None = None
        self._subscribers: list[Subscriber] = []
        self._unheard: deque[tuple[Change, ...]] = deque()
        self._before: list[Callable[[Frame], None]] = []
        self._begun: list[Callable[[], None]] = []
        self._lost: list[Callable[[], None]] = []

    # -- who listens ------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back with every batch of changes. The result ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def before_lists(self, callback: Callable[[Frame], None]) -> None:
        """Call back with every ``session.ready`` and ``conversations`` before the store has it."""
        self._before.append(callback)

    def on_online(self, callback: Callable[[], None]) -> None:
        """Call back whenever a session has begun."""
        self._begun.append(callback)

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call back whenever the connection is gone."""
        self._lost.append(callback)

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell everybody of changes that the store has. A listener that fails does not harm the others."""
        batch = tuple(changes)
        if not batch:
            return
        self._unheard.append(batch)
        if len(self._unheard) > 1:
            # A listener is changing something: the others hear of the first change first.
            return
        while self._unheard:
            for subscriber in tuple(self._subscribers):
                try:
                    subscriber(self._unheard[0])
                except Exception:
                    log.exception("a subscriber failed")
            self._unheard.popleft()

    # -- the line ---------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """A line is up or on its way."""
        return self._running is not None and not self._running.done()

    def begin(self, address: Address) -> None:
        """Resume the session of ``token`` and stay."""
        self._running = asyncio.create_task(self._run(self._new_line(address), None, None))

    async def sign_in(self, address: Address, request: Frame) -> None:
        """Begin a session with ``request`` and stay. Raises :class:`RequestError` when it did not begin."""
        signed_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(self._new_line(address), request, signed_in))
        await asyncio.wait([self._running, signed_in], return_when=asyncio.FIRST_COMPLETED)
        if not signed_in.done():
            raise RequestError("offline", "The client was ended before it was signed in.")
        signed_in.result()

    async def end(self) -> None:
        """Close the line, whatever it is doing."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._gone()

    def wake(self) -> None:
        """Do not wait any longer for the next try."""
        if self._line is not None:
            self._line.wake()

    def _new_line(self, address: Address) -> Line:
        listener = LineListener(self._receive, self._status, self._signed_in, self._resume)
        self._line = Line(address, listener, dial=self._dial, clock=self.clock, random=self.random)
        # At once, so that nobody takes a line that is only about to begin for one that has ended.
        self._status(replace(self._line.status, phase="connecting"))
        return self._line

    async def _run(self, line: Line, request: Frame | None, signed_in: asyncio.Future[None] | None) -> None:
        def tell(_ready: Frame) -> None:
            if signed_in is not None and not signed_in.done():
                signed_in.set_result(None)

        try:
            await line.run(request, tell)
        except (LineLost, RequestError) as failure:
            resumed = signed_in is None or signed_in.done()
            if resumed and session_is_over(failure):
                # Before anybody hears of it: who hears that the session is over shall find no token.
                self.token = None
            self._stopped(line, str(failure))
            if signed_in is not None and not signed_in.done():
                refusal = failure if isinstance(failure, RequestError) else RequestError("offline", str(failure))
                signed_in.set_exception(refusal)
                return
            self.publish([SignedOut()])
        except Exception:
            log.exception("the line failed")
            reason = "This client failed; its log file says why."
            self._stopped(line, reason)
            if signed_in is not None and not signed_in.done():
                signed_in.set_exception(RequestError("no_answer", reason))

    def _stopped(self, line: Line, reason: str) -> None:
        self._status(replace(line.status, phase="stopped", attempt=0, next_try_at=None, node=None, reason=reason))

    def _resume(self, welcome: Frame) -> Frame:
        """Resume with as many cursors as fit into a line, those of the latest conversations first."""
        request: dict[str, Any] = {"type": "session.resume", "token": self.token or ""}
        if self.store.epoch:
            request["epoch"] = self.store.epoch
        room = min(welcome["max_line"], MAX_LINE) - _MARGIN - len(request["token"]) - len(self.store.epoch or "")
        cursors: dict[str, int] = {}
        for conv, cursor in self.store.cursors().items():
            room -= len(f'"{conv}":{cursor},')
            if room < 0:
                break
            cursors[str(conv)] = cursor
        if cursors and "epoch" in request:
            request["cursors"] = cursors
        return request

    def _signed_in(self, connection: Connection) -> None:
        self.connection = connection
        self.max_text = connection.welcome["max_text"]
        self._online.set()
        if self._listed_to is not None:
            self.tasks.start(("list", connection), self._list_rest(connection, self._listed_to))
        for callback in self._begun:
            callback()

    def _status(self, status: LinkStatus) -> None:
        if not status.online:
            self._gone()
        self.publish(self.store.set_status(replace(status, waiting=self.waiting())))

    def _gone(self) -> None:
        if self.connection is not None:
            self.connection = None
            self._online.clear()
            for callback in self._lost:
                callback()

    def recount(self) -> None:
        """Show how much the outbox has to send."""
        self.publish(self.store.set_status(replace(self.store.status, waiting=self.waiting())))

    def _receive(self, frame: Frame, request: Frame) -> None:
        if frame["type"] in {"session.ready", "conversations"}:
            for callback in self._before:
                callback(frame)
        self.publish(self.store.apply(frame, request))
        if frame["type"] == "session.ready":
            last = max((one["conv"] for one in frame["conversations"]), default=0)
            self._listed_to = last if frame.get("more", False) else None

    async def _list_rest(self, connection: Connection, last: int) -> None:
        """Ask for the conversations that did not fit into this connection's ``session.ready``."""
        more = True
        while more:
            try:
                page = await connection.ask({"type": "conversation.list", "after": last, "limit": MAX_PAGE})
            except RequestError as refusal:
                if not refusal.retryable:
                    raise
                await self.clock.sleep((refusal.retry_after or 1_000) / 1_000)
                continue
            last = max((one["conv"] for one in page["conversations"]), default=last)
            more = page["more"]

    # -- asking -----------------------------------------------------------------------------------------------------

    async def ask(self, request: Frame) -> Frame:
        """Ask until there is an answer, at most for :data:`PATIENCE`: requests are such that repeating is harmless.

        Raises :class:`RequestError`: at once when not connected; the last refusal when the server wants it later; or
        ``no_answer`` when the line broke and did not come back in time.
        """
        until = self.clock.monotonic() + PATIENCE
        if self.connection is None:
            raise RequestError("offline", "Not connected to the server; try again when the line is up.")
        while True:
            connection = self.connection
            refusal = RequestError("no_answer", "The connection broke before the answer came.")
            if connection is not None:
                try:
                    return await connection.ask(request)
                except RequestError as error:
                    refusal = error
            left = until - self.clock.monotonic()
            if refusal.retryable:
                wait = (refusal.retry_after or 1_000) / 1_000
                if wait > left:
                    raise refusal
                await self.clock.sleep(wait)
                continue
            if refusal.code not in {"no_answer", "offline"} or (connection is not None and connection.alive):
                raise refusal
            self._gone()
            if left <= 0 or not await self.online_within(left):
                raise refusal

    async def online_within(self, seconds: float) -> bool:
        """Wait until signed in; ``False`` when that took too long."""
        try:
            async with asyncio.timeout(seconds):
                await self._online.wait()
        except TimeoutError:
            return False
        return True
