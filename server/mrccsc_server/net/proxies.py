"""Who may speak for others, and reading what they say at the beginning of a connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from mrccsc_server.net.proxy import V2_MAX, ProxyError, ProxyHeader
from mrccsc_server.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network

HEADER_TIME = 5.0
"""Seconds that a header may take. A balancer sends it with its first packet."""

WARN_EVERY = 60.0
"""Seconds between two warnings that headers are missing: a wrong configuration shows, a scanner fills no disk."""

REASONS = {
    "missing": "The balancer in front of this server sends no PROXY header; its operator must turn that on.",
    "bad": "The PROXY header is not well formed.",
    "too_long": "The PROXY header is too long.",
    "late": "The PROXY header did not come in time.",
    "cut_off": "The connection ended inside its PROXY header.",
}
UNTRUSTED = "This port is for the balancer of this service only; connect to that."


class Proxies:
    """The balancers whose PROXY headers are believed, and from whom each connection must begin with one."""

    def __init__(self, networks: Sequence[Network], metrics: Metrics) -> None:
        self._networks = networks
        self._metrics = metrics
        self._warned = -WARN_EVERY

    def trusts(self, peer: Any) -> bool:
        """Whether a socket's peer is one of them."""
        try:
            address = ip_address(peer[0].partition("%")[0])
        except (ValueError, TypeError, IndexError, AttributeError):
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def distrust(self, peer: Any) -> None:
        """Somebody else has come to their port."""
        self._metrics.proxied["untrusted"] += 1
        self._warn("%s connected to the port of the balancers and is none (see --proxy-from)", peer[0])

    async def read(self, sock: socket.socket, peer: Any) -> Any:
        """Who connects, as a peer name: what the header says, or ``peer`` where the balancer speaks for itself.

        ``None`` for a look whether somebody listens: nothing was sent. What follows the header stays unread. Takes at
        most ``HEADER_TIME`` seconds. Raises :class:`ProxyError`, and :class:`OSError` when the connection is lost.
        """
        try:
            async with asyncio.timeout(HEADER_TIME):
                header = await _read(sock)
        except TimeoutError:
            self._count("late", peer)
            raise ProxyError("late") from None
        except ProxyError as error:
            self._count(error.fault, peer)
            raise
        if not header.done:
            self._metrics.proxied["probe"] += 1
            return None
        self._metrics.proxied["local" if header.source is None else "accepted"] += 1
        return header.source or peer

    def _count(self, fault: str, peer: Any) -> None:
        self._metrics.proxied[fault] += 1
        if fault == "missing":
            self._warn("A connection from %s lacks the PROXY header that --proxy-from requires", peer[0])

    def _warn(self, sentence: str, address: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._warned >= WARN_EVERY:
            self._warned = now
            log.warning(sentence, address)


async def _read(sock: socket.socket) -> ProxyHeader:
    """A complete header, or an empty one when nothing was sent."""
    header = ProxyHeader()
    while not header.done:
        # Looked at first, so that not one byte is taken from what follows, be it TLS or lines.
        data = await peek(sock, V2_MAX)
        if data:
            sock.recv(header.feed(data))
        elif header.begun:
            raise ProxyError("cut_off")
        else:
            break
    return header


async def peek(sock: socket.socket, size: int) -> bytes:
    """Wait until something can be read, and look at it; empty at the end. Raises :class:`OSError`."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return sock.recv(size, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(sock.fileno(), _settle, readable)
            try:
                await readable
            finally:
                loop.remove_reader(sock.fileno())


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
