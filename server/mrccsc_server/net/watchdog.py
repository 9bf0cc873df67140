"""Sees to it that a node which hangs is not given clients.

A balancer cannot tell: the system goes on completing connections for a process that is stopped or stuck, and what has
the fewest connections gets the next. So a process of its own (:mod:`mrccsc_server.net.watchdog_process`) is told each
second that the node's loop runs, and when it hears nothing for some seconds, it shuts the listening sockets. A thread
of the node could not: it is stopped together with the loop by SIGSTOP, and by whatever holds the interpreter.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds without a beat after which the sockets are shut."""

_PROGRAM = Path(__file__).with_name("watchdog_process.py")


class Watchdog:
    """Watches from the first :meth:`watch` to :meth:`close`. No method blocks for long or raises."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._watched: Sequence[socket.socket] = ()

    def watch(self, sockets: Sequence[socket.socket]) -> None:
        """Shut these, and no others, when the beats stop."""
        self._watched = list(sockets)
        if self._line is None:
            self._start()
        self._tell()

    def beat(self) -> None:
        """The loop runs."""
        if self._line is None:
            return
        try:
            self._line.send(b".")
        except BlockingIOError:
            # It is stopped itself; it has beats enough to read when it goes on.
            return
        except OSError:
            log.warning("The process that looks after the listening sockets is gone; starting another")
            self.close()
            self._start()
            self._tell()

    def close(self) -> None:
        """Watch nothing any more."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-S", str(_PROGRAM), str(self._patience)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                log.warning("A node that hangs cannot take itself out: %s", error.strerror)
                return
        ours.setblocking(False)
        self._line = ours

    def _tell(self) -> None:
        if self._line is None:
            return
        with contextlib.suppress(OSError):
            if self._watched:
                socket.send_fds(self._line, [b"+"], [sock.fileno() for sock in self._watched])
            else:
                self._line.send(b"-")
