"""The PROXY protocol, versions 1 and 2: who really connects, as the balancer in front says it. No I/O.

https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

V1 = b"PROXY "
V2 = b"\r\n\r\n\x00\r\nQUIT\n"

V1_MAX = 107
"""Bytes of a header of version 1, its CRLF included; the protocol's own limit."""

V2_FIXED = 16
V2_MAX = V2_FIXED + 2_048
"""Bytes of a header of version 2. 52 are needed; balancers add some fields that nobody here reads."""

_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_SIZES = {0x00: 0, _TCP4: 12, _TCP6: 36, 0x31: 216}
"""Bytes of the addresses by family; the others are "unspecified" and sockets of one machine."""

Fault = Literal["missing", "bad", "too_long", "late", "cut_off"]
Source = tuple[str, int]
"""Address and port."""


class ProxyError(Exception):
    """There is no good header: ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


class ProxyHeader:
    """The header that a connection begins with, fed in pieces of any size."""

    __slots__ = ("_buffer", "done", "source")

    def __init__(self) -> None:
        self._buffer = b""
        self.done = False
        """Whether the header is complete: what comes next is the client's."""
        self.source: Source | None = None
        """Who connects. ``None`` where the balancer speaks for itself or does not know."""

    @property
    def begun(self) -> bool:
        """Whether anything of it has come."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> int:
        """Take from ``data`` what belongs to the header: so many bytes. Raises :class:`ProxyError`.

        It never takes a byte too many, and holds at most ``V2_MAX``.
        """
        whole = self._buffer + data
        end = _end_of_v1(whole) if whole[:1] == V1[:1] else _end_of_v2(whole)
        if end is None or end > len(whole):
            self._buffer = whole
            return len(data)
        taken = end - len(self._buffer)
        self._buffer = whole[:end]
        self.source = _parse_v1(self._buffer) if self._buffer.startswith(V1) else _parse_v2(self._buffer)
        self.done = True
        return taken


def _end_of_v1(whole: bytes) -> int | None:
    if not whole.startswith(V1[: len(whole)]):
        raise ProxyError("missing")
    end = whole.find(b"\r\n", 0, V1_MAX)
    if end >= 0:
        return end + 2
    if len(whole) >= V1_MAX:
        raise ProxyError("too_long")
    return None


def _end_of_v2(whole: bytes) -> int | None:
    if not whole.startswith(V2[: len(whole)]):
        raise ProxyError("missing")
    if len(whole) < V2_FIXED:
        return None
    end = V2_FIXED + int.from_bytes(whole[14:16], "big")
    if end > V2_MAX:
        raise ProxyError("too_long")
    return end


def _parse_v1(header: bytes) -> Source | None:
    try:
        family, *rest = header[len(V1) : -2].decode("ascii").split(" ")
        if family == "UNKNOWN":
            return None
        source, destination, port, own_port = rest
        kind = {"TCP4": IPv4Address, "TCP6": IPv6Address}[family]
        _check_port(port)
        _check_port(own_port)
        kind(destination)
        return str(kind(source)), int(port)
    except (ValueError, KeyError):
        raise ProxyError("bad") from None


def _check_port(text: str) -> None:
    if not text.isdecimal() or len(text) > 5 or int(text) > 65_535:
        raise ValueError


def _parse_v2(header: bytes) -> Source | None:
    command, family = header[12], header[13]
    if command == _LOCAL:
        return None
    size = _SIZES.get(family)
    fields = header[V2_FIXED:]
    if command != _PROXY or size is None or len(fields) < size:
        raise ProxyError("bad")
    if family == _TCP4:
        return str(IPv4Address(fields[:4])), int.from_bytes(fields[8:10], "big")
    if family == _TCP6:
        return str(IPv6Address(fields[:16])), int.from_bytes(fields[32:34], "big")
    return None
