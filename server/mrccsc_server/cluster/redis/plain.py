"""A wire by asyncio-redis: plain TCP, a password at most.

That client has no time limits, hides the text of a script's error and never tells of a lost subscription; its own
reconnecting is left out, so that a lost connection is the end of this wire.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from asyncio_redis import RedisProtocol  # type: ignore[import-untyped]
from asyncio_redis.encoders import BytesEncoder  # type: ignore[import-untyped]
from asyncio_redis.exceptions import (  # type: ignore[import-untyped]
    Error,
    ErrorReply,
    NotConnectedError,
    ScriptKilledError,
)

from mrccsc_server.cluster.redis.address import Address
from mrccsc_server.cluster.redis.wire import CLOSED, REFUSED, Dial, Hear, Reply, Script, Wire, WireError, explain

# It says every connection at the level of information.
logging.getLogger("asyncio_redis").setLevel(logging.WARNING)


class _Protocol(RedisProtocol):  # type: ignore[misc]
    """That client's protocol, which spends a third of its time on writing down how long each argument is."""

    def _send_command(self, args: Sequence[bytes]) -> None:
        parts = [b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in args]
        self.transport.write(b"*%d\r\n%b" % (len(parts), b"".join(parts)))


class PlainWire:
    """See :class:`mrccsc_server.cluster.redis.wire.Wire`."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._protocols: list[Any] = []
        self._commands: Any = None
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, address: Address, channel: str | None, hear: Hear) -> None:
        """Connect, sign in, subscribe."""
        self._commands = await self._connect(address)
        if channel is not None:
            protocol = await self._connect(address)
            subscription = await protocol.start_subscribe()
            await subscription.subscribe([channel.encode()])
            self._hearing = asyncio.create_task(self._hear(subscription, hear))

    async def call(self, script: Script, args: Sequence[bytes]) -> Reply:
        """See the port."""
        try:
            try:
                return await self._run(script, args)
            except ScriptKilledError:
                # Any error looks like this one; nearly always the script is not known to a new Redis.
                await self._commands.script_load(script.text)
                return await self._run(script, args)
        except ErrorReply as error:
            raise WireError(explain(str(error))) from None
        except ScriptKilledError:
            raise WireError(REFUSED) from None
        except (Error, NotConnectedError, OSError, RuntimeError, AttributeError):
            # The last two are what writing to a transport that has just closed raises.
            raise WireError(CLOSED) from None

    async def close(self) -> None:
        """See the port."""
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        # Let the event loop close the sockets.
        await asyncio.sleep(0)
        self._end()

    async def _run(self, script: Script, args: Sequence[bytes]) -> Reply:
        reply = await self._commands.evalsha(script.sha, [], list(args))
        value: Reply = await reply.return_value()
        return value

    async def _connect(self, address: Address) -> Any:
        """One connection that is known to be let in: that client stumbles over a refused subscription."""

        def make() -> Any:
            return _Protocol(encoder=BytesEncoder(), enable_typechecking=False, connection_lost_callback=self._end)

        _, protocol = await asyncio.get_running_loop().create_connection(make, address.host, address.port)
        self._protocols.append(protocol)
        try:
            if address.password:
                await protocol.auth(address.password.encode())
            await protocol.select(address.db)
        except ErrorReply as error:
            raise WireError(explain(str(error))) from None
        except Error:
            raise WireError(CLOSED) from None
        return protocol

    async def _hear(self, subscription: Any, hear: Hear) -> None:
        while True:
            hear((await subscription.next_published()).value)

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
