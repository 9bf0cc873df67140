"""One client: its requests in order, its answers, its end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from mrccsc_server.net import frames
from mrccsc_server.net.intake import Foreign, Intake, NoRoom, recognise
from mrccsc_server.net.outbox import Outbox
from mrccsc_server.net.unanswered import Unanswered
from mrccsc_shared.codec import BadRequest, Malformed, decode_request
from mrccsc_shared.errors import CloseCode, ErrorCode
from mrccsc_shared.framing import LineTooLong
from mrccsc_shared.limits import MAX_LINE_BEFORE_SIGN_IN, SILENCE

if TYPE_CHECKING:
    from mrccsc_server.net.registry import Registry

log = logging.getLogger(__name__)

LINES_A_TURN = 64
"""Lines of one connection that are taken before the event loop gets a turn."""

LINGER = 2.0
"""Seconds that a closed connection has to read its last line before it is cut."""

LINGER_BYTES = 2**20
"""Bytes of a closed connection that are read and thrown away, so that the last line is not lost to a reset."""

RETURN_AFTER = 1_000
"""Milliseconds after which a client may come back that was refused for want of memory."""


class Connection(asyncio.Protocol):
    """A client's connection. All methods are for the event loop's thread; none raises because the peer is gone."""

    __slots__ = (
        "_born", "_deadline", "_discarded", "_due", "_ending", "_eof", "_heard", "_holding", "_intake", "_last",
        "_lines", "_malformed", "_node", "_open", "_outbox", "_pumping", "_reading", "_retired", "_transport",
        "_unanswered", "address", "admitted", "session", "signed_in",
    )  # fmt: skip

    _transport: asyncio.Transport
    _outbox: Outbox

    def __init__(self, node: Registry, address: str) -> None:
        self._node = node
        self.address = address
        """What throttles count this client by."""
        self.session: Any = None
        """The dispatcher's own state of this connection."""
        self.signed_in = False
        self.admitted = False
        """Whether this object has taken over the place that the listener got from admission."""

        self._intake = Intake(node.limits.max_line, node.budget)
        self._lines: deque[bytes] = deque()
        self._unanswered = Unanswered(node.limits.unanswered)
        self._malformed = 0
        self._open = False
        self._reading = True
        self._pumping = False
        self._due = False
        self._eof = False
        self._holding = False
        self._retired = False
        self._ending = False
        self._last: tuple[CloseCode, str | None, int | None] | None = None
        self._deadline = 0.0
        self._discarded = 0
        self._born = self._heard = node.loop.time()

    # -- what the server says --------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether anything can still be said. Once false, the dispatcher has been told or is about to be."""
        return self._open

    @property
    def unanswered(self) -> int:
        """The weight of the requests that wait for their answer."""
        return self._unanswered.weight

    @property
    def unsent(self) -> int:
        """Bytes that wait to be written."""
        return self._outbox.unsent

    def send(self, line: bytes) -> None:
        """Add a line to the outbox; all lines of one tick leave in one write. Above the cap the reader is cut."""
        if self._open and not self._outbox.put(line):
            self.close(CloseCode.SLOW_READER)

    def answer(self, request_id: int | None, line: bytes) -> None:
        """Send the answer to a request, which is unanswered no longer."""
        if self._open and not self._outbox.put(line):
            self.close(CloseCode.SLOW_READER)
        self.done(request_id)

    def done(self, request_id: int | None = None) -> None:
        """A request has got all the answer it will get."""
        self._unanswered.finish(request_id)
        if (self._lines or self._ending or not self._reading) and not self._pumping:
            self._pump_soon()

    def mark_signed_in(self) -> None:
        """The client is known now: longer lines, no deadline, no longer counted as silent."""
        if not self.signed_in:
            self.signed_in = True
            self._intake.trust()
            if self in self._node.open:
                self._node.admission.signed_in(self.address)

    def close(self, code: CloseCode, reason: str | None = None, after: int | None = None) -> None:
        """Send everything and ``closing`` as the last line, then close; a peer that does not read is cut soon after.

        ``reason`` replaces the code's own sentence, ``after`` is in milliseconds. Requests that wait are dropped. Does
        nothing when the connection is closing already.
        """
        if not self._open:
            return
        self._node.metrics.closes[code] += 1
        if code is CloseCode.SLOW_READER:
            self._node.metrics.bytes["dropped"] += self._outbox.drop()
        self._shut(frames.closing(code, reason, after))

    def end(self, code: CloseCode, reason: str | None = None, after: int | None = None) -> None:
        """Take no more requests, let those under way be answered, then :meth:`close`."""
        if self._open and not self._ending:
            self._lines.clear()
            self._end_later(code, reason, after)
            self._settle()

    # -- what the event loop says ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        node = self._node
        self._transport = cast(asyncio.Transport, transport)
        self._outbox = Outbox(node.loop, node.flusher, self._transport, node.limits.output, node.metrics)
        self._open = self.admitted = True
        node.open.add(self)
        node.metrics.connections["accepted"] += 1
        self._outbox.put(node.welcome)
        node.dispatcher.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take the lines that are complete, in order."""
        self._node.metrics.bytes["received"] += len(data)
        if not self._open or self._ending:
            self._discard(len(data))
            return
        try:
            lines = self._intake.feed(data)
        except LineTooLong as error:
            lines = error.args[0]
            self._end_later(CloseCode.PROTOCOL_ERROR, self._too_long())
        except NoRoom as error:
            lines = error.args[0]
            self._end_later(CloseCode.OVERLOADED, None, RETURN_AFTER)
        except Foreign as error:
            self._count_malformed("foreign")
            self.close(CloseCode.PROTOCOL_ERROR, error.args[0])
            return
        if lines:
            self._heard = self._node.loop.time()
            self._lines.extend(lines)
        if lines or self._ending:
            self._pump()

    def eof_received(self) -> bool:
        """The peer sends no more, but may still read: answer what it asked, then close."""
        self._eof = True
        if self._open and not self._ending:
            if self._intake.pending:
                self._count_malformed("cut_off")
                self._end_later(CloseCode.PROTOCOL_ERROR, "The connection ended inside a line.")
            else:
                self._end_later(None)
            self._pump()
        return self._open and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, whoever ended it and however."""
        if exc is not None:
            log.debug("A connection was lost: %s", type(exc).__name__)
        self._open = False
        self._lines.clear()
        self._outbox.drop()
        self._node.leave(self)
        self._retire()
        self._node.admission.leave(self.address, silent=not self.signed_in)

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        self._outbox.block()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._outbox.unblock()
        if self._open and self._lines:
            self._pump_soon()

    def check(self, now: float, interval: float) -> None:
        """Hold the connection to its time limits; called every ``interval`` seconds."""
        limits = self._node.limits
        silence = limits.heartbeat * SILENCE
        if not self._open:
            if now >= self._deadline:
                self._transport.abort()
        elif not self.signed_in and now - self._born >= limits.sign_in_time * (2 if self.unanswered else 1):
            # A sign-in that waits for its turn on a busy server gets the time once more.
            self.close(CloseCode.AUTH_TIMEOUT)
        elif self._outbox.blocked_since is not None and now - self._outbox.blocked_since >= silence:
            self.close(CloseCode.SLOW_READER)
        elif self._ending and now >= self._deadline:
            self._end()
        elif self._reading and now - self._heard >= silence:
            self.close(CloseCode.IDLE)
        elif now - self._outbox.written_at + interval >= limits.heartbeat:
            self.send(frames.PING)

    def hold(self) -> None:
        """Take no more requests: the server is about to close."""
        self._holding = True
        self._lines.clear()
        if self._open:
            self._pause()

    def abort(self) -> None:
        """Cut the connection at once."""
        self._open = False
        self._transport.abort()

    # -- requests --------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Take waiting lines while the limits on unanswered requests and unsent output allow it."""
        self._due = False
        if self._pumping or self._holding or not self._open:
            return
        lines, unanswered, outbox = self._lines, self._unanswered, self._outbox
        room = self._node.limits.output // 4
        turn = LINES_A_TURN
        self._pumping = True
        try:
            while lines and turn and unanswered.weight < unanswered.most and outbox.unsent < room:
                turn -= 1
                self._take(lines.popleft())
        finally:
            self._pumping = False
        if lines or self._ending or not self._reading or unanswered.weight >= unanswered.most:
            self._settle()

    def _settle(self) -> None:
        """Read on, wait, or end, as it stands after some lines were taken."""
        busy = self._unanswered.weight >= self._unanswered.most
        if not self._open:
            return
        if self._ending and not self._lines and not self.unanswered:
            self._end()
        elif self._lines or self._ending or busy:
            self._pause()
            if self._lines and not busy and self._outbox.blocked_since is None:
                self._pump_soon()
        elif not self._reading:
            self._resume()

    def _pump_soon(self) -> None:
        if not self._due:
            self._due = True
            self._node.loop.call_soon(self._pump)

    def _take(self, line: bytes) -> None:
        if not self.signed_in and not self._intake.allows(line):
            self._refuse_long_line()
            return
        try:
            request = decode_request(line)
        except BadRequest as error:
            self._node.metrics.malformed["bad_request"] += 1
            self._refuse(error.code, error.message, error.re)
            return
        except Malformed as error:
            self._take_malformed(line, str(error))
            return
        kind, node = request.type, self._node
        if not self.signed_in and kind != "session.resume" and len(line) >= MAX_LINE_BEFORE_SIGN_IN:
            self._refuse_long_line()
            return
        node.metrics.requests[kind] += 1
        self._unanswered.begin(kind, request.id)
        try:
            node.dispatcher.received(self, request)
        except Exception:
            log.exception("A request of type %s failed", kind)
            self._refuse(ErrorCode.UNAVAILABLE, ErrorCode.UNAVAILABLE.text, request.id)
            self.done(request.id)

    def _take_malformed(self, line: bytes, message: str) -> None:
        self._malformed += 1
        reason = recognise(line) if self._malformed == 1 and not self.signed_in else None
        self._count_malformed("foreign" if reason else "not_json")
        if reason:
            self.close(CloseCode.PROTOCOL_ERROR, reason)
            return
        self._refuse(ErrorCode.INVALID, message, None)
        if self._malformed >= self._node.limits.malformed:
            self.close(CloseCode.PROTOCOL_ERROR)

    def _refuse(self, code: ErrorCode, message: str, re: int | None) -> None:
        self._node.metrics.errors[code] += 1
        self.send(frames.error(code, message, re))

    def _refuse_long_line(self) -> None:
        self._lines.clear()
        self._end_later(CloseCode.PROTOCOL_ERROR, self._too_long())

    def _too_long(self) -> str:
        self._count_malformed("too_long")
        if self.signed_in:
            return f"A line has at most {self._node.limits.max_line} bytes."
        return f"Before sign-in a line has at most {MAX_LINE_BEFORE_SIGN_IN} bytes, save session.resume."

    def _count_malformed(self, kind: str) -> None:
        self._node.metrics.malformed[kind] += 1

    # -- flow and end ----------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        if self._reading and not self._eof and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading and not self._eof and not self._transport.is_closing():
            self._reading = True
            # That nothing was heard meanwhile was our doing.
            self._heard = self._node.loop.time()
            self._transport.resume_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self._transport.abort()

    def _end_later(self, code: CloseCode | None, reason: str | None = None, after: int | None = None) -> None:
        """Close once all lines before are taken and answered, or after a while; without a code silently."""
        self._ending = True
        self._last = None if code is None else (code, reason, after)
        self._deadline = self._node.loop.time() + self._node.limits.database_time

    def _end(self) -> None:
        """Everything that was asked is answered and no more will be."""
        if self._last:
            self.close(*self._last)
        else:
            self._shut(b"")

    def _shut(self, last: bytes) -> None:
        self._open = False
        self._lines.clear()
        self._intake.release()
        self._node.loop.call_soon(self._retire)
        self._outbox.finish(last)
        self._deadline = self._node.loop.time() + LINGER
        if self._transport.is_closing():
            return
        if self._eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
            self._resume()
        except (RuntimeError, OSError):
            self._transport.abort()

    def _retire(self) -> None:
        """Tell the dispatcher, once, and never from inside its own doings."""
        if not self._retired:
            self._retired = True
            self._intake.release()
            self._node.dispatcher.closed(self)
