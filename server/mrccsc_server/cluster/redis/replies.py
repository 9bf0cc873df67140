"""Reading what Redis answers: the second version of its protocol, without any input or output.

https://redis.io/docs/latest/develop/reference/protocol-spec/. Nothing that is asked here is answered by lists of lists,
so that one is an error like all else that breaks the form.
"""

from __future__ import annotations

LONGEST = 64 * 1024 * 1024
"""Bytes of one string that is believed; scripts and bundles stay far below it."""

_ITEMS = 1_000
"""Elements of one list that are believed."""

_LIST = ord("*")
_END = b"\r\n"
_NOTHING = -1
"""The length of what is not there."""


class Broken(Exception):
    """What came breaks the form: nothing after it can be understood."""


class Failure(str):
    """The text of an error that is answered in place of a value."""

    __slots__ = ()


Simple = bytes | int | Failure | None
Answer = Simple | list[Simple]

_Read = tuple[Answer, int]
"""What was read, and where it ends."""


class Replies:
    """Cuts answers out of what comes in pieces of any size."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._needed = 0
        """Bytes without which the first answer that is under way cannot be whole."""

    def feed(self, data: bytes) -> list[Answer]:
        """The answers that are whole with this piece, in order. Raises :class:`Broken`."""
        if self._pieces:
            self._pieces.append(data)
            self._size += len(data)
            if self._size < self._needed:
                return []
            data = b"".join(self._pieces)
            self._pieces.clear()
        answers: list[Answer] = []
        at, length = 0, len(data)
        while at < length:
            read = self._read(data, at)
            if read is None:
                rest = data[at:]
                self._pieces.append(rest)
                self._size = len(rest)
                self._needed -= at
                break
            answer, at = read
            answers.append(answer)
        return answers

    def _read(self, data: bytes, at: int) -> _Read | None:
        """An answer that begins there, unless it is not whole: then what it needs is noted."""
        if data[at] != _LIST:
            return self._simple(data, at)
        end = self._line(data, at)
        if end is None:
            return None
        count = _number(data, at, end)
        if not _NOTHING <= count <= _ITEMS:
            raise Broken
        at = end + 2
        items: list[Simple] = []
        for _ in range(count):
            read = self._simple(data, at)
            if read is None:
                return None
            item, at = read
            items.append(item)
        return None if count == _NOTHING else items, at

    def _simple(self, data: bytes, at: int) -> tuple[Simple, int] | None:
        end = self._line(data, at)
        if end is None:
            return None
        kind = data[at : at + 1]
        if kind == b"$":
            length = _number(data, at, end)
            if length == _NOTHING:
                return None, end + 2
            if not 0 <= length <= LONGEST:
                raise Broken
            begin = end + 2
            end = begin + length
            if len(data) < end + 2:
                self._needed = end + 2
                return None
            if data[end : end + 2] != _END:
                raise Broken
            return data[begin:end], end + 2
        if kind == b":":
            return _number(data, at, end), end + 2
        if kind == b"+":
            return data[at + 1 : end], end + 2
        if kind == b"-":
            return Failure(data[at + 1 : end].decode(errors="replace")), end + 2
        raise Broken

    def _line(self, data: bytes, at: int) -> int | None:
        end = data.find(_END, at)
        if end >= 0:
            return end
        if len(data) - at > LONGEST:
            raise Broken
        self._needed = len(data) + 1
        return None


def _number(data: bytes, at: int, end: int) -> int:
    """The number in a line, after the letter that it begins with."""
    try:
        return int(data[at + 1 : end])
    except ValueError:
        raise Broken from None
