"""What a server is asked, and how its answer is read: MySQL's client/server protocol, without any input or output.

What is spoken here is a statement (or many, split by semicolons) and the results that come back, all of them at once.
The pages of the protocol, the same for MySQL and MariaDB:

packets     https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
numbers     https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
the command https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
its answer  https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
more of it  https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_sp.html

It is read without CLIENT_DEPRECATE_EOF and CLIENT_SESSION_TRACK, which are not asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from pymysql.connections import TEXT_TYPES  # type: ignore[import-untyped]
from pymysql.constants import CR, FIELD_TYPE, SERVER_STATUS  # type: ignore[import-untyped]

from mrccsc_server.storage.database import Row, Unstorable
from mrccsc_server.storage.mysql.errors import Failed, Lost, judge

QUIT = b"\1\0\0\0\1"
"""The packet that says good-bye."""

_HEADER = struct.Struct("<I")
"""Three bytes of a packet's length, and one of its number."""

_MORE = SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS

_QUERY = b"\3"
"""The first byte of a command of statements."""

_OK, _LOCAL_FILE, _END, _ERROR = 0, 251, 254, 255
"""The first bytes of packets that are no column count and no row."""

_END_LENGTH = 9
"""Bytes below which a packet that begins like one is the end of rows, and no row."""

_LARGEST = 0xFFFFFF
"""The length of a packet that goes on in the next."""

_LONGEST = 250
"""The greatest length that is told by one byte."""

_NULL = 251
_WIDTHS = {252: 2, 253: 3, 254: 8}
"""How many bytes tell a length, by the byte before them."""

_BINARY = 63
"""The character set of what is no text."""

_INTEGERS = {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG}


_Converter = Callable[[bytes], Any]
"""What makes a value of its bytes."""


class Result(NamedTuple):
    """What one statement has brought."""

    rows: Sequence[Row]
    """Their values are integers, bytes, or text; numbers of other kinds are text too."""
    found: int
    """Rows that a statement found to change."""
    ident: int
    """The first id that an INSERT was given."""


def question(statements: bytes) -> list[bytes]:
    """The packets that ask a server to run statements. Its answer is numbered on from them."""
    body = _QUERY + statements
    # What follows the largest may be empty: it says that this was all.
    parts = [body[at : at + _LARGEST] for at in range(0, len(body) + 1, _LARGEST)]
    return [_HEADER.pack(len(part) | (number & 0xFF) << 24) + part for number, part in enumerate(parts)]


class _Head(NamedTuple):
    """What comes before the rows of a result. The same statement brings the same, nearly always."""

    packets: bytes
    number: int
    """Of the packet that follows."""
    converters: list[_Converter]


_KNOWN: dict[bytes, _Head] = {}
"""Heads that were read, by how they begin: to compare one is a small part of the work of reading it."""

_MOST_KNOWN = 128


def _first_of(data: bytes, at: int) -> bytes:
    """How a head begins: the number of its columns (a packet of five bytes), and the first of them."""
    return data[at : at + 9 + data[at + 5]]


def _keep(head: _Head) -> None:
    if len(_KNOWN) >= _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[_first_of(head.packets, 0)] = head


class Answer:
    """The answer to one question, which may come in pieces of any size."""

    def __init__(self, number: int) -> None:
        """``number`` is that of its first packet."""
        self.results: list[Result] = []
        """Of the statements that were run, in their order."""
        self.error: Failed | Unstorable | None = None
        """Why the one after them failed, if so; those that follow it were not run."""
        self.status = 0
        """The flags of the server's state, as the last result told them."""
        self.surplus = False
        """Whether something came after the end, which nobody asked for."""
        self._number = number & 0xFF
        self._pieces: list[bytes] = []
        """Bytes that are no whole packet yet."""
        self._missing = 0
        """How many more are needed to go on."""
        self._parts: list[bytes] = []
        """Of a packet that goes on in the next."""
        self._definitions = 0
        """Packets until the rows begin."""
        self._converters: list[_Converter] = []
        self._rows: list[Row] | None = None
        """Of the result that is under way, once they have begun."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; whether that is the end.

        Raises :class:`~.errors.Failed` for what is no answer: the connection is of no use any more.
        """
        if self._pieces:
            self._pieces.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return False
            data = b"".join(self._pieces)
            self._pieces = []
        try:
            return self._cut(data)
        except (IndexError, KeyError, ValueError):
            raise Failed(CR.CR_MALFORMED_PACKET, "The database's answer makes no sense") from None

    def _cut(self, data: bytes) -> bool:
        """Read the packets that are whole, and keep the rest; whether the last one was read."""
        at, size = 0, len(data)
        needed = 4
        head = -1  # Where the head begins that is being read, if it does in these bytes.
        while (begin := at + 4) <= size:
            if self._rows and not self._parts:
                at = self._take_rows(data, at)
                begin = at + 4
                if begin > size:
                    break
            if begin + 1 < size and data[begin] != _OK and self._rows is None and not self._definitions:
                known = _KNOWN.get(_first_of(data, at))
                if known is not None and data[at + 3] == self._number and data.startswith(known.packets, at):
                    at += len(known.packets)
                    self._number, self._converters, self._rows = known.number, known.converters, []
                    continue
                head = at
            (header,) = _HEADER.unpack_from(data, at)
            end = begin + (header & _LARGEST)
            if end > size:
                needed = end - at
                break
            if header >> 24 != self._number:
                raise Lost(CR.CR_SERVER_LOST, "The packets of the database's answer are out of order")
            self._number = (self._number + 1) & 0xFF
            packet = data[begin:end]
            at = end
            if header & _LARGEST == _LARGEST:
                self._parts.append(packet)
                continue
            if self._parts:
                packet = b"".join((*self._parts, packet))
                self._parts = []
            if self._read(packet):
                self.surplus = at < size
                return True
            if head >= 0 and self._rows is not None:
                _keep(_Head(data[head:at], self._number, self._converters))
                head = -1
        if at < size:
            self._pieces = [data[at:]]
            self._missing = needed - (size - at)
        return False

    def _take_rows(self, data: bytes, at: int) -> int:
        """Read the plain rows that come next, as nearly all are: short, whole, with nothing special about them.

        Where the first packet begins that is something else, or may be.
        """
        rows, converters, number = cast(list[Row], self._rows), self._converters, self._number
        single = converters[0] if len(converters) == 1 else None
        plain = number << 24  # What is added to the length of a packet that has its turn.
        last = len(data) - 5
        while at <= last:
            (header,) = _HEADER.unpack_from(data, at)
            begin = at + 4
            end = begin + header - plain
            first = data[begin]
            if not begin < end <= last + 5 or first > _NULL or end - begin >= _LARGEST:
                break
            if single is None:
                rows.append(_row(data[begin:end], converters))
            elif first == _NULL:
                rows.append((None,))
            else:
                rows.append((single(data[begin + 1 : begin + 1 + first]),))
            at = end
            number = (number + 1) & 0xFF
            plain = number << 24
        self._number = number
        return at

    def _read(self, packet: bytes) -> bool:
        """Read one packet; whether it was the last."""
        first = packet[0]
        if first == _ERROR:
            self.error = _error(packet)
            return True
        if self._definitions:
            self._definitions -= 1
            if self._definitions:
                self._converters.append(_converter(packet))
            else:  # Their end.
                self._rows = []
            return False
        if self._rows is not None:
            if first != _END or len(packet) >= _END_LENGTH:
                self._rows.append(_row(packet, self._converters))
                return False
            result, flags = Result(self._rows, len(self._rows), 0), 3
            self._rows = None
        elif first == _OK:
            result, flags = _done(packet)
        elif first == _LOCAL_FILE:
            raise Failed(CR.CR_MALFORMED_PACKET, "The database asks for a file of this machine")
        else:
            self._definitions = _length(packet, 0)[0] + 1
            self._converters = []
            return False
        self.results.append(result)
        self.status = packet[flags] | packet[flags + 1] << 8
        return not self.status & _MORE


def _converter(definition: bytes) -> _Converter:
    """What makes values of a column's bytes.

    A definition ends with the column's character set (2 bytes), length (4), type (1) and five more bytes.
    """
    kind = definition[-6]
    if kind in _INTEGERS:
        return int
    if kind in TEXT_TYPES and definition[-12] | definition[-11] << 8 == _BINARY:
        return bytes
    return bytes.decode


def _row(data: bytes, converters: Sequence[_Converter]) -> Row:
    row: list[Any] = []
    at = 0
    for converter in converters:
        length = data[at]
        at += 1
        if length > _LONGEST:
            if length == _NULL:
                row.append(None)
                continue
            width = _WIDTHS[length]
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        row.append(converter(data[at : at + length]))
        at += length
    return tuple(row)


@lru_cache(maxsize=256)
def _done(packet: bytes) -> tuple[Result, int]:
    """The result of a statement without rows, and where the flags are. Most are the same as before."""
    found, at = _length(packet, 1)
    ident, flags = _length(packet, at)
    return Result((), found, ident), flags


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number whose first byte tells how long it is, and where it ends."""
    first = data[at]
    if first <= _LONGEST:
        return first, at + 1
    end = at + 1 + _WIDTHS[first]
    return int.from_bytes(data[at + 1 : end], "little"), end


def _error(data: bytes) -> Failed | Unstorable:
    """A number of two bytes, mostly a mark and five letters that say the same, and a text."""
    message = data[9:] if data[3:4] == b"#" else data[3:]
    return judge(int.from_bytes(data[1:3], "little"), message.decode(errors="replace"))
