"""What is asked of a Redis client: run a script, hear a channel, and say when it is over."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Reply = bytes | int | None
Hear = Callable[[bytes], None]


class WireError(Exception):
    """Redis cannot be used now. One sentence for the operator, without secrets."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script. It returns a string or an integer: what every client reads the same way."""

    name: str
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


class Wire(Protocol):
    """Two connections to Redis: one for commands, one that hears a channel. It is made once and never mends itself."""

    lost: asyncio.Future[str]
    """Resolved with the reason once it is of no use any more."""

    async def call(self, script: Script, args: Sequence[bytes]) -> Reply:
        """Run a script with ``ARGV``, exactly once or not at all. Raises :class:`WireError`.

        Calls that are begun one after the other run in that order. There is no time limit here.
        """
        ...

    async def close(self) -> None:
        """End at once; calls under way raise :class:`WireError`."""
        ...


class Dial(Protocol):
    """Makes a wire."""

    async def __call__(self, channel: str | None, hear: Hear) -> Wire:
        """Connect, sign in, subscribe. Raises :class:`WireError` or OSError. ``hear`` gets each message, in order."""
        ...


AWAY = "Redis is away."
UNREACHABLE = "Redis does not accept connections."
SILENT = "Redis does not answer."
CLOSED = "Redis closed the connection."
DENIED = "Redis refuses the password or the user."
REFUSED = "Redis refuses a script: is it out of memory, a read-only replica, or does the user lack rights?"


def explain(error: str) -> str:
    """What an error reply to anything but a script means for the operator."""
    code = error.partition(" ")[0]
    if code == "LOADING":
        return "Redis is still loading its data."
    if "DB index" in error:
        return "Redis has no database of that number."
    if code in {"OOM", "READONLY", "NOPERM", "MISCONF"}:
        return REFUSED
    return DENIED
