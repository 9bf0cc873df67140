"""A server of one's own: found when it runs, started when it does not. Knows of the server only its command.

The server writes ``server.json`` into its data folder once it accepts, and holds a lock there while it lives. It ends
by itself a while after the last client has gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mrccsc_tui import paths
from mrccsc_tui.config import ConfigError
from mrccsc_tui.link.errors import LineLost
from mrccsc_tui.link.transport import Address, Transport, dial

PORT = 8000
"""The port to take when it is free."""

LINGER = 15
"""Seconds for which a server waits for a client when it has none."""

PATIENCE = 30.0
"""Seconds until a server that was started must accept."""

MAX_STARTS = 2
"""A start can fail because two clients started a server at once."""

_started: list[subprocess.Popen[bytes]] = []
"""They outlive this process; until then they are its children."""

_LOOK_EVERY = 0.05
_SAY_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Where the server accepts."""

    host: str
    port: int


def ensure_server(say: Callable[[str], None]) -> LocalServer:
    """The running server, or one that was just started. Raises :class:`ConfigError` when there can be none.

    ``say`` hears a sentence every few seconds while it takes long.
    """
    data = paths.make_private(paths.server_data_folder())
    child: subprocess.Popen[bytes] | None = None
    starts = 0
    begun = said = time.monotonic()
    while True:
        if child is None or child.poll() is not None:
            # Asking for the lock could keep a server that is just starting from it: hence not while ours does.
            owned = _is_owned(data)
            if owned and (server := _running(data, None)) is not None:
                return server
            if not owned:
                if starts == MAX_STARTS:
                    raise ConfigError(f"The server did not start: {_last_words()}")
                child = _start(data)
                starts += 1
        elif (server := _running(data, child.pid)) is not None:
            return server
        now = time.monotonic()
        if now - begun > PATIENCE:
            raise ConfigError(
                f"The server does not accept connections after {PATIENCE:.0f} s; see {paths.server_log()}"
            )
        if now - said > _SAY_EVERY:
            said = now
            say(f"waiting for the server to start ({now - begun:.0f} s) …")
        time.sleep(_LOOK_EVERY)


class LocalDial:
    """Connects to that server; where it has gone, it is started again first, perhaps on another port.

    Every other address is simply connected to.
    """

    def __init__(self, server: LocalServer) -> None:
        self._known_as = server
        self._now = server

    async def __call__(self, address: Address) -> Transport:
        """Connect, like :func:`mrccsc_tui.link.transport.dial`."""
        if address.tls or (address.host, address.port) != (self._known_as.host, self._known_as.port):
            return await dial(address)
        try:
            return await dial(Address(self._now.host, self._now.port))
        except LineLost:
            try:
                self._now = await asyncio.to_thread(ensure_server, lambda _: None)
            except ConfigError as error:
                raise LineLost(str(error)) from None
        return await dial(Address(self._now.host, self._now.port))


def _is_owned(data: Path) -> bool:
    """A server holds the lock of the folder."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _running(data: Path, pid: int | None) -> LocalServer | None:
    """Where the folder's server (with a ``pid`` only that one) accepts; ``None`` while it does not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads((data / "server.json").read_text())
        server = LocalServer(str(facts["host"]), int(facts["port"]))
        if pid not in (None, facts["pid"]):
            return None
        with socket.create_connection((server.host, server.port), timeout=2.0):
            return server
    return None


def _start(data: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that it outlives this client's terminal."""
    if importlib.util.find_spec("mrccsc_server") is None:
        raise ConfigError("The server is not installed: pip install 'mrccsc[server]'")
    log = paths.server_log()
    paths.make_private(log.parent)
    port = PORT if _is_free(PORT) else 0
    command = [sys.executable, "-m", "mrccsc_server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--data-dir", str(data), "--exit-when-empty", str(LINGER)]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603  # every word of it is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=data,
        )
    _started.append(server)
    return server


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _last_words() -> str:
    with suppress(OSError):
        lines = paths.server_log().read_text("utf-8", "replace").strip().splitlines()
        if lines:
            return lines[-1]
    return f"see {paths.server_log()}"
