"""The line as a whole: connect, sign in, lose it, wait, connect again; through whatever balancer stands before.

It resumes by itself until the server says for good that it must not. Waits grow with every failure and carry jitter;
what a server asks for is obeyed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from mrccsc_tui.link.backoff import Backoff
from mrccsc_tui.link.clock import Clock
from mrccsc_tui.link.connection import Connection, Frame, Receiver
from mrccsc_tui.link.errors import LineLost, RequestError
from mrccsc_tui.link.transport import Address, Dial
from mrccsc_tui.sanitize import line
from mrccsc_tui.state.models import LinkStatus

STABLE = 10.0
"""Seconds online after which the next loss counts as the first one."""

_BAD_TOKEN = {"bad_credentials", "unauthenticated"}
_NOT_ANSWERED = {"no_answer", "offline"}
"""What a request fails with where the server has not refused it."""


@dataclass(slots=True)
class LineListener:
    """Who hears of what happens on a line. All are called on the loop and must not block."""

    receive: Receiver
    status: Callable[[LinkStatus], None]
    online: Callable[[Connection], None]
    """Signed in: ``receive`` has had the ``session.ready``."""
    resume: Callable[[Frame], Frame]
    """The ``session.resume`` request to send after this ``welcome``."""


@dataclass(slots=True)
class _Began:
    """A session that has begun, until it ends."""

    ready: Frame
    connection: Connection
    reading: asyncio.Task[None]
    at: float
    closed: Callable[[], Awaitable[None]]

    async def end(self) -> None:
        self.connection.close()
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        await self.closed()


class Line:
    """The line to one server. ``connection`` is there while signed in."""

    def __init__(
        self, address: Address, listener: LineListener, *, dial: Dial, clock: Clock, random: Callable[[], float]
    ) -> None:
        self.address = address
        self.connection: Connection | None = None
        self.status = LinkStatus(
            host=line(address.host), port=address.port, encrypted=address.tls, loopback=address.loopback
        )
        self._listener = listener
        self._dial = dial
        self._clock = clock
        self._backoff = Backoff(random)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Do not wait any longer for the next try."""
        self._wake.set()

    async def run(self, sign_in: Frame | None = None, signed_in: Callable[[Frame], None] | None = None) -> None:
        """Keep the line up; with ``sign_in`` begin with that request, which is tried once.

        Ends only by raising: :class:`RequestError` or :class:`LineLost` when the first sign-in failed, or when the
        server said for good not to come back. That it has stopped is for the caller to say.
        """
        while True:
            began = None
            try:
                began = await self._connect(sign_in)
                if signed_in is not None:
                    signed_in(began.ready)
                    signed_in = None
                sign_in = None
                await began.reading
            except (LineLost, RequestError) as failure:
                if began is not None and self._clock.monotonic() - began.at >= STABLE:
                    self._backoff.reset()
                if sign_in is not None or _final(failure):
                    raise
                await self._wait(failure)
            finally:
                self.connection = None
                if began is not None:
                    await began.end()

    async def _connect(self, sign_in: Frame | None) -> _Began:
        self._say(LinkStatus(phase="connecting", attempt=self._backoff.attempt))
        transport = await self._dial(self.address)
        connection = Connection(transport, self._listener.receive)
        reading: asyncio.Task[None] | None = None
        try:
            welcome = await connection.open()
            node = line(welcome["node"], 64)
            self._say(LinkStatus(phase="signing_in", attempt=self._backoff.attempt, node=node))
            reading = asyncio.create_task(connection.run())
            try:
                ready = await connection.ask(sign_in or self._listener.resume(welcome))
            except RequestError as refused:
                if refused.code in _NOT_ANSWERED and not connection.alive:
                    # Why the line ended says more than that it did, and when to come back. It is about to be told.
                    try:
                        await reading
                    except LineLost as lost:
                        if sign_in is None:
                            raise
                        # This is for whoever asked, who has to know whether anything was.
                        raise RequestError(refused.code, lost.reason) from None
                raise
        except BaseException:
            connection.close()
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await transport.closed()
            raise
        self.connection = connection
        self._say(LinkStatus(phase="online", node=node))
        self._listener.online(connection)
        return _Began(ready, connection, reading, self._clock.monotonic(), transport.closed)

    async def _wait(self, failure: LineLost | RequestError) -> None:
        delay = self._backoff.next(_asked_to_wait(failure))
        self._say(
            LinkStatus(
                phase="offline",
                attempt=self._backoff.attempt,
                next_try_at=self._clock.monotonic() + delay,
                reason=str(failure),
            )
        )
        self._wake.clear()
        waits = [asyncio.create_task(self._clock.sleep(delay)), asyncio.create_task(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _say(self, news: LinkStatus) -> None:
        self.status = replace(
            news,
            host=self.status.host,
            port=self.status.port,
            encrypted=self.status.encrypted,
            loopback=self.status.loopback,
        )
        self._listener.status(self.status)


def _asked_to_wait(failure: LineLost | RequestError) -> float | None:
    """Seconds that the server wants the client to stay away; ``None`` where it says nothing of it."""
    if isinstance(failure, LineLost):
        return failure.after
    return None if failure.retry_after is None else failure.retry_after / 1_000


def _final(failure: LineLost | RequestError) -> bool:
    """Coming back by itself would not help."""
    if isinstance(failure, LineLost):
        return failure.final
    return not failure.retryable and failure.code not in _NOT_ANSWERED


def session_is_over(failure: LineLost | RequestError) -> bool:
    """The token will not be taken again."""
    return failure.forget if isinstance(failure, LineLost) else failure.code in _BAD_TOKEN
