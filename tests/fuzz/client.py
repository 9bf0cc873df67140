"""The client's doors: a hostile server, what is shown, the configuration file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from mrccsc_shared.text import BIDI_CONTROLS
from mrccsc_tui import sanitize
from mrccsc_tui.config import ConfigError, Profile, read_config
from mrccsc_tui.link.connection import Connection
from mrccsc_tui.link.errors import LONGEST_WAIT, LineLost
from mrccsc_tui.state.store import Store
from tests.client.fakes import BOB, WELCOME, conversation, entry, message, ready
from tests.fuzz.inputs import EDITS, Target, as_json, damage, damaged, pieces
from tests.fuzz.shared import FRAME

_TURNS = 64
"""Pieces at most in which a stream is read."""


class _Stream:
    """A transport on which everything has arrived already, and then the end."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts[::-1]

    async def read(self) -> bytes:
        return self._parts.pop() if self._parts else b""

    def write(self, data: bytes) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """It ends by itself."""

    async def closed(self) -> None:
        """It is."""


def server(data: bytes) -> None:
    """Whatever a server says, the line ends in one safe sentence, and what is shown is safe to print."""
    parts, stream = pieces(data)
    if len(parts) > _TURNS:
        parts = [stream]
    store = Store()
    store.apply(ready({"id": 1, "type": "session.login"}), {})

    def take(frame: dict[str, Any], request: dict[str, Any]) -> None:
        store.apply(frame, request)

    async def listen() -> LineLost:
        connection = Connection(_Stream([as_json(WELCOME) + b"\n", *parts]), take)
        await connection.open()
        try:
            await connection.run()
        except LineLost as lost:
            return lost
        raise AssertionError("the end of a line is told")

    with quiet():
        lost = asyncio.run(listen())
    assert lost.after is None or 0 <= lost.after <= LONGEST_WAIT
    _check_shown(str(lost), lines=False)
    for conv in store.conversations:
        _check_shown(store.conversations[conv].title, lines=False)
        for row in store.timeline(conv):
            _check_shown(getattr(row, "text", ""), lines=True)
    for person in store.people.values():
        _check_shown(person.display_name, lines=False)
    for conv, log in store.logs.items():
        seqs = [row.seq for row in store.timeline(conv)]
        assert seqs == sorted(set(seqs))
        assert all(seq <= log.cursor for seq in seqs)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What a hostile server makes the client log is not looked at."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _check_shown(text: str, *, lines: bool) -> None:
    allowed = {"\n", "\t"} if lines else set()
    for char in text:
        assert char in allowed or unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}, ascii(text)
        assert char not in BIDI_CONTROLS, ascii(text)


def shown(data: bytes) -> None:
    """No control passes, nothing vanishes, and what is safe stays as it is."""
    text = (
        data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace")
        if _decodes(data)
        else data.decode("latin-1")
    )
    whole, one = sanitize.text(text), sanitize.line(text)
    _check_shown(whole, lines=True)
    _check_shown(one, lines=False)
    assert len(one) <= sanitize.MAX_LINE
    assert len(whole) == len(text.replace("\r\n", "\n"))
    assert sanitize.text(whole) == whole
    assert sanitize.line(one) == one


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def config(data: bytes) -> None:
    """A configuration file gives profiles, or is refused in one sentence."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(data)
        try:
            read = read_config(file)
            for name in ("work", read.default_profile, *read.names()):
                profile = read.profile(name)
                assert 1 <= profile.port <= 65_535
                assert isinstance(profile, Profile)
                read.options(name)
        except ConfigError as error:
            said = str(error)
        else:
            return
        assert said


SAID = st.one_of(
    FRAME,
    st.builds(lambda seq, text: as_json(entry(message(seq, text))), st.integers(0, 6), st.text(max_size=20)),
    st.builds(
        lambda head, start: as_json(
            {"type": "conversation", "conversation": {**conversation(head=head), "from": start}}
        ),
        st.integers(0, 2**53),
        st.integers(0, 6),
    ),
    st.builds(lambda user: as_json({"type": "presence", "user": user, "status": "online"}), st.integers(0, 3)),
    st.sampled_from(
        [
            as_json({"type": "conversation.gone", "conv": 5, "reason": "removed"}),
            as_json({"type": "closing", "code": "going_away", "reason": "x", "reconnect": True, "after": 10**400}),
            as_json({"type": "error", "re": 1, "code": "invalid", "message": "\x1b[2J", "retry_after": -1}),
            as_json({"type": "contact", "contact": {"user": BOB, "relation": "friend", "conv": 5}}),
        ]
    ),
)
TALK = st.builds(
    lambda cut, lines, at, edits: (
        cut + b"\n".join(damage(one, edits) if number == at else one for number, one in enumerate(lines)) + b"\n"
    ),
    st.binary(min_size=1, max_size=1),
    st.lists(SAID, min_size=1, max_size=8),
    st.integers(0, 20),
    EDITS,
)
_SETTINGS = r"""
theme = "nord"
notify = 3
[profiles.work]
host = "x"
host = ""
port = 0
port = 99999
port = true
ca = "~nobody-at-all/x"
ca = "a\u0000b"
[profiles."a b"]
profiles = 3
[profiles]
work = 3
[keys]
quit = "ctrl+q"
quit = 3
profile = "../x"
tls = true
username = "ann"
password-command = "("
=
""".strip().splitlines()
TOML = st.lists(st.sampled_from(_SETTINGS), max_size=5).map(lambda lines: "\n".join(lines).encode())

TARGETS: dict[str, Target] = {
    "server": (server, st.one_of(TALK, damaged(TALK))),
    "shown": (shown, damaged(st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))),
    "config": (config, damaged(TOML)),
}
