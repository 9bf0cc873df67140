"""A connection that aiomysql opens and signs in on, and that is read from then on without its streams.

A server sends the result of each of many statements in a packet of TCP of its own. By streams, each of them wakes the
task that waits for all of them, which costs far more than to read what is in them. Here it is woken once, by the last.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Any, cast

from aiomysql.connection import Connection  # type: ignore[import-untyped]
from pymysql.constants import CR  # type: ignore[import-untyped]
from pymysql.err import OperationalError  # type: ignore[import-untyped]

from mrccsc_server.storage.mysql.answers import QUIT, Answer, Result, question
from mrccsc_server.storage.mysql.errors import Failed, Lost


class AiomysqlConnection(asyncio.Protocol):
    """:class:`~.link.Connection` by aiomysql, which takes the settings."""

    def __init__(self, **settings: Any) -> None:
        self.status = 0
        self._driver = _Driver(**settings)
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._answered: asyncio.Future[Answer] | None = None

    @property
    def alive(self) -> bool:
        """See the protocol."""
        return self._transport is not None and not self._transport.is_closing()

    async def connect(self) -> bool:
        """See the protocol."""
        self._transport = transport = await self._driver.open()
        transport.set_protocol(self)
        return transport.get_extra_info("ssl_object") is not None

    async def ask(self, statements: bytes) -> list[Result]:
        """See the protocol."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise Lost(CR.CR_SERVER_LOST, "The connection is closed")
        packets = question(statements)
        self._answer = Answer(len(packets))
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answered = answered
        for packet in packets:
            transport.write(packet)
        answer = await answered
        if answer.results:
            self.status = answer.status
        if answer.error is not None:
            raise answer.error
        return answer.results

    async def quit(self) -> None:
        """See the protocol."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(QUIT)
            self._transport.close()  # What was written is sent.
        self.close()

    def close(self) -> None:
        """See the protocol."""
        self._driver.abort()

    # -- What the transport calls ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        answer = self._answer
        if answer is None:
            self._end(Lost(CR.CR_SERVER_LOST, "The database speaks without being asked"))
            return
        try:
            if not answer.feed(data):
                return
        except Failed as failed:
            self._end(failed)
            return
        answered, self._answered, self._answer = self._answered, None, None
        if answered is not None and not answered.done():
            answered.set_result(answer)
        if answer.surplus:
            self._end(Lost(CR.CR_SERVER_LOST, "The database says more than it was asked"))

    def eof_received(self) -> None:
        """The server has hung up."""
        self._end(Lost(CR.CR_SERVER_LOST, "The server has closed the connection"))

    def connection_lost(self, error: Exception | None) -> None:
        """It is no more, on whosever wish."""
        self._end(Lost(CR.CR_SERVER_LOST, f"The connection was lost ({error or 'closed'})"))

    def _end(self, why: Failed) -> None:
        """Break it off, and tell the one who waits."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(why)
        self._driver.abort()


class _Driver(Connection):  # type: ignore[misc]
    """aiomysql's connection, which opens it and signs in. It goes over to TLS under uvloop too."""

    _writer: Any

    async def open(self) -> asyncio.Transport:
        """What it travels by, ready to be asked. May raise all kinds of errors (see :func:`~.errors.explain`)."""
        await self._connect()
        if self._reader.eof_received or self._reader.exception() is not None:
            raise OperationalError(CR.CR_SERVER_LOST, "The server has closed the connection")
        return cast(asyncio.Transport, self._writer.transport)

    def abort(self) -> None:
        """Break it off at once, if it is open: over TLS, a good-bye takes as long as the server likes."""
        if self._writer is not None:
            self._writer.transport.abort()
        self.close()

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        if self._ssl_context is not None:
            # It goes over to TLS on a duplicate of its socket, which those of uvloop cannot give.
            self._writer = _Writer(self._writer)


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
