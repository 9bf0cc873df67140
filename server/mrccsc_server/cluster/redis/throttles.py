"""Rates and delays that hold across nodes, timed by the clock of Redis; while it is away each node counts alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from mrccsc_server.cluster.local import LocalFailureThrottle, LocalRate, LocalThrottles
from mrccsc_server.cluster.redis.call_batcher import CallBatcher
from mrccsc_server.cluster.redis.link import Link, encoded
from mrccsc_server.cluster.redis.lua import THROTTLE
from mrccsc_server.cluster.redis.wire import WireError

AT_ONCE = 500

_waits = TypeAdapter(list[int])
_Op = Sequence[bytes]


class RedisThrottles:
    """:class:`mrccsc_server.ports.Throttles`."""

    def __init__(self, link: Link, head: tuple[bytes, bytes], local: LocalThrottles, *, time: float) -> None:
        self._link = link
        self._head = head
        self._local = local
        self._batch: CallBatcher[_Op, int] = CallBatcher(self._send, most=AT_ONCE, time=time)

    def rate(self, name: str, *, rate: float, burst: int) -> RedisRate:
        """See the port."""
        limits = encoded(round(1e6 / rate, 3), round(burst * 1e6 / rate, 3))
        return RedisRate(self, name, limits, self._local.rate(name, rate=rate, burst=burst))

    def guesses(self, name: str, *, free: int, delay: float, delay_max: float) -> RedisFailureThrottle:
        """See the port."""
        limits = encoded(free, round(delay * 1000), max(1, round(delay_max * 1000)))
        local = self._local.guesses(name, free=free, delay=delay, delay_max=delay_max)
        return RedisFailureThrottle(self, name, limits, local)

    async def ask(self, act: bytes, name: str, key: str, limits: Sequence[bytes] = ()) -> int:
        """Milliseconds to wait. Raises :class:`WireError`."""
        (wait,) = await self.ask_all(act, name, (key,), limits)
        return wait

    async def ask_all(self, act: bytes, name: str, keys: Sequence[str], limits: Sequence[bytes] = ()) -> list[int]:
        """Milliseconds to wait for each. Raises :class:`WireError`."""
        if not self._link.up:
            raise WireError
        return await self._batch.do_all([(act, _key(name, key), *limits) for key in keys])

    async def _send(self, ops: list[_Op]) -> Sequence[int]:
        reply = await self._link.call(THROTTLE, *self._head, *(part for op in ops for part in op))
        try:
            waits = _waits.validate_json(reply if isinstance(reply, bytes) else b"")
        except ValidationError:
            waits = []
        if len(waits) != len(ops):
            raise WireError
        return waits


class RedisRate:
    """:class:`mrccsc_server.ports.Rate`."""

    def __init__(self, throttles: RedisThrottles, name: str, limits: Sequence[bytes], local: LocalRate) -> None:
        self._throttles = throttles
        self._name = name
        self._limits = limits
        self._local = local

    async def take(self, key: str) -> int:
        """See the port."""
        (wait,) = await self.take_all((key,))
        return wait

    async def take_all(self, keys: Sequence[str]) -> list[int]:
        """See the port."""
        try:
            return await self._throttles.ask_all(b"t", self._name, keys, self._limits)
        except WireError:
            return await self._local.take_all(keys)


class RedisFailureThrottle:
    """:class:`mrccsc_server.ports.FailureThrottle`."""

    def __init__(
        self, throttles: RedisThrottles, name: str, limits: Sequence[bytes], local: LocalFailureThrottle
    ) -> None:
        self._throttles = throttles
        self._name = name
        self._limits = limits
        self._local = local

    async def attempt(self, key: str) -> int:
        """See the port."""
        try:
            return await self._throttles.ask(b"a", self._name, key, self._limits)
        except WireError:
            return await self._local.attempt(key)

    async def forgive(self, key: str) -> None:
        """See the port."""
        await self._local.forgive(key)
        try:
            await self._throttles.ask(b"f", self._name, key)
        except WireError:
            return


def _key(name: str, key: str) -> bytes:
    # Keys are what peers typed: of any length, and none of the operator's business.
    return f"{name}:{hashlib.blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}".encode()
