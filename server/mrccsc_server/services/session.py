"""A signed-in connection, and which part of each log it is to hear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from mrccsc_server.ports import Account
from mrccsc_shared.errors import CloseCode


class Sink(Protocol):
    """Where the lines of a session go. Nothing here raises or blocks."""

    @property
    def address(self) -> str:
        """What the peer is throttled by."""
        ...

    def send(self, line: bytes) -> None:
        """Add a line to what is sent."""
        ...

    def close(self, code: CloseCode) -> None:
        """Say why, and close."""
        ...


HELD_MAX = 10_000
"""Lines that may wait for a session's snapshot; a connection beyond it is closed and comes back later."""

OUTSIDE = 2**63
"""A floor that no entry is above: the session was not told of the conversation yet."""


class _Held(NamedTuple):
    """A line of a conversation that waits for the snapshot: ``what`` says how it is sent then.

    ``seq`` is the first one that it tells of: of an entry its own, of a view the one after its head.
    """

    conv: int
    seq: int
    what: Literal["entry", "view", "gone", "facts"]
    line: bytes


class Session:
    """A signed-in connection.

    Of a conversation of its user it hears every entry, save that it may have a *floor* there: the seq up to which it
    was told by other means (a snapshot, a view), or :data:`OUTSIDE`. While it is being opened it is *held*: what
    concerns it is kept until :meth:`release`.
    """

    __slots__ = ("_floors", "_held", "account", "farewells", "id", "logged_out", "present", "sink", "user")

    def __init__(self, sink: Sink, session: int, account: Account) -> None:
        self.sink = sink
        self.id = session
        self.account = account
        self.user = account.user
        self.present = False
        """Whether it counts for its user's presence."""
        self.logged_out = False
        """Whether it ends on purpose, so that its user is offline at once."""
        self.farewells = 0
        """How often it was told that its user had left a conversation."""
        self._floors: dict[int, int] = {}
        self._held: list[_Held | bytes] | None = []
        """What waits while the session is being opened; a line that is no conversation's as it is."""

    @property
    def is_held(self) -> bool:
        """Whether the session is being opened."""
        return self._held is not None

    def is_outside(self, conv: int) -> bool:
        """Whether the session is open and was not told of a conversation that its user is in."""
        return self._held is None and self._floors.get(conv) == OUTSIDE

    def send(self, line: bytes) -> None:
        """Send something that is no conversation's."""
        if self._held is None:
            self.sink.send(line)
        else:
            self._hold(line)

    def send_entry(self, conv: int, seq: int, line: bytes) -> None:
        """Send an entry, unless it is not above the floor."""
        if self._held is not None:
            self._hold(_Held(conv, seq, "entry", line))
            return
        if self._floors and (floor := self._floors.get(conv)) is not None:
            if seq <= floor:
                return
            del self._floors[conv]
        self.sink.send(line)

    def send_view(self, conv: int, head: int, line: bytes) -> None:
        """Send a conversation as it is at ``head``: one that is new to the session begins there."""
        if self._held is not None:
            self._hold(_Held(conv, head + 1, "view", line))
            return
        floor = self._floors.get(conv, 0)
        if floor == OUTSIDE:
            self._floors[conv] = head
        elif head < floor:
            return
        self.sink.send(line)

    def send_facts(self, conv: int, line: bytes) -> None:
        """Send the changed facts of a conversation, unless the session is outside."""
        if self._held is not None:
            self._hold(_Held(conv, 0, "facts", line))
        elif self._floors.get(conv) != OUTSIDE:
            self.sink.send(line)

    def send_gone(self, conv: int, seq: int, line: bytes) -> bool:
        """Send that the user left by the entry at ``seq``; whether the session is inside all the same.

        It is when it was told of a later time, at which the user was back, or will be by a view that is held.
        """
        if self._held is not None:
            self._hold(_Held(conv, seq, "gone", line))
            held = [one for one in self._held if isinstance(one, _Held)]
            return any(one.what == "view" and one.conv == conv and one.seq > seq for one in held)
        floor = self._floors.get(conv, 0)
        if floor == OUTSIDE:
            return False
        if floor >= seq:
            return True
        self._floors[conv] = OUTSIDE
        self.farewells += 1
        self.sink.send(line)
        return False

    def begin_at(self, conv: int, head: int) -> None:
        """The session learns of a conversation at ``head`` by the answer to its request."""
        if self.is_outside(conv):
            self._floors[conv] = head

    def put_outside(self, conv: int) -> None:
        """The session is to be told of the conversation before it hears of it, unless it is held."""
        if self._held is None:
            self._floors[conv] = OUTSIDE

    def forget(self, conv: int) -> None:
        """The user is not in the conversation any more, so that where the session stood in it counts no longer."""
        self._floors.pop(conv, None)

    def keep_floors(self, delivered: Iterable[tuple[int, int]]) -> None:
        """Of these conversations alone keep the floors, where they are above the seq that was delivered."""
        floors = self._floors
        self._floors = {conv: floor for conv, seq in delivered if (floor := floors.get(conv, 0)) > seq}

    def first_held(self, heads: Mapping[int, int]) -> Mapping[int, int]:
        """The lowest seq that is held, by conversation, above those ``heads``: what is below may be of an earlier stay,
        after which the user came back unheard.
        """
        first: dict[int, int] = {}
        for one in self._held or ():
            if isinstance(one, _Held) and one.what != "facts" and one.seq > heads.get(one.conv, 0):
                first[one.conv] = min(one.seq, first.get(one.conv, one.seq))
        return first

    def release(self, ready: bytes, heads: Mapping[int, int]) -> None:
        """Send the snapshot, and what was held and is not in it; from then on send at once."""
        held, self._held = self._held or [], None
        self._floors = {one.conv: OUTSIDE for one in held if isinstance(one, _Held)} | dict(heads)
        self.sink.send(ready)
        for one in held:
            match one:
                case bytes():
                    self.sink.send(one)
                case _Held(conv, seq, "entry", line):
                    self.send_entry(conv, seq, line)
                case _Held(conv, seq, "view", line):
                    self.send_view(conv, seq - 1, line)
                case _Held(conv, seq, "gone", line):
                    self.send_gone(conv, seq, line)
                case _Held(conv, _, "facts", line):
                    self.send_facts(conv, line)

    def _hold(self, one: _Held | bytes) -> None:
        if self._held is None or len(self._held) >= HELD_MAX:
            self.sink.close(CloseCode.OVERLOADED)
        else:
            self._held.append(one)
