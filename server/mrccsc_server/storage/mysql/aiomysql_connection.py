"""aiomysql's connection, with what it lacks: TLS under uvloop, a look at whether it lives, speed in reading results."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiomysql.connection import TEXT_TYPES, Connection  # type: ignore[import-untyped]
from pymysql.constants import CR, FIELD_TYPE, SERVER_STATUS  # type: ignore[import-untyped]
from pymysql.err import OperationalError  # type: ignore[import-untyped]
from pymysql.protocol import MysqlPacket  # type: ignore[import-untyped]

from mrccsc_server.storage.database import Row

_BINARY = 63
"""The character set of what is no text."""

_INTEGERS = {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG}

_LONGEST = 250
"""The greatest length that is told by one byte."""

_OK, _LOCAL_FILE, _END, _ERROR = 0, 251, 254, 255
"""The first bytes of packets that are no column count and no row."""

_END_LENGTH = 9
"""Bytes below which a packet that begins like one is the end of rows, and no row."""

_LARGEST = 0xFFFFFF
"""The length of a packet that goes on in the next."""

_READ = 65_536
"""Bytes that are asked for at once."""

_NULL = 251
_WIDTHS = {252: 2, 253: 3, 254: 8}
"""How many bytes tell a length, by the byte before them."""


class AiomysqlConnection(Connection):  # type: ignore[misc]
    """aiomysql's connection, with what it lacks.

    Packets are cut from what was read in one go: waiting for the header and the rest of each by itself costs more than
    all that is in them.
    """

    _writer: Any
    _next_seq_id: int

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._unread = b""
        self._at = 0

    @property
    def alive(self) -> bool:
        """Whether it is open, and the server has not hung up."""
        reader = self._reader
        return reader is not None and not reader.at_eof() and not reader.eof_received and reader.exception() is None

    @property
    def transport(self) -> asyncio.Transport | None:
        """What it travels by, while it is open."""
        return None if self._writer is None else cast(asyncio.Transport, self._writer.transport)

    @property
    def encrypted(self) -> bool:
        """Whether it is over TLS."""
        return self._writer is not None and self._writer.get_extra_info("ssl_object") is not None

    async def packet(self) -> bytes:
        """The body of the next packet. Raises the driver's errors, those that the server tells of among them."""
        unread, begin = self._unread, self._at + 4
        if begin < len(unread):  # All of it is here, nearly always.
            end = begin + (unread[begin - 4] | unread[begin - 3] << 8 | unread[begin - 2] << 16)
            if end <= len(unread) and end - begin < _LARGEST and unread[begin - 1] == self._next_seq_id:
                self._next_seq_id = (self._next_seq_id + 1) & 0xFF
                self._at = end
                if unread[begin] == _ERROR:
                    MysqlPacket(unread[begin:end], self.encoding).raise_for_error()
                return unread[begin:end]
        body = b""
        while True:
            await self._have(4)
            header = self._unread[self._at : self._at + 4]
            if header[3] != self._next_seq_id:
                self.close()
                raise OperationalError(CR.CR_SERVER_LOST, "The packets of the database's answer are out of order")
            self._next_seq_id = (self._next_seq_id + 1) % 256
            length = int.from_bytes(header[:3], "little")
            await self._have(4 + length)
            begin = self._at + 4
            self._at = begin + length
            part = self._unread[begin : self._at]
            body = body + part if body else part
            if length < _LARGEST:
                break
        if body[0] == _ERROR:
            MysqlPacket(body, self.encoding).raise_for_error()
        return body

    async def _read_bytes(self, num_bytes: int) -> bytes:
        # What the driver itself reads: greeting and authentication.
        await self._have(num_bytes)
        begin = self._at
        self._at += num_bytes
        return self._unread[begin : self._at]

    async def _have(self, count: int) -> None:
        """Read until so many bytes are there."""
        missing = count - (len(self._unread) - self._at)
        if missing <= 0:
            return
        parts = [self._unread[self._at :]]
        while missing > 0:
            try:
                data = await self._reader.read(max(missing, _READ))
            except OSError as error:
                self.close()
                raise OperationalError(CR.CR_SERVER_LOST, f"The connection was lost ({error})") from error
            if not data:
                self.close()
                raise OperationalError(CR.CR_SERVER_LOST, "The server has closed the connection")
            parts.append(data)
            missing -= len(data)
        self._unread, self._at = b"".join(parts), 0

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        if self._ssl_context is not None:
            # It goes over to TLS on a duplicate of its socket, which those of uvloop cannot give.
            self._writer = _Writer(self._writer)

    async def _read_query_result(self, unbuffered: bool = False) -> None:  # noqa: ARG002 - none is
        self._result = None
        result = await _read_result(self)
        self._result = result
        self._affected_rows = result.affected_rows
        self.server_status = result.server_status


@dataclass(slots=True)
class _Result:
    """What one statement has brought, in the driver's names."""

    affected_rows: int
    insert_id: int
    server_status: int
    rows: Sequence[Row] = ()
    unbuffered_active = False

    @property
    def has_next(self) -> bool:
        return bool(self.server_status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS)


async def _read_result(connection: AiomysqlConnection) -> _Result:
    """One result. Of its columns only what their values are is looked at, and a row is cut in one loop.

    Values are integers, bytes, or text; numbers of other kinds are text too.
    """
    data = await connection.packet()
    if data[0] == _OK:
        affected, at = _length(data, 1)
        ident, at = _length(data, at)
        return _Result(affected, ident, data[at] | data[at + 1] << 8)
    if data[0] == _LOCAL_FILE:
        connection.close()
        raise OperationalError(CR.CR_MALFORMED_PACKET, "The database asks for a file of this machine")
    converters: list[Callable[[bytes], Any]] = []
    for _ in range(_length(data, 0)[0]):
        # A column's definition ends with its character set (2 bytes), length (4), type (1) and five more bytes.
        data = await connection.packet()
        if data[-6] in _INTEGERS:
            converters.append(int)
        elif data[-6] in TEXT_TYPES and data[-12] | data[-11] << 8 == _BINARY:
            converters.append(bytes)
        else:
            converters.append(bytes.decode)
    await connection.packet()  # The end of the definitions.
    rows: list[Row] = []
    while True:
        data = await connection.packet()
        if data[0] == _END and len(data) < _END_LENGTH:
            return _Result(len(rows), 0, data[3] | data[4] << 8, rows)
        rows.append(_row(data, converters))


def _row(data: bytes, converters: Sequence[Callable[[bytes], Any]]) -> Row:
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


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A number whose first byte tells how long it is, and where it ends."""
    first = data[at]
    if first <= _LONGEST:
        return first, at + 1
    end = at + 1 + _WIDTHS[first]
    return int.from_bytes(data[at + 1 : end], "little"), end


class _Writer:
    """A stream's writer whose socket can be duplicated."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.transport = self

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return _Descriptor(self._writer.get_extra_info("socket").fileno())
        return self._writer.get_extra_info(name, default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer if hasattr(self._writer, name) else self._writer.transport, name)


@dataclass(frozen=True, slots=True)
class _Descriptor:
    number: int

    def dup(self) -> socket.socket:
        return socket.socket(fileno=os.dup(self.number))
