"""Hints as lines, and what else one node says to another.

A line is a version, a letter for its kind, and JSON; a bundle is some lines with newlines between them::

    1e{"entry": …, "view"?: …, "gone"?: …}   an entry         1h[conv, head]   a head
    1u[users] FRAME    a frame for users                       1c[conv, but] FRAME    one for a conversation
    1p[user, friends…]   a presence                            1s[user, sessions…]   sessions ended
    1b[node, number]   a beat      1g[]   a gap      1x[node]   a node has gone      1d{…}   a command

An entry and a frame are carried as they are; of which conversation or contact a frame for users is, the frame itself
says. A node takes what it knows and passes over other versions and kinds, so that two releases can share a bus. What
comes from Redis is checked like everything that comes from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, NotRequired

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import (
    Command,
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    PresenceHint,
    SessionsEnded,
    UserHint,
    ViewHint,
)
from mrccsc_shared.entry import Entry
from mrccsc_shared.messages.conversation import Conversation, GoneReason
from mrccsc_shared.types import Cursor, Id

VERSION = b"1"

_ENTRY = VERSION + b'e{"entry":'
_EVENT = _ENTRY + b'{"type":"entry",'
"""How the hint of an entry begins, and so nearly every line."""

_EVENT_AT = len(_ENTRY)


class Malformed(Exception):
    """The line breaks its own form."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A node hears itself."""

    node: str
    number: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Some hints of a node were lost on their way."""


@dataclass(frozen=True, slots=True)
class Bye:
    """A node has gone, and everything that it had to say was said."""

    node: str


Word = Hint | Beat | Gap | Bye | Command


class Parcel:
    """A hint on its way: for whom, and the line. ``conv`` and ``head`` say what it could be shortened to."""

    __slots__ = ("conv", "head", "keys", "line", "size")

    def __init__(self, keys: bytes, line: bytes, conv: int = 0, head: int = 0) -> None:
        self.keys = keys
        self.line = line
        self.conv = conv
        self.head = head
        self.size = len(keys) + len(line)
        """Bytes that it holds."""


def pack(hint: Hint) -> Parcel | None:
    """A hint as a parcel, or ``None`` when it is for nobody."""
    if isinstance(hint, EntryHint):  # Nearly all are.
        return _pack_entry(hint.outcome) if isinstance(hint.outcome, Stored) else None
    match hint:
        case HeadHint(conv, head):
            return head_parcel(conv, head)
        case UserHint(users, line) | ViewHint(users, _, line) | ContactHint(users, _, line):
            return Parcel(_users(users), _line(b"u", users) + b" " + line.rstrip(b"\n")) if users else None
        case PresenceHint(user, friends):
            return Parcel(_users(friends), _line(b"p", (user, *friends))) if friends else None
        case ConversationHint(conv, line, but):
            return Parcel(b"c:%d" % conv, _line(b"c", (conv, but)) + b" " + line.rstrip(b"\n"))
        case SessionsEnded(user, sessions):
            return Parcel(b"u:%d" % user, _line(b"s", (user, *sessions)))


def head_parcel(conv: int, head: int) -> Parcel:
    """Only that a conversation has come to ``head``."""
    return Parcel(b"c:%d" % conv, _line(b"h", (conv, head)), conv, head)


def say(word: Beat | Gap | Bye | Command) -> bytes:
    """The line of what nodes say among themselves."""
    match word:
        case Beat(node, number):
            return _line(b"b", (node, number))
        case Gap():
            return _line(b"g", ())
        case Bye(node):
            return _line(b"x", (node,))
        case Command():
            return _line(b"d", asdict(word))


def unpack(line: bytes) -> Word | None:
    """What a line says, or ``None`` when this version does not know it. Raises :class:`Malformed`."""
    if line.startswith(_EVENT):
        # Mostly it has nothing more, and then need not be encoded again for the clients.
        event = line[_EVENT_AT:-1]
        try:
            return EntryHint(Stored(_entry()(event), None, None, event + b"\n"))
        except ValidationError:
            pass
    if line[:1] != VERSION:
        return None
    reader = _READERS.get(line[1:2])
    if reader is None:
        return None
    try:
        return reader(line[2:])
    except (ValidationError, ValueError, TypeError):
        raise Malformed from None


class _EntryBody(TypedDict):
    entry: Entry
    view: NotRequired[Conversation]
    gone: NotRequired[GoneReason]


def _validator(kind: Any) -> Callable[[bytes], Any]:
    validate: Callable[[bytes], Any] = TypeAdapter(kind).validator.validate_json
    return validate


# Made for the first entry of another node: they take 15 ms, and there may be no other node to start sooner for.
@cache
def _entry() -> Callable[[bytes], Any]:
    return _validator(Entry)


@cache
def _entry_with_more() -> Callable[[bytes], Any]:
    return _validator(_EntryBody)


_id = TypeAdapter(Id).validator.validate_python
_ids = _validator(tuple[Id, ...])
_head = _validator(tuple[Id, Cursor])
_pair = _validator(tuple[Id, Id])
_beat = _validator(tuple[str, int])
_node = _validator(tuple[str])
_command = _validator(Command)


def _pack_entry(stored: Stored) -> Parcel:
    entry = stored.entry
    # As it goes to clients: whoever unpacks it passes over that it has a type.
    body = _ENTRY + stored.line[:-1]
    if stored.view is not None:
        body += b',"view":' + orjson.dumps(stored.view)
    if stored.gone is not None:
        body += b',"gone":' + orjson.dumps(stored.gone)
    line = body + b"}"
    keys = b"c:%d" % entry["conv"]
    if entry["kind"] == "join":
        return Parcel(b"%b u:%d" % (keys, entry["user"]), line)
    if stored.gone is not None:
        return Parcel(keys, line)
    return Parcel(keys, line, entry["conv"], entry["seq"])


def _line(kind: bytes, body: object) -> bytes:
    return VERSION + kind + orjson.dumps(body)


def _users(users: tuple[int, ...]) -> bytes:
    return b" ".join([b"u:%d" % user for user in users])


def _frame(body: bytes) -> tuple[bytes, bytes, dict[str, Any]]:
    head, _, frame = body.partition(b" ")
    said = from_json(frame)
    if not isinstance(said, dict):
        raise Malformed
    return head, frame + b"\n", said


def _read_entry(body: bytes) -> EntryHint:
    checked = _entry_with_more()(body)
    return EntryHint(Stored(checked["entry"], checked.get("view"), checked.get("gone")))


def _read_user(body: bytes) -> UserHint | ViewHint | ContactHint:
    head, line, frame = _frame(body)
    users = _ids(head)
    match frame:
        case {"type": "conversation", "conversation": {"conv": conv}}:
            return ViewHint(users, _id(conv), line)
        case {"type": "contact", "contact": {"user": {"user": other}}}:
            return ContactHint(users, _id(other), line)
        case {"type": "conversation" | "contact"}:
            raise Malformed
    return UserHint(users, line)


def _read_conversation(body: bytes) -> ConversationHint:
    head, line, _ = _frame(body)
    conv, but = _pair(head)
    return ConversationHint(conv, line, but)


def _read_presence(body: bytes) -> PresenceHint:
    user, *friends = _ids(body)
    return PresenceHint(user, tuple(friends))


def _read_command(body: bytes) -> Command:
    command: Command = _command(body)
    if command.connections < 0:
        raise Malformed
    return command


def _read_sessions(body: bytes) -> SessionsEnded:
    user, *sessions = _ids(body)
    return SessionsEnded(user, tuple(sessions))


_READERS: dict[bytes, Callable[[bytes], Word]] = {
    b"e": _read_entry,
    b"h": lambda body: HeadHint(*_head(body)),
    b"u": _read_user,
    b"p": _read_presence,
    b"c": _read_conversation,
    b"s": _read_sessions,
    b"b": lambda body: Beat(*_beat(body)),
    b"g": lambda _: Gap(),
    b"x": lambda body: Bye(*_node(body)),
    b"d": _read_command,
}
