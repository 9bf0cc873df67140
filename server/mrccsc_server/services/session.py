"""A signed-in connection, and which part of each log it is to hear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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


class Session:
    """A signed-in connection.

    Of a conversation of its user it hears every entry, save that it may have a *floor* there: the seq up to which it
    was told by other means (a snapshot, a view), or :data:`OUTSIDE`. While it is being opened it is *held*: what
    concerns it is kept until :meth:`release`.
    """

    __slots__ = ("account", "farewells", "floors", "held", "id", "logged_out", "present", "sink", "user")

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
        self.floors: dict[int, int] = {}
        self.held: list[tuple[int, int, str, bytes]] | None = []
        """(conv, seq, what, line) while the session is being opened; conv 0 for what is no conversation's."""

    def is_outside(self, conv: int) -> bool:
        """Whether the session is open and was not told of a conversation that its user is in."""
        return self.held is None and self.floors.get(conv) == OUTSIDE

    def send(self, line: bytes) -> None:
        """Send something that is no conversation's."""
        if self.held is None:
            self.sink.send(line)
        else:
            self._hold(0, 0, "", line)

    def send_entry(self, conv: int, seq: int, line: bytes) -> None:
        """Send an entry, unless it is not above the floor."""
        if self.held is not None:
            self._hold(conv, seq, "entry", line)
            return
        if self.floors and (floor := self.floors.get(conv)) is not None:
            if seq <= floor:
                return
            del self.floors[conv]
        self.sink.send(line)

    def send_view(self, conv: int, head: int, line: bytes) -> None:
        """Send a conversation as it is at ``head``: one that is new to the session begins there."""
        if self.held is not None:
            self._hold(conv, head + 1, "view", line)
            return
        floor = self.floors.get(conv, 0)
        if floor == OUTSIDE:
            self.floors[conv] = head
        elif head < floor:
            return
        self.sink.send(line)

    def send_facts(self, conv: int, line: bytes) -> None:
        """Send the changed facts of a conversation, unless the session is outside."""
        if self.held is not None:
            self._hold(conv, 0, "facts", line)
        elif self.floors.get(conv) != OUTSIDE:
            self.sink.send(line)

    def send_gone(self, conv: int, seq: int, line: bytes) -> bool:
        """Send that the user left by the entry at ``seq``; whether the session is inside all the same.

        It is when it was told of a later time, at which the user was back.
        """
        if self.held is not None:
            self._hold(conv, seq, "gone", line)
            return False
        floor = self.floors.get(conv, 0)
        if floor == OUTSIDE:
            return False
        if floor >= seq:
            return True
        self.floors[conv] = OUTSIDE
        self.farewells += 1
        self.sink.send(line)
        return False

    def begin_at(self, conv: int, head: int) -> None:
        """The session learns of a conversation at ``head`` by the answer to its request."""
        if self.is_outside(conv):
            self.floors[conv] = head

    def first_held(self) -> Mapping[int, int]:
        """The lowest seq that is held, by conversation."""
        first: dict[int, int] = {}
        for conv, seq, what, _ in self.held or ():
            if what != "facts":
                first[conv] = min(seq, first.get(conv, seq))
        return first

    def release(self, ready: bytes, heads: Mapping[int, int]) -> None:
        """Send the snapshot, and what was held and is not in it; from then on send at once."""
        held, self.held = self.held or [], None
        self.floors = {conv: OUTSIDE for conv, _, _, _ in held if conv} | dict(heads)
        self.sink.send(ready)
        for conv, seq, what, line in held:
            if what == "entry":
                self.send_entry(conv, seq, line)
            elif what == "view":
                self.send_view(conv, seq - 1, line)
            elif what == "gone":
                self.send_gone(conv, seq, line)
            elif what == "facts":
                self.send_facts(conv, line)
            else:
                self.sink.send(line)

    def _hold(self, conv: int, seq: int, what: str, line: bytes) -> None:
        if self.held is None or len(self.held) >= HELD_MAX:
            self.sink.close(CloseCode.OVERLOADED)
        else:
            self.held.append((conv, seq, what, line))
