"""Where the node can be reached: sockets, TLS, the status server; each failure as a sentence for the operator."""

from __future__ import annotations

import logging
import resource
import socket
import ssl
from ipaddress import ip_address
from wsgiref.types import WSGIApplication

from mrccsc_server.config import Settings
from mrccsc_server.net import listener
from mrccsc_server.start_error import StartError
from mrccsc_server.telemetry.http import StatusServer

log = logging.getLogger(__name__)

OWN_FILES = 64
"""Open files that are kept from connections: for the database, the log, the status server and what is being refused."""


def load_tls(settings: Settings) -> ssl.SSLContext | None:
    """The TLS settings of the listener, ``None`` for plain. Raises :class:`StartError`."""
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None or key is None:
        return None
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise StartError(f"Cannot read {path}: {error.strerror}.") from None
    try:
        return listener.load_tls(certificate, key)
    except OSError as error:
        reason = error.strerror or "not what they should be"
        raise StartError(f"Cannot use the certificate {certificate} with the key {key}: {reason}.") from None


def bind(settings: Settings, *, shared: bool = False, listening: bool = False) -> list[socket.socket]:
    """The sockets of the listener, which do not listen yet: who comes before the node is ready is refused.

    Raises :class:`StartError`.
    """
    host, port = settings.host, settings.port
    try:
        sockets = listener.bind(host, port, shared=shared, listening=listening)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(settings, error) from None
    return sockets


def listen(settings: Settings, sockets: list[socket.socket]) -> None:
    """Let clients come to the sockets. Raises :class:`StartError`. Plain ones beyond loopback are warned of loudly."""
    try:
        for sock in sockets:
            sock.listen(listener.BACKLOG)
    except OSError as error:
        raise _cannot_listen(settings, error) from None
    if settings.tls_cert is None:
        for sock in sockets:
            address = sock.getsockname()[0]
            if not ip_address(address.partition("%")[0]).is_loopback:
                log.warning(
                    "LISTENING ON %s WITHOUT TLS: passwords and messages cross the network unencrypted. "
                    "Use --tls-cert and --tls-key, or put a TLS proxy in front.",
                    address,
                )


def join(host: str, port: int) -> str:
    """An address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connection_cap(wanted: int) -> int:
    """How many connections the process can hold: ``wanted``, or fewer where its limit of open files is low.

    Beyond it clients are refused in words; at the system's own limit the database could not open its files either.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY or files - OWN_FILES >= wanted:
        return wanted
    cap = max(1, files - OWN_FILES)
    level = logging.WARNING if cap < wanted // 2 else logging.DEBUG
    log.log(level, "At most %d clients at once: this process may have only %d open files (see ulimit -n).", cap, files)
    return cap


def serve_status(settings: Settings, app: WSGIApplication) -> StatusServer | None:
    """The server behind ``--http``, ``None`` without it. Raises :class:`StartError`."""
    if settings.http is None:
        return None
    host, port = settings.http
    try:
        server = StatusServer(host, port, app)
    except (OSError, UnicodeError, OverflowError) as error:
        raise StartError(f"Cannot serve --http on {host} port {port}: {_why(error)}.") from None
    log.info("Serving /healthz, /readyz and /metrics on %s port %d", host, server.port)
    return server


def _cannot_listen(settings: Settings, error: Exception) -> StartError:
    return StartError(
        f"Cannot listen on {settings.host} port {settings.port}: {_why(error)}; try another --host or --port."
    )


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "not an address"
