"""Accepts sockets, plain or TLS, and makes connections of those that admission lets in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from pathlib import Path

from mrccsc_server.net import frames
from mrccsc_server.net.addresses import throttle_address
from mrccsc_server.net.connection import Connection
from mrccsc_server.net.registry import Registry
from mrccsc_shared.errors import CloseCode

log = logging.getLogger(__name__)

BACKLOG = 4_096
ACCEPTS_A_TURN = 64
"""Sockets accepted before the event loop gets a turn."""

REST = 1.0
"""Seconds without accepting after the system had no more files or memory for it."""

NEEDS_TLS = "This port speaks TLS; connect with --tls."
_TLS_HANDSHAKE = b"\x16"


def load_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's TLS 1.2+ settings. Raises :class:`OSError` (``ssl.SSLError`` is one) when a file is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password at hand OpenSSL would ask for one at the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of ``host``, all on one port. Raises :class:`OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            sock.listen(BACKLOG)
            port = sock.getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


class Listener:
    """Accepts from bound sockets, from :meth:`start` to :meth:`stop`.

    Whoever is not admitted gets one ``closing`` line (behind TLS: nothing, a handshake is too dear for that) and costs
    neither a transport nor a task. With TLS, a peer that does not begin with a handshake is told so in plain text.
    """

    def __init__(self, registry: Registry, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        self._registry = registry
        self._sockets = sockets
        self._tls = tls
        self._greetings: set[asyncio.Task[None]] = set()
        self._rests: dict[socket.socket, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Begin to accept."""
        for sock in self._sockets:
            self._registry.loop.add_reader(sock.fileno(), self._accept, sock)

    def stop(self) -> None:
        """Accept no more and free the port; connections stay."""
        for rest in self._rests.values():
            rest.cancel()
        for sock in self._sockets:
            self._registry.loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets = []
        for greeting in self._greetings:
            greeting.cancel()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("Cannot accept connections for a moment: %s", error.strerror)
                self._rest(listening)
                return
            sock.setblocking(False)
            address = throttle_address(peer)
            if after := self._registry.admission.enter(address):
                self._refuse(sock, CloseCode.OVERLOADED, None, after)
                continue
            greeting = self._registry.loop.create_task(self._greet(sock, address))
            self._greetings.add(greeting)
            greeting.add_done_callback(self._greetings.discard)

    def _rest(self, listening: socket.socket) -> None:
        loop = self._registry.loop
        loop.remove_reader(listening.fileno())
        self._rests[listening] = loop.call_later(REST, loop.add_reader, listening.fileno(), self._accept, listening)

    async def _greet(self, sock: socket.socket, address: str) -> None:
        registry = self._registry
        connection = Connection(registry, address)
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None and not await self._begins_tls(sock):
                return
            await registry.loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else registry.limits.sign_in_time,
            )
        except (OSError, TimeoutError):
            registry.metrics.connections["tls_failed" if self._tls else "lost"] += 1
            sock.close()
        finally:
            if not connection.admitted:
                registry.admission.leave(address, silent=True)

    async def _begins_tls(self, sock: socket.socket) -> bool:
        """Wait for the peer's first byte; when it begins no handshake, tell it so and close."""
        loop = self._registry.loop
        readable = loop.create_future()
        loop.add_reader(sock.fileno(), _settle, readable)
        try:
            async with asyncio.timeout(self._registry.limits.sign_in_time):
                await readable
        finally:
            loop.remove_reader(sock.fileno())
        first = sock.recv(1, socket.MSG_PEEK)
        if first == _TLS_HANDSHAKE:
            return True
        self._registry.metrics.malformed["foreign"] += 1
        self._refuse(sock, CloseCode.PROTOCOL_ERROR, NEEDS_TLS, None, plain=True)
        return False

    def _refuse(
        self, sock: socket.socket, code: CloseCode, reason: str | None, after: int | None, *, plain: bool = False
    ) -> None:
        metrics = self._registry.metrics
        metrics.connections["refused"] += 1
        with contextlib.suppress(OSError):
            if self._tls is None or plain:
                metrics.closes[code] += 1
                sock.send(frames.closing(code, reason, after))
                sock.shutdown(socket.SHUT_WR)
                # What was sent already is read, or the close would be a reset that overtakes the line.
                sock.recv(65_536)
        sock.close()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
