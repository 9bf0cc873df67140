"""A wire by asyncio-redis: plain TCP, a password at most.

That client has no time limits, hides the text of a script's error and never tells of a lost subscription. Its scripts,
its subscriptions and its reconnecting are left out, so that a lost connection is the end of this wire.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from asyncio_redis import RedisProtocol  # type: ignore[import-untyped]
from asyncio_redis.encoders import BytesEncoder  # type: ignore[import-untyped]
from asyncio_redis.exceptions import Error, ErrorReply, NotConnectedError  # type: ignore[import-untyped]

from mrccsc_server.cluster.redis.address import Address
from mrccsc_server.cluster.redis.replies import Answer, Broken, Failure, Replies
from mrccsc_server.cluster.redis.wire import CLOSED, REFUSED, Dial, Hear, Reply, Script, Wire, WireError, explain

# It says every connection at the level of information.
logging.getLogger("asyncio_redis").setLevel(logging.WARNING)


class _Protocol(RedisProtocol):  # type: ignore[misc]
    """That client's protocol, with a shorter way for what is asked and heard all the time.

    Its own has two tasks, a stream and a dozen steps between what comes and who waits for it, and of its time of asking
    spends a third on writing down how long each argument is: more than twice the work of a bundle of hints.
    """

    def __init__(self, hear: Hear, lost: Callable[[], None]) -> None:
        super().__init__(encoder=BytesEncoder(), enable_typechecking=False, connection_lost_callback=lost)
        self._replies = Replies()
        self._hear = hear

    def ask(self, *command: bytes) -> asyncio.Future[Any]:
        """Send a command; its answer, or :class:`ErrorReply`. Raises :class:`NotConnectedError`."""
        if not self.is_connected:
            raise NotConnectedError
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(answer)
        self._send_command(command)
        return answer

    def data_received(self, data: bytes) -> None:
        """Answer who asked, in order, and pass on what is published."""
        try:
            for answer in self._replies.feed(data):
                match answer:
                    case [b"message", _, bytes(message)]:
                        self._hear(message)
                    case _:
                        self._settle(answer)
        except Broken:
            self.transport.abort()

    def _settle(self, answer: Answer) -> None:
        if not self._queue:
            raise Broken
        asked = self._queue.popleft()
        if asked.done():
            return
        if isinstance(answer, Failure):
            asked.set_exception(ErrorReply(answer))
        else:
            asked.set_result(answer)

    def _send_command(self, args: Sequence[bytes]) -> None:
        parts = [b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in args]
        self.transport.write(b"*%d\r\n%b" % (len(parts), b"".join(parts)))


class PlainWire:
    """See :class:`mrccsc_server.cluster.redis.wire.Wire`."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._protocols: list[_Protocol] = []
        self._commands: _Protocol

    async def open(self, address: Address, channel: str | None, hear: Hear) -> None:
        """Connect, sign in, subscribe."""
        self._commands = await self._connect(address, hear)
        if channel is not None:
            await self._connect(address, hear, b"SUBSCRIBE", channel.encode())

    async def call(self, script: Script, args: Sequence[bytes]) -> Reply:
        """See the port."""
        command = (b"EVALSHA", script.sha.encode(), b"0", *args)
        try:
            try:
                answer: Reply = await self._commands.ask(*command)
            except ErrorReply as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise WireError(REFUSED) from None
                await self._commands.script_load(script.text)
                answer = await self._commands.ask(*command)
        except ErrorReply as error:
            raise WireError(explain(str(error))) from None
        except (Error, NotConnectedError, OSError, RuntimeError, AttributeError):
            # The last two are what writing to a transport that has just closed raises.
            raise WireError(CLOSED) from None
        return answer

    async def close(self) -> None:
        """See the port."""
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        # Let the event loop close the sockets.
        await asyncio.sleep(0)
        self._end()

    async def _connect(self, address: Address, hear: Hear, *command: bytes) -> _Protocol:
        """One connection that is known to be let in, and has done what it is for."""
        _, protocol = await asyncio.get_running_loop().create_connection(
            lambda: _Protocol(hear, self._end), address.host, address.port
        )
        self._protocols.append(protocol)
        try:
            if address.password:
                await protocol.auth(address.password.encode())
            await protocol.select(address.db)
            if command:
                await protocol.ask(*command)
        except ErrorReply as error:
            raise WireError(explain(str(error))) from None
        except Error:
            raise WireError(CLOSED) from None
        return protocol

    def _end(self) -> None:
        if not self.lost.done():
            self.lost.set_result(CLOSED)


def plain_dial(address: Address) -> Dial:
    """What dials that address."""

    async def dial(channel: str | None, hear: Hear) -> Wire:
        wire = PlainWire()
        try:
            await wire.open(address, channel, hear)
        except BaseException:
            await wire.close()
            raise
        return wire

    return dial
