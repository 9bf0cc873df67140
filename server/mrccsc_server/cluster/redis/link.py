"""Keeps a wire to Redis up: connects, supervises, begins anew after any loss, with a time limit on every call."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from mrccsc_server.cluster.redis.wire import AWAY, SILENT, UNREACHABLE, Dial, Hear, Reply, Script, Wire, WireError

log = logging.getLogger(__name__)

BACK_OFF = 0.05
BACK_OFF_MAX = 1.0
"""Seconds between two attempts to connect: the first, and the most they grow to."""

Call = Callable[..., Awaitable[Reply]]
"""``await call(script, *args)``: the reply. Raises :class:`WireError`; any failure is the end of the wire."""


class Link:
    """The one connection of a node to Redis, as long as the node lives.

    ``serve`` is run on each new wire, with the call that belongs to it; it calls :meth:`join` once it has said all that
    Redis must know, and then stays until the wire is of no use any more. It ends by raising :class:`WireError`.
    """

    def __init__(self, dial: Dial, place: str, *, time: float, random: Random, counters: Counter[str]) -> None:
        self._dial = dial
        self._place = place
        self._time = time
        self._random = random
        self._counters = counters
        self._call: Call | None = None
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._joined = False
        self._told_away = False

    @property
    def up(self) -> bool:
        """Whether the wire has been joined and was not lost."""
        return self._up.is_set()

    async def wait_up(self) -> None:
        """Wait until it is."""
        await self._up.wait()

    async def open(self, channel: str, hear: Hear, serve: Callable[[Call], Awaitable[None]]) -> None:
        """Begin. Returns after the first attempt, whether it joined or failed."""
        self._running = asyncio.create_task(self._run(channel, hear, serve))
        await self._tried.wait()

    async def close(self) -> None:
        """End."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        if self._ending is not None:
            await self._ending

    async def call(self, script: Script, *args: bytes) -> Reply:
        """Run a script on the joined wire. Raises :class:`WireError`, at once while there is none."""
        if self._call is None or not self.up:
            raise WireError(AWAY)
        return await self._call(script, *args)

    def join(self) -> None:
        """The wire can be used by all."""
        self._joined = True
        self._up.set()
        self._tried.set()
        self._counters["connects"] += 1
        if self._told_away:
            self._told_away = False
            log.info("The bus is back: %s.", self._place)

    async def _run(self, channel: str, hear: Hear, serve: Callable[[Call], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await self._live(channel, hear, serve)
            except WireError as error:
                reason = str(error)
            except TimeoutError:
                reason = SILENT
            except OSError:
                reason = UNREACHABLE
            except Exception:
                log.exception("The bus failed")
                reason = "It failed."
            if self._joined:
                self._joined = False
                failures = 0
            self._tried.set()
            if not self._told_away:
                self._told_away = True
                log.warning("The bus is away (%s): %s Entries are looked up in the database.", self._place, reason)
            most = min(BACK_OFF_MAX, BACK_OFF * 2.0 ** min(failures, 10))
            failures += 1
            await asyncio.sleep(self._random.uniform(most / 2, most))

    async def _live(self, channel: str, hear: Hear, serve: Callable[[Call], Awaitable[None]]) -> None:
        async with asyncio.timeout(self._time):
            wire = await self._dial(channel, hear)
        call = guarded(wire, self._time)
        self._call = call
        serving = asyncio.ensure_future(serve(call))
        try:
            await asyncio.wait((serving, wire.lost), return_when=asyncio.FIRST_COMPLETED)
            if wire.lost.done():
                raise WireError(wire.lost.result())
            serving.result()
        finally:
            self._call = None
            self._up.clear()
            # In a task of its own: a wire that is half closed when this node ends would never be.
            self._ending = asyncio.create_task(_end(serving, wire))
            await asyncio.shield(self._ending)


async def _end(serving: asyncio.Future[None], wire: Wire) -> None:
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await wire.close()


def guarded(wire: Wire, time: float) -> Call:
    """Calls with a time limit in seconds; one that fails is the end of the wire."""

    async def call(script: Script, *args: bytes) -> Reply:
        reason = SILENT
        try:
            async with asyncio.timeout(time):
                return await wire.call(script, args)
        except TimeoutError:
            pass
        except WireError as error:
            reason = str(error)
        if not wire.lost.done():
            wire.lost.set_result(reason)
        raise WireError(reason)

    return call


def encoded(*args: str | float) -> Sequence[bytes]:
    """Arguments of a script as they travel."""
    return [str(arg).encode() for arg in args]
