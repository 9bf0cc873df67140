"""Who is connected to the cluster, by the leases of the nodes that have them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from mrccsc_server.cluster.redis.call_batcher import CallBatcher
from mrccsc_server.cluster.redis.link import Call, Link, encoded
from mrccsc_server.cluster.redis.lua import BURY, PRESENCE
from mrccsc_server.cluster.redis.wire import WireError
from mrccsc_server.ports import Chosen, Clock
from mrccsc_shared.messages.presence import Presence as Seen
from mrccsc_shared.messages.presence import Status

AT_ONCE = 500
"""Operations, or users of a dead node, of one call."""

DOUBTFUL = 50_000
"""Users whose friends are told to look again once all nodes can have spoken."""

_Sight = tuple[Status, str, int]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a user chose, and when, in milliseconds by the clock of Redis; about then while Redis was away."""

    chosen: Chosen
    at: int


@dataclass(frozen=True, slots=True)
class _Op:
    """One operation of the script: a(rrive), r(eturn), d(epart) or c(hoose)."""

    act: Literal["a", "r", "d", "c"]
    user: int
    choice: _Choice | None = None


@dataclass(frozen=True, slots=True)
class _Of:
    """How some users are seen."""

    users: tuple[int, ...]


_Ask = _Op | _Of
_Result = bool | list[bool | _Sight]
"""Whether a user is seen differently now; or what is seen of each, ``False`` where that is unknown."""


class _Answer(TypedDict):
    now: int
    settled: bool
    results: list[_Result]


class _Buried(TypedDict, total=False):
    more: bool
    lapsed: list[int]


_answer = TypeAdapter(_Answer)
_buried = TypeAdapter(_Buried)


class RedisPresence:
    """:class:`mrccsc_server.ports.Presence`. ``answerable`` is called when what was unknown can be looked up again."""

    def __init__(
        self,
        link: Link,
        head: tuple[bytes, bytes],
        *,
        time: float,
        clock: Clock,
        counters: Counter[str],
        answerable: Callable[[], None],
    ) -> None:
        self._link = link
        self._head = head
        self._counters = counters
        self._clock = clock
        self._ahead: float | None = None
        """Milliseconds that the clock of Redis is ahead of this node's monotonic one, about."""
        self._here: dict[int, _Choice] = {}
        self._said: set[int] = set()
        """Those of them whom Redis knows of."""
        self._unsaid: dict[int, None] = {}
        """Users who came, went or chose while there was no wire to say it on."""
        self._doubtful: dict[int, None] = {}
        self._unknown = False
        """Whether somebody was told that a user is unknown."""
        self._renewing: list[int] = []
        self._answerable = answerable
        self._lapsed: Callable[[Collection[int]], None] = lambda _: None
        self._batch: CallBatcher[_Ask, _Result] = CallBatcher(self._send, most=AT_ONCE, time=time, weigh=_weigh)

    # -- the port --------------------------------------------------------------------------------------------------

    async def arrive(self, user: int, chosen: Chosen) -> bool:
        """See the port."""
        return bool(await self.update({user: chosen}, ()))

    async def depart(self, user: int) -> bool:
        """See the port."""
        return bool(await self.update({}, (user,)))

    async def update(self, arrived: Mapping[int, Chosen], departed: Collection[int]) -> set[int]:
        """See the port."""
        ops: list[_Op] = []
        for user, chosen in arrived.items():
            self._here[user] = choice = self._choice(chosen)
            ops.append(_Op("a", user, choice))
        for user in departed:
            self._here.pop(user, None)
            self._said.discard(user)
            ops.append(_Op("d", user))
        changed = await self._change(ops)
        if changed is None:
            return {user for user, chosen in arrived.items() if chosen.status != "invisible"}
        return changed

    async def choose(self, user: int, chosen: Chosen) -> None:
        """See the port."""
        if user in self._here:
            choice = self._here[user] = self._choice(chosen)
            await self._change([_Op("c", user, choice)])

    async def of(self, users: Collection[int]) -> dict[int, Seen]:
        """See the port."""
        known: dict[int, Seen] = {}
        if self._link.up and users:
            asked = list(users)
            ops = [_Of(tuple(asked[i : i + AT_ONCE])) for i in range(0, len(asked), AT_ONCE)]
            with contextlib.suppress(WireError):
                for op, result in zip(ops, await self._batch.do_all(ops), strict=True):
                    known |= {user: _seen(user, sight) for user, sight in _sights(op, result)}
        self._unknown = self._unknown or len(known) < len(users)
        return known

    def listen(self, lapsed: Callable[[Collection[int]], None]) -> None:
        """See the port."""
        self._lapsed = lapsed

    # -- what Redis knows ------------------------------------------------------------------------------------------

    @property
    def unsaid(self) -> bool:
        """Whether there is something left for :meth:`restore`."""
        return bool(self._unsaid)

    def forget_confirmations(self) -> None:
        """A new wire: Redis may know nothing of who is here."""
        self._unsaid.update(dict.fromkeys(self._here))
        self._said.clear()

    async def restore(self, call: Call, *, lost: bool = False) -> None:
        """Say all that is unsaid, also what comes meanwhile. Raises :class:`WireError`.

        In a store that was ``lost`` everybody is new, which is nothing to tell their friends.
        """
        while self._unsaid:
            users = list(islice(self._unsaid, AT_ONCE))
            for user in users:
                del self._unsaid[user]
            await self._announce(call, users, lost=lost)

    async def look(self, call: Call, *, settled: bool, dead: Sequence[str], fraction: float) -> None:
        """With each beat: renew what was said, bury the dead, and clear up doubts. Raises :class:`WireError`."""
        if not self._renewing:
            self._renewing = list(self._said)
        count = int(len(self._said) * fraction) + 1
        users = [user for user in self._renewing[-count:] if user in self._said]
        del self._renewing[-count:]
        for i in range(0, len(users), AT_ONCE):
            await self._announce(call, users[i : i + AT_ONCE])
        for node in dead:
            await self._bury(call, node)
        if settled and self._doubtful:
            doubtful = list(islice(self._doubtful, AT_ONCE))
            for user in doubtful:
                del self._doubtful[user]
            self._lapsed(doubtful)
        if settled and self._unknown:
            self._unknown = False
            self._answerable()

    async def _change(self, ops: Sequence[_Op]) -> set[int] | None:
        """The users who are seen differently after it; ``None`` when Redis could not be told."""
        results: Sequence[_Result] = ()
        if self._link.up:
            with contextlib.suppress(WireError):
                results = await self._batch.do_all(ops)
        if len(results) < len(ops):
            self._unsaid.update(dict.fromkeys(op.user for op in ops))
            return None
        self._said.update(op.user for op in ops if op.user in self._here)
        return {op.user for op, result in zip(ops, results, strict=True) if result}

    async def _send(self, ops: list[_Ask]) -> Sequence[_Result]:
        answer = await self._run(self._link.call, ops)
        for op in ops:
            if isinstance(op, _Op) and op.choice is not None and self._here.get(op.user) is op.choice:
                self._here[op.user] = _Choice(op.choice.chosen, answer["now"])
        if not answer["settled"]:
            # Whoever goes now was perhaps seen as being here by all who know no better yet.
            self._doubt(op.user for op in ops if isinstance(op, _Op) and op.act == "d")
        return answer["results"]

    async def _announce(self, call: Call, users: Sequence[int], *, lost: bool = False) -> None:
        """Say who is here of some users, and who is not."""
        ops = [_Op("r", user, self._here[user]) if user in self._here else _Op("d", user) for user in users]
        if not ops:
            return
        answer = await self._run(call, ops)
        self._said.update(op.user for op in ops if op.user in self._here)
        # Those who went: nobody could be told of it. Those who are here: others took this node for dead and said so.
        self._doubt(
            op.user
            for op, changed in zip(ops, answer["results"], strict=True)
            if (changed and not lost) or op.act == "d"
        )

    async def _bury(self, call: Call, node: str) -> None:
        more = True
        while more:
            reply = await call(BURY, *self._head, *encoded(node, AT_ONCE))
            try:
                buried = _buried.validate_json(reply if isinstance(reply, bytes) else b"")
            except ValidationError:
                self._counters["malformed"] += 1
                return
            if lapsed := buried.get("lapsed"):
                self._lapsed(lapsed)
            more = buried.get("more", False)

    async def _run(self, call: Call, ops: Sequence[_Ask]) -> _Answer:
        args: list[bytes] = []
        for op in ops:
            if isinstance(op, _Of):
                args += (b"o", b"%d" % len(op.users), *(b"%d" % user for user in op.users))
                continue
            args += (op.act.encode(), b"%d" % op.user)
            if op.choice is not None:
                chosen = op.choice.chosen
                args += (chosen.status.encode(), (chosen.text or "").encode(), b"%d" % op.choice.at)
        reply = await call(PRESENCE, *self._head, *args)
        try:
            answer = _answer.validate_json(reply if isinstance(reply, bytes) else b"")
        except ValidationError:
            answer = {"now": 0, "settled": False, "results": []}
        if len(answer["results"]) != len(ops):
            self._counters["malformed"] += 1
            return {"now": 0, "settled": False, "results": [False] * len(ops)}
        self._ahead = answer["now"] - self._clock.monotonic() * 1000
        return answer

    def _choice(self, chosen: Chosen) -> _Choice:
        at = 0.0 if self._ahead is None else self._clock.monotonic() * 1000 + self._ahead
        return _Choice(chosen, max(0, round(at)))

    def _doubt(self, users: Iterable[int]) -> None:
        for user in users:
            if len(self._doubtful) < DOUBTFUL:
                self._doubtful[user] = None


def _weigh(op: _Ask) -> int:
    return len(op.users) if isinstance(op, _Of) else 1


def _sights(op: _Of, result: _Result) -> Iterator[tuple[int, _Sight]]:
    """Who is known, and how they are seen."""
    if not isinstance(result, bool):
        for user, sight in zip(op.users, result, strict=False):
            if not isinstance(sight, bool):
                yield user, sight


def _seen(user: int, sight: _Sight) -> Seen:
    status, text, last_seen = sight
    seen: Seen = {"user": user, "status": status}
    if status == "offline":
        if last_seen:
            seen["last_seen"] = last_seen
    elif text:
        seen["text"] = text
    return seen
