"""A peer's bytes → its lines, within the caps that hold before and after sign-in."""

from __future__ import annotations

import re

from mrccsc_shared.framing import LineSplitter, LineTooLong
from mrccsc_shared.limits import MAX_LINE_BEFORE_SIGN_IN

_HTTP = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE|PRI) \S+ HTTP/\d")
_TLS_HANDSHAKE = b"\x16"
_PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"

NOT_TLS = "This port does not speak TLS; connect without it."
NOT_HTTP = "This port speaks the MRCCSC line protocol, not HTTP; use mrccsc-tui."
NO_PROXY = "No PROXY header is taken here: this server is not set up for it, or has had one already."


class Foreign(Exception):
    """The peer speaks something else. ``args[0]`` says so to a person."""


class NoRoom(Exception):
    """The budget for long lines of connections that have not signed in is used up."""


class Budget:
    """Bytes that all connections before sign-in together may hold above the small cap."""

    __slots__ = ("free",)

    def __init__(self, size: int) -> None:
        self.free = size


class Intake:
    """The lines of one connection.

    Before sign-in a line has at most 4,096 bytes. Only ``session.resume`` may be longer, for its cursors; it is known
    by its first 4 KiB, which name either that type or ``"cursors"``, whatever the order of the fields. What such lines
    hold above 4 KiB comes out of ``budget``, shared by all connections that have not signed in.
    """

    __slots__ = ("_budget", "_fresh", "_held", "_plausible", "_splitter", "_trusted")

    def __init__(self, max_line: int, budget: Budget) -> None:
        self._splitter = LineSplitter(max_line)
        self._budget = budget
        self._held = 0
        self._plausible = False
        self._trusted = False
        self._fresh = True

    @property
    def pending(self) -> int:
        """Bytes of the unfinished line."""
        return self._splitter.pending

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; each of them is still to be checked by :meth:`allows`.

        Raises :class:`LineTooLong` or :class:`NoRoom` with the lines before as ``args[0]``, or :class:`Foreign`.
        """
        if self._trusted:
            return self._splitter.feed(data)
        if self._fresh:
            self._fresh = False
            if data.startswith(_TLS_HANDSHAKE):
                raise Foreign(NOT_TLS)
            if data.startswith(_PROXY_V2):
                raise Foreign(NO_PROXY)
        lines = self._splitter.feed(data)
        if lines:
            self._plausible = False
        self._hold(lines)
        return lines

    def allows(self, line: bytes) -> bool:
        """Whether a whole line may be this long now."""
        return self._trusted or len(line) < MAX_LINE_BEFORE_SIGN_IN or _may_be_resume(line)

    def trust(self) -> None:
        """The connection has signed in: every line may have the full length."""
        self._trusted = True
        self.release()

    def release(self) -> None:
        """Give back what the unfinished line holds of the budget."""
        self._budget.free += self._held
        self._held = 0

    def _hold(self, lines: list[bytes]) -> None:
        pending = self._splitter.pending
        if pending >= MAX_LINE_BEFORE_SIGN_IN and not self._plausible:
            if not _may_be_resume(self._splitter.peek(MAX_LINE_BEFORE_SIGN_IN)):
                raise LineTooLong(lines)
            self._plausible = True
        held = max(0, pending - MAX_LINE_BEFORE_SIGN_IN)
        if held - self._held > self._budget.free:
            raise NoRoom(lines)
        self._budget.free -= held - self._held
        self._held = held


def recognise(line: bytes) -> str | None:
    """What a first line that is no JSON says about its sender, as a sentence; ``None`` when nothing is known."""
    if _HTTP.match(line):
        return NOT_HTTP
    if line.startswith(b"PROXY "):
        return NO_PROXY
    return None


def _may_be_resume(line: bytes) -> bool:
    head = line[:MAX_LINE_BEFORE_SIGN_IN]
    return b'"session.resume"' in head or b'"cursors"' in head
