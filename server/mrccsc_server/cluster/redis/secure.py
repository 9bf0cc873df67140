"""A wire by redis-py: TLS and users of an access control list, which asyncio-redis lacks.

Of that client only its connections are used: its own retries (which may publish twice) and its own re-subscribing
(which hides a gap) are no part of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError

from mrccsc_server.cluster.redis.address import Address
from mrccsc_server.cluster.redis.wire import (
    CLOSED,
    DENIED,
    REFUSED,
    UNREACHABLE,
    Dial,
    Hear,
    Reply,
    Script,
    Wire,
    WireError,
    explain,
)

GOODBYE = 0.5
"""Seconds that the end of a TLS connection may take; a Redis that hangs does not answer it."""


class SecureWire:
    """See :class:`mrccsc_server.cluster.redis.wire.Wire`."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._commands = _connection(address, tls)
        self._heard = _connection(address, tls)
        self._answers: deque[asyncio.Future[Any]] = deque()
        self._sending = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, channel: str | None, hear: Hear) -> None:
        """Connect, sign in, subscribe."""
        await _connect(self._commands, "PING")
        self._tasks.append(asyncio.create_task(self._read(self._commands, self._answer)))
        if channel is not None:
            await _connect(self._heard, "SUBSCRIBE", channel)
            self._tasks.append(asyncio.create_task(self._read(self._heard, lambda message: hear(message[2]))))

    async def call(self, script: Script, args: Sequence[bytes]) -> Reply:
        """See the port."""
        try:
            try:
                answer: Reply = await self._ask("EVALSHA", script.sha, 0, *args)
            except NoScriptError:
                await self._ask("SCRIPT", "LOAD", script.text)
                answer = await self._ask("EVALSHA", script.sha, 0, *args)
        except ResponseError:
            raise WireError(REFUSED) from None
        except (RedisError, OSError, RuntimeError, AttributeError):
            raise WireError(CLOSED) from None
        return answer

    async def close(self) -> None:
        """See the port."""
        # First of all: asked for more, a closed connection of redis-py would open itself again.
        self._end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(_disconnect(self._commands), _disconnect(self._heard))

    async def _ask(self, *command: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        async with self._sending:
            if self.lost.done():
                raise WireError(CLOSED)
            self._answers.append(answer)
            await self._commands.send_command(*command)
        return await answer

    async def _read(self, connection: Connection, take: Any) -> None:
        try:
            while True:
                try:
                    value = await connection.read_response(disconnect_on_error=False)
                except ResponseError as error:
                    value = error
                take(value)
        except (RedisError, OSError, RuntimeError, AttributeError):
            self._end()

    def _answer(self, value: Any) -> None:
        answer = self._answers.popleft()
        if answer.done():
            return
        if isinstance(value, Exception):
            answer.set_exception(value)
        else:
            answer.set_result(value)

    def _end(self) -> None:
        if not self.lost.done():
            self.lost.set_result(CLOSED)
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(WireError(CLOSED))


def secure_dial(address: Address) -> Dial:
    """What dials that address. Raises OSError when its file of certificates is no good."""
    # Once for all: it takes its time, and reads the file.
    tls = ssl.create_default_context(cafile=address.ca) if address.tls else None

    async def dial(channel: str | None, hear: Hear) -> Wire:
        wire = SecureWire(address, tls)
        try:
            await wire.open(channel, hear)
        except BaseException:
            await wire.close()
            raise
        return wire

    return dial


def _connection(address: Address, tls: ssl.SSLContext | None) -> Connection:
    options: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "db": address.db,
        "username": address.user,
        "password": address.password,
        "protocol": 2,
        "socket_timeout": None,
    }
    if tls is None:
        return Connection(**options)
    connection = SSLConnection(**options)
    connection.ssl_context.context = tls
    return connection


async def _connect(connection: Connection, *command: str) -> None:
    """Connect, and see a first command answered: only that shows whether one is let in."""
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command(*command)
        await connection.read_response()
    except AuthenticationError:
        raise WireError(DENIED) from None
    except ResponseError as error:
        raise WireError(explain(str(error))) from None
    except RedisError as error:
        raise WireError(_reason(error)) from None


async def _disconnect(connection: Connection) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(GOODBYE):
            await connection.disconnect()


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "The certificate of Redis is not to be trusted, or it speaks no TLS there."
        cause = cause.__cause__ or cause.__context__
    return UNREACHABLE
