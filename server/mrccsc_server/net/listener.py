"""Accepts sockets, plain or TLS, and makes connections of those that admission lets in."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import randint
from typing import Any

from mrccsc_server.net import frames
from mrccsc_server.net.addresses import throttle_address
from mrccsc_server.net.connection import Connection
from mrccsc_server.net.proxies import REASONS, UNTRUSTED, Proxies, peek
from mrccsc_server.net.proxy import ProxyError
from mrccsc_server.net.registry import Registry
from mrccsc_shared.errors import CloseCode

log = logging.getLogger(__name__)

BACKLOG = 4_096
ACCEPTS_A_TURN = 64
"""Sockets accepted before the event loop gets a turn."""

REST = 1.0
"""Seconds without accepting after the system had no more files or memory for it."""

TURNED_AWAY = 2_000
"""Milliseconds over which those return who came just as the node stopped listening."""

NEEDS_TLS = "This port speaks TLS; connect with --tls."
_TLS_HANDSHAKE = b"\x16"


def load_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's TLS 1.2+ settings. Raises :class:`OSError` (``ssl.SSLError`` is one) when a file is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password at hand OpenSSL would ask for one at the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context


def bind(host: str, port: int, *, shared: bool = False, listening: bool = True) -> list[socket.socket]:
    """Sockets on every address of ``host``, all on one port. Raises :class:`OSError`.

    A ``shared`` port may be bound by several processes of this user; those of them that listen share what comes in.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sock = socket.socket(family, kind, protocol)
            sockets.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address[0], port, *address[2:]))
            if listening:
                sock.listen(BACKLOG)
            port = sock.getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


class Listener:
    """Accepts from bound sockets, from :meth:`start` to :meth:`stop`, which may follow one another again and again.

    Whoever is not admitted gets one ``closing`` line (behind TLS: nothing, a handshake is too dear for that) and costs
    neither a transport nor a task. With TLS, a peer that does not begin with a handshake is told so in plain text. With
    ``proxies`` only they are let in, each connection begins with their header, and who it names is who counts.

    ``shut`` is called when somebody else shut the sockets, which are closed then.
    """

    def __init__(
        self,
        registry: Registry,
        tls: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        shut: Callable[[], None] = lambda: None,
    ) -> None:
        self._registry = registry
        self._tls = tls
        self._proxies = proxies
        self._shut = shut
        self._sockets: list[socket.socket] = []
        self._greetings: set[asyncio.Task[None]] = set()
        self._entering: set[asyncio.Task[None]] = set()
        """Greetings that wait for nothing. They are not cancelled: uvloop would never tell the connection that it has
        ended."""
        self._rests: dict[socket.socket, asyncio.TimerHandle] = {}

    @property
    def listening(self) -> bool:
        """Whether it accepts."""
        return bool(self._sockets)

    def start(self, sockets: list[socket.socket]) -> None:
        """Begin to accept from these, which are the listener's from now on."""
        self._sockets = sockets
        for sock in sockets:
            self._registry.loop.add_reader(sock.fileno(), self._accept, sock)

    def stop(self, code: CloseCode = CloseCode.GOING_AWAY) -> None:
        """Accept no more and free the port; connections stay. Those about to come in are told ``code``."""
        for rest in self._rests.values():
            rest.cancel()
        self._rests.clear()
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            self._registry.loop.remove_reader(sock.fileno())
            self._turn_away(sock, code)
            sock.close()
        for greeting in self._greetings:
            # In the next turn: one that has not had its first yet would end without closing its socket.
            self._registry.loop.call_soon(greeting.cancel)

    def _turn_away(self, listening: socket.socket, code: CloseCode) -> None:
        """Tell those whom the system has let in already; closing the socket would only reset them."""
        for _ in range(BACKLOG):
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            sock.setblocking(False)
            self._refuse(sock, code, None, randint(0, TURNED_AWAY))

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno == errno.EINVAL:
                    self.stop()
                    self._shut()
                    return
                log.warning("Cannot accept connections for a moment: %s", error.strerror)
                self._rest(listening)
                return
            sock.setblocking(False)
            self._receive(sock, peer)

    def _rest(self, listening: socket.socket) -> None:
        loop = self._registry.loop
        loop.remove_reader(listening.fileno())
        self._rests[listening] = loop.call_later(REST, loop.add_reader, listening.fileno(), self._accept, listening)

    def _receive(self, sock: socket.socket, peer: Any) -> None:
        if self._proxies is None:
            self._admit(sock, peer)
        elif not self._proxies.trusts(peer):
            self._proxies.distrust(peer)
            self._refuse(sock, CloseCode.PROTOCOL_ERROR, UNTRUSTED, None, plain=True)
        elif len(self._greetings) + self._registry.admission.total >= self._registry.limits.connections:
            # Whom it would be for is not known yet.
            self._refuse(sock, CloseCode.OVERLOADED, None, randint(1_000, 5_000))
        else:
            self._spawn(self._introduce(sock, peer, self._proxies), self._greetings)

    async def _introduce(self, sock: socket.socket, peer: Any, proxies: Proxies) -> None:
        try:
            peer = await proxies.read(sock, peer)
        except ProxyError as error:
            self._refuse(sock, CloseCode.PROTOCOL_ERROR, REASONS[error.fault], None, plain=True)
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError):
                raise
        else:
            if peer is None:
                sock.close()
            else:
                self._admit(sock, peer)

    def _admit(self, sock: socket.socket, peer: Any) -> None:
        address = throttle_address(peer)
        if not self.listening:
            self._refuse(sock, CloseCode.GOING_AWAY, None, randint(0, TURNED_AWAY))
        elif after := self._registry.admission.enter(address):
            self._refuse(sock, CloseCode.OVERLOADED, None, after)
        else:
            self._spawn(self._greet(sock, address), self._entering if self._tls is None else self._greetings)

    def _spawn(self, greeting: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        task = self._registry.loop.create_task(greeting)
        among.add(task)
        task.add_done_callback(among.discard)

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
        finally:
            if not connection.admitted:
                sock.close()
                registry.admission.leave(address, silent=True)

    async def _begins_tls(self, sock: socket.socket) -> bool:
        """Wait for the peer's first byte; when it begins no handshake, tell it so and close."""
        async with asyncio.timeout(self._registry.limits.sign_in_time):
            first = await peek(sock, 1)
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
