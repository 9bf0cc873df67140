"""The server's other doors: PROXY headers, hints from the bus, texts and queries for search, URLs, settings."""

from __future__ import annotations

import contextlib
import struct
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from hypothesis import strategies as st

from mrccsc_server.cluster.redis import address as redis
from mrccsc_server.cluster.redis import hints
from mrccsc_server.config import Settings, load
from mrccsc_server.domain import tokens
from mrccsc_server.net.proxy import V1, V1_MAX, V2, V2_MAX, ProxyError, ProxyHeader
from mrccsc_server.ports import Command, ConversationHint, HeadHint, PresenceHint, SessionsEnded, StoreError, UserHint
from mrccsc_server.start_error import StartError
from mrccsc_server.storage.mysql import url as mysql
from tests.fuzz.inputs import Target, damaged, pieces
from tests.server.cluster.actors import message

IDS = st.integers(1, 2**53 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


# -- PROXY -----------------------------------------------------------------------------------------------------------


def proxy(data: bytes) -> None:
    """However a header is cut, it is the same; it takes no byte that is the client's, and holds no more than it may."""
    parts, stream = pieces(data)
    assert _header([stream]) == _header(parts)


def _header(parts: list[bytes]) -> tuple[str, object, int]:
    header, taken = ProxyHeader(), 0
    for part in parts:
        try:
            taken += header.feed(part)
        except ProxyError as error:
            return error.fault, None, 0
        assert len(header._buffer) <= V2_MAX + len(part)
        if header.done:
            assert taken <= max(V1_MAX, V2_MAX)
            if header.source is not None:
                host, port = header.source
                assert 0 <= port <= 65_535
                assert str(ip_address(host)) == host
            return "done", header.source, taken
    return "waits", None, 0


def _v1(family: str, source: str, port: int) -> bytes:
    return V1 + f"{family} {source} {source} {port} 8000\r\n".encode()


def _v2(command: int, family: int, fields: bytes) -> bytes:
    return V2 + struct.pack("!BBH", command, family, len(fields)) + fields


PORTS = st.integers(0, 65_535)
HEADERS = st.one_of(
    st.builds(_v1, st.just("TCP4"), st.ip_addresses(v=4).map(str), PORTS),
    st.builds(_v1, st.just("TCP6"), st.ip_addresses(v=6).map(str), PORTS),
    st.just(V1 + b"UNKNOWN\r\n"),
    st.builds(_v2, st.sampled_from([0x20, 0x21]), st.sampled_from([0, 0x11, 0x21, 0x31]), st.binary(max_size=250)),
)
PROXIED = st.builds(lambda cut, one, rest: cut + one + rest, st.binary(min_size=1, max_size=1), HEADERS, st.binary())


# -- hints -----------------------------------------------------------------------------------------------------------

FRAMES = st.sampled_from(
    [
        b'{"type":"pong"}\n',
        b'{"type":"typing","conv":1,"user":2}\n',
        b'{"type":"conversation","conversation":{"conv":5,"title":"a"}}\n',
        b'{"type":"contact","contact":{"user":{"user":5},"relation":"none"}}\n',
    ]
)
HINTS = st.one_of(
    st.builds(message, IDS, st.integers(1, 2**50), TEXTS),
    st.builds(HeadHint, IDS, IDS),
    st.builds(UserHint, st.lists(IDS, min_size=1, max_size=5).map(tuple), FRAMES),
    st.builds(PresenceHint, IDS, st.lists(IDS, min_size=1, max_size=5).map(tuple)),
    st.builds(ConversationHint, IDS, FRAMES, IDS),
    st.builds(SessionsEnded, IDS, st.lists(IDS, max_size=5).map(tuple)),
).map(lambda hint: parcel.line if (parcel := hints.pack(hint)) else b"")
WORDS = st.one_of(
    st.builds(hints.Beat, TEXTS, IDS), st.just(hints.Gap()), st.builds(hints.Bye, TEXTS), st.builds(Command, TEXTS, IDS)
).map(hints.say)


def hint(data: bytes) -> None:
    """A line of the bus is a hint that survives its way there and back, of another version, or malformed."""
    for line in data.split(b"\n"):
        _hint(line)


def _hint(line: bytes) -> None:
    try:
        word = hints.unpack(line)
    except hints.Malformed:
        return
    match word:
        case None:
            return
        case hints.Beat() | hints.Gap() | hints.Bye() | Command():
            assert hints.unpack(hints.say(word)) == word
        case _:
            parcel = hints.pack(word)
            if parcel is not None:
                assert b"\n" not in parcel.line
                assert hints.unpack(parcel.line) == word


# -- search ----------------------------------------------------------------------------------------------------------


def search(data: bytes) -> None:
    """A text has a bounded number of tokens, each of which has a number; and it is found by its own words."""
    text = data.decode(errors="replace")[:8_192]
    found = tokens.tokenize(text)
    assert len(found) <= 2 * tokens.MAX_TOKENS + len(text)
    for token in found:
        assert token
        assert -(2**63) <= tokens.number(token) < 2**63
    asked, runs = tokens.tokenize_query(text[:256])
    folded = tokens.fold(text)
    assert all(run in folded for run in runs)
    if len(found) < tokens.MAX_TOKENS and len(text) <= 256:
        assert asked <= found


# -- what an operator writes -----------------------------------------------------------------------------------------


def url(data: bytes) -> None:
    """A URL is a place or is refused in one sentence that shows no secret."""
    text = data.decode(errors="replace")
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        with contextlib.suppress(StoreError):
            place = mysql.parse(parts)
            assert 1 <= place.pool <= 256
            assert "password" not in repr(place)
    with contextlib.suppress(redis.AddressError):
        address = redis.parse(text)
        assert 0 <= address.port <= 65_535
        assert "password" not in repr(address)


def settings(data: bytes) -> None:
    """A file of settings gives settings that can be shown, or is refused in one sentence."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "server.toml"
        file.write_bytes(data)
        with contextlib.suppress(StartError):
            _show(load({"config": str(file)}, {}))


def _show(loaded: Settings) -> None:
    assert loaded.effective_limits.commit_queue >= 1
    for place in (loaded.database_place, loaded.bus_place):
        assert isinstance(place, str)


_NAMES = st.sampled_from(["db.example", "10.0.0.1", "[::1]", "localhost", "", "ä.example", "a b"])
_SECRETS = st.text(max_size=8)
URLS = st.builds(
    lambda scheme, user, secret, host, port, path, query: (
        f"{scheme}://{user}:{secret}@{host}:{port}/{path}{query}".encode(errors="replace")
    ),
    st.sampled_from(["mysql", "mariadb+asyncmy", "redis", "rediss", "sqlite", "http", ""]),
    st.sampled_from(["chat", "", "default", "%41"]),
    _SECRETS,
    _NAMES,
    st.integers(-1, 70_000),
    st.sampled_from(["chat", "0", "15", "-1", "9" * 5_000, "a/b", "²"]),
    st.sampled_from(["", "?pool=8", "?pool=²", "?pool=999999", "?ca=/x", "?ssl_ca=/x", "?", "#x", "?pool"]),
)
_SETTINGS = r"""
host = "0.0.0.0"
port = 8000
port = 99999999999999999999
database = "mysql://a:b@c:1/d"
bus = "redis://x"
http = "[::1]:9100"
http = "a:²"
proxy-from = "10.0.0.0/8, ::1"
proxy-from = ["10.0.0.0/8"]
workers = 3
registration = "closed"
[limits]
max_text = 1
max_text = inf
heartbeat = nan
node = "n"
database = 3
data-dir = "~nobody-at-all/x"
data-dir = "a\u0000b"
database = "mysql://[x/"
bus = "redis://[x"
limits = 3
log-level = "debug"
exit-when-empty = 1e400
tls-cert = "x"
database-password-file = "x"
unlimited = true
""".strip().splitlines()
TOML = st.lists(st.sampled_from(_SETTINGS), max_size=5).map(lambda lines: "\n".join(lines).encode())


TARGETS: dict[str, Target] = {
    "proxy": (proxy, damaged(PROXIED)),
    "hint": (hint, damaged(st.one_of(HINTS, WORDS))),
    "search": (search, damaged(TEXTS.map(str.encode))),
    "url": (url, damaged(URLS)),
    "settings": (settings, damaged(TOML)),
}
