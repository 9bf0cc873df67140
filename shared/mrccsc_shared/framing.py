"""Bytes ⇄ lines. One JSON object a line; the cap bounds what a peer can make us hold."""

from __future__ import annotations


class LineTooLong(Exception):
    """A line is longer than the cap. The stream cannot be followed any further: close it."""


class LineSplitter:
    r"""Cuts a stream of bytes into lines without their ends.

    ``cap`` is the number of bytes that a line may have, its newline included, and may be changed between two calls.
    Empty lines are dropped and one ``\r`` before the newline is tolerated. At most ``cap`` bytes are kept between
    calls, and the work is linear in the bytes fed, however they are cut.
    """

    __slots__ = ("_parts", "_size", "cap")

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> int:
        """Bytes of the unfinished line."""
        return self._size

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes. Raises :class:`LineTooLong` once one breaks the cap.

        Lines that were complete before the long one are on the exception as ``args[0]``.
        """
        complete = data.split(b"\n")
        rest = complete.pop()
        if not rest and not self._parts and len(data) < self.cap and b"\r" not in data:
            # Mostly whole lines arrive: one, or some.
            return complete if b"" not in complete else list(filter(None, complete))
        lines: list[bytes] = []
        for line in complete:
            if self._parts:
                self._parts.append(line)
                line = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
            if len(line) >= self.cap:
                raise LineTooLong(lines)
            if line[-1:] == b"\r":
                line = line[:-1]
            if line:
                lines.append(line)
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size >= self.cap:
                raise LineTooLong(lines)
            if len(self._parts) > 64:
                self._parts = [b"".join(self._parts)]
        return lines

    def peek(self, size: int) -> bytes:
        """The first bytes of the unfinished line, at most ``size``."""
        return b"".join(self._parts)[:size]
