"""What this node follows: here, and in Redis, where it is kept as long as it is said again now and then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

from mrccsc_server.cluster.redis.call_batcher import CallBatcher
from mrccsc_server.cluster.redis.link import Call, Link, encoded
from mrccsc_server.cluster.redis.lua import FOLLOW
from mrccsc_server.cluster.redis.nodes import INTEREST_KEPT
from mrccsc_server.cluster.redis.wire import WireError

AT_ONCE = 500
"""Keys of one call, so that none holds up Redis for more than a few milliseconds."""

_Change = tuple[Sequence[bytes], bool]


class Interest:
    """Keys that this node follows. What is asked in one turn of the loop, or during a call, shares the next call."""

    def __init__(self, link: Link, head: tuple[bytes, bytes], *, time: float) -> None:
        self._link = link
        self._head = head
        self._followed: dict[bytes, bool] = {}
        """Whether Redis has confirmed it on this wire."""
        self._unsaid: dict[bytes, None] = {}
        """Those that were added while there was no wire to say it on."""
        self._renewing: list[bytes] = []
        self._batch: CallBatcher[_Change, None] = CallBatcher(
            self._send, most=AT_ONCE, time=time, weigh=lambda change: len(change[0])
        )

    def __len__(self) -> int:
        return len(self._followed)

    async def add(self, keys: Collection[bytes]) -> None:
        """Follow keys; returns once Redis knows, or cannot be told now."""
        new = [key for key in keys if not self._followed.get(key)]
        self._followed.update(dict.fromkeys(new, False))
        if not self._link.up:
            self._unsaid.update(dict.fromkeys(new))
            return
        changes = [(new[i : i + AT_ONCE], True) for i in range(0, len(new), AT_ONCE)]
        try:
            await self._batch.do_all(changes)
        except WireError:
            # The next wire begins with everything that is followed.
            return

    def remove(self, keys: Collection[bytes]) -> None:
        """Follow keys no more. While Redis is away it is not told: it forgets what nobody says again."""
        known = [key for key in keys if self._followed.pop(key, None) is not None]
        if self._link.up:
            for i in range(0, len(known), AT_ONCE):
                self._batch.push((known[i : i + AT_ONCE], False))

    def forget_confirmations(self) -> None:
        """A new wire: Redis may know nothing of what is followed."""
        self._unsaid = dict.fromkeys(self._followed)
        self._followed = dict.fromkeys(self._followed, False)

    @property
    def unsaid(self) -> bool:
        """Whether there is something left for :meth:`restore`."""
        return bool(self._unsaid)

    async def restore(self, call: Call) -> None:
        """Say all that is unsaid, also what comes meanwhile. Raises :class:`WireError`."""
        while self._unsaid:
            keys = list(islice(self._unsaid, AT_ONCE))
            for key in keys:
                del self._unsaid[key]
            await self._tell(call, [key for key in keys if key in self._followed], ())

    async def renew(self, call: Call, fraction: float) -> None:
        """Say again a fraction of all. Raises :class:`WireError`."""
        if not self._renewing:
            self._renewing = list(self._followed)
        due = int(len(self._followed) * fraction) + 1
        for i in range(0, due, AT_ONCE):
            count = min(AT_ONCE, due - i)
            keys = [key for key in self._renewing[-count:] if key in self._followed]
            del self._renewing[-count:]
            await self._tell(call, keys, ())

    async def _send(self, changes: list[_Change]) -> list[None]:
        wanted: dict[bytes, bool] = {}
        for keys, on in changes:
            for key in keys:
                wanted.pop(key, None)
                wanted[key] = on
        begin = [key for key, on in wanted.items() if on]
        await self._tell(self._link.call, begin, [key for key, on in wanted.items() if not on])
        return [None] * len(changes)

    async def _tell(self, call: Call, begin: Sequence[bytes], end: Sequence[bytes]) -> None:
        await call(FOLLOW, *self._head, *encoded(round(INTEREST_KEPT * 1000), len(begin)), *begin, *end)
        for key in begin:
            if key in self._followed:
                self._followed[key] = True
