"""One connection: requests matched with answers, each with a deadline; signs of life both ways; the end.

Frames are handed on strictly in the order in which they came, answers with the request that they answer, before the
one who asked hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from mrccsc_shared import PROTOCOL
from mrccsc_shared.codec import Malformed, decode_frame, encode
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.framing import LineSplitter, LineTooLong
from mrccsc_shared.limits import HEARTBEAT, MAX_SERVER_LINE, SILENCE
from mrccsc_tui.link.errors import LineLost, RequestError, patience
from mrccsc_tui.link.transport import Transport
from mrccsc_tui.sanitize import line

log = logging.getLogger(__name__)

DEADLINE = 15.0
"""Seconds until a request without an answer counts as unanswered."""

DOUBT = 5.0
"""Seconds without a word after something was said at which the server is asked whether it lives; after as many more the
line is given up. A node that hangs is so left long before the heartbeats tell."""

WELCOME_TIME = 8.0
"""Seconds until a server must have said who it is."""

NUDGE_AFTER, NUDGE = 0.5, b"\n" * 16
"""What a server is sent that is silent for so many seconds. One of ours ignores empty lines; one that waits for the
beginning of TLS takes them for a bad one and closes, so that nobody waits the whole time to learn that."""

MIN_HEARTBEAT = 0.02
MAX_HEARTBEAT = 600.0
"""Seconds that a server may ask for; outside of these the protocol's usual heartbeat holds."""

MAX_WAITING = 1_024
"""Requests whose answers may still come; with more the connection is given up."""

Frame = Mapping[str, Any]
Receiver = Callable[[Frame, Frame], None]
"""Takes a frame, and the request that it answers (empty for an event)."""

_CLOSED = "The server closed the connection."
_SILENT = "The server fell silent."
_NO_GREETING = "The server does not greet. It may want an encrypted line (TLS), or not be an MRCCSC server."
_FORGET = {CloseCode.REVOKED, CloseCode.LOGGED_OUT}


@dataclass(slots=True)
class _Waiting:
    request: Frame
    answer: asyncio.Future[Frame]
    deadline: asyncio.TimerHandle


class Connection:
    """A line that has just been opened. ``receive`` gets all frames but those that concern the line itself."""

    def __init__(self, transport: Transport, receive: Receiver, *, deadline: float = DEADLINE) -> None:
        self._transport = transport
        self._receive = receive
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._splitter = LineSplitter(MAX_SERVER_LINE)
        self._lines: deque[bytes] = deque()
        self._waiting: dict[int, _Waiting] = {}
        self._next_id = 1
        self._heartbeat = HEARTBEAT
        self._sent_at = self._loop.time()
        self._unheard_since: float | None = None
        """When something was said that nothing has followed yet."""
        self._doubted_at: float | None = None
        self._ended: LineLost | None = None
        self.welcome: Frame = {}

    @property
    def alive(self) -> bool:
        """The line has not ended."""
        return self._ended is None

    # -- asking -----------------------------------------------------------------------------------------------------

    def ask(self, request: Frame) -> asyncio.Future[Frame]:
        """Send a request now and give what will be its answer.

        The result fails with :class:`RequestError`: the server's refusal, or ``no_answer``. An answer that comes
        after the deadline is still received.
        """
        answer: asyncio.Future[Frame] = self._loop.create_future()
        # Whoever asked may have gone; a failure nobody waits for is no accident.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._ended is not None or len(self._waiting) >= MAX_WAITING:
            answer.set_exception(RequestError("offline", "Not connected to the server."))
            return answer
        number = self._next_id
        self._next_id += 1
        late = self._loop.call_later(self._deadline, self._expire, number)
        self._waiting[number] = _Waiting(request, answer, late)
        self._write(encode({"id": number, **request}))
        return answer

    def tell(self, notice: Frame) -> None:
        """Send a request that needs no answer."""
        if self._ended is None:
            self._write(encode(notice))

    def _write(self, data: bytes) -> None:
        self._sent_at = self._loop.time()
        if self._unheard_since is None:
            self._unheard_since = self._sent_at
        self._transport.write(data)

    def _expire(self, number: int) -> None:
        answer = self._waiting[number].answer
        if not answer.done():
            answer.set_exception(RequestError("no_answer", "The server did not answer in time."))

    # -- listening --------------------------------------------------------------------------------------------------

    async def open(self) -> Frame:
        """Wait for the server's ``welcome``. Raises :class:`LineLost`, also when it speaks something else."""
        nudge = self._loop.call_later(NUDGE_AFTER, self._transport.write, NUDGE)
        try:
            async with asyncio.timeout(WELCOME_TIME):
                first = await self._next_line()
        except TimeoutError:
            raise LineLost(_NO_GREETING) from None
        except LineLost as lost:
            raise LineLost(_NO_GREETING if lost.reason == _CLOSED else lost.reason) from None
        finally:
            nudge.cancel()
        if _protocol(first) not in (None, PROTOCOL):
            raise LineLost("The server speaks another version of the protocol than this client.", final=True)
        frame = _decode(first)
        if frame is not None and frame["type"] == "closing":
            raise _lost(frame)
        if frame is None or frame["type"] != "welcome":
            raise LineLost("The server does not speak as an MRCCSC server does.")
        self.welcome = frame
        if MIN_HEARTBEAT <= frame["heartbeat"] <= MAX_HEARTBEAT:
            self._heartbeat = frame["heartbeat"]
        return frame

    async def run(self) -> None:
        """Receive until the line ends, which is always by raising :class:`LineLost`.

        A line that is silent for too long has ended at once, however long its transport takes to.
        """
        # Side by side: with TLS, a line that is closed can be read until the other end has said farewell too.
        both = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_alive())]
        try:
            # Not gathered: a cancellation that comes as one of them fails would be lost, and the line made again.
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                if one.done():
                    one.result()
        except LineLost as lost:
            self.close(lost)
            # Given up here, the line only ends as if the server had closed it.
            raise self._ended or lost from None
        finally:
            for one in both:
                one.cancel()
            self.close()
            await asyncio.gather(*both, return_exceptions=True)

    def close(self, reason: LineLost | None = None) -> None:
        """End the line. All that waits for an answer hears that it is unknown."""
        if self._ended is None:
            self._ended = reason or LineLost("The connection was closed.")
        self._transport.close()
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.deadline.cancel()
            if not one.answer.done():
                one.answer.set_exception(RequestError("no_answer", "The connection broke before the answer came."))

    async def _listen(self) -> None:
        while True:
            self._take(await self._next(self._heartbeat * SILENCE))

    async def _keep_alive(self) -> None:
        """Say something at least once a heartbeat. Raises :class:`LineLost` when nothing comes back."""
        rest = self._heartbeat / 2
        while True:
            await asyncio.sleep(min(rest, DOUBT / 2))
            now = self._loop.time()
            if self._unheard_since is None or now - self._unheard_since < DOUBT:
                if now - self._sent_at >= rest * 0.9:
                    self.tell({"type": "ping"})
            elif self._doubted_at is None:
                self._doubted_at = now
                # One with an id, which is owed an answer.
                self.ask({"type": "ping"})
            elif now - self._doubted_at >= DOUBT:
                raise LineLost(_SILENT)

    def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "closing":
                raise _lost(frame)
            case "ping":
                return
        number = frame.get("re")
        waiting = None if number is None else self._waiting.pop(number, None)
        if waiting is not None:
            waiting.deadline.cancel()
        try:
            self._receive(frame, {} if waiting is None else waiting.request)
        except Exception:
            # A client that cannot take in a frame must not go on as if it had.
            log.exception("a frame of type %s cannot be taken in", frame["type"])
            raise LineLost("What the server sent cannot be taken in; the log file says why.") from None
        if waiting is None:
            if frame["type"] == "error":
                log.warning("the server says: %s (%s)", line(frame["message"]), frame["code"])
        elif not waiting.answer.done():
            if frame["type"] == "error":
                waiting.answer.set_exception(RequestError.of(frame))
            else:
                waiting.answer.set_result(frame)

    async def _next(self, patience: float) -> Frame:
        while True:
            frame = _decode(await self._next_line(patience))
            if frame is not None:
                return frame

    async def _next_line(self, patience: float | None = None) -> bytes:
        while not self._lines:
            try:
                async with asyncio.timeout(patience):
                    data = await self._transport.read()
            except TimeoutError:
                if patience is None:
                    raise
                raise LineLost(_SILENT) from None
            except OSError:
                raise LineLost("The connection broke.") from None
            if not data:
                raise LineLost(_CLOSED)
            self._unheard_since = self._doubted_at = None
            # A flood of frames must not keep the screen from its turn.
            await asyncio.sleep(0)
            try:
                self._lines.extend(self._splitter.feed(data))
            except LineTooLong:
                raise LineLost("The server sent a line that is too long.") from None
        return self._lines.popleft()


def _decode(data: bytes) -> Frame | None:
    try:
        return decode_frame(data)
    except Malformed as error:
        raise LineLost(f"The server sent what is no good frame. {line(str(error))}") from None


def _protocol(data: bytes) -> object:
    """The protocol that a first line names, when it is a greeting at all."""
    try:
        first = from_json(data)
    except ValueError:
        return None
    return first.get("protocol") if isinstance(first, dict) and first.get("type") == "welcome" else None


def _lost(closing: Frame) -> LineLost:
    after = patience(closing.get("after"))
    return LineLost(
        line(closing["reason"]),
        final=not closing["reconnect"],
        forget=closing["code"] in _FORGET,
        after=None if after is None else after / 1_000,
    )
