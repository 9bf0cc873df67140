"""``--workers N``: as many nodes as told behind one port, each a process of its own, kept alive."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from mrccsc_server import endpoint
from mrccsc_server.cli.serve import serve
from mrccsc_server.config import Settings
from mrccsc_server.start_error import StartError
from mrccsc_server.telemetry.logging import set_up

log = logging.getLogger(__name__)

CANNOT = 2
"""Exit code of a worker that says it cannot start."""

PAUSE = 1.0
PAUSE_MAX = 30.0
"""Seconds before a worker that died is started again: doubling, and the first again after ``WELL`` of running."""

WELL = 60.0

PATIENCE = 15.0
"""Seconds that the workers get to end."""

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1


class _Worker:
    def __init__(self, number: int) -> None:
        self.number = number
        self.pid: int | None = None
        self.since = 0.0
        self.due = 0.0
        self.pause = PAUSE
        self.starts = 0


class Supervisor:
    """The parent of the workers. It listens on nothing itself; the system deals what comes in to those that do."""

    def __init__(self, settings: Settings, run: Callable[[Settings], int]) -> None:
        self._settings = settings
        self._run = run
        self._workers = [_Worker(number) for number in range(1, settings.workers + 1)]

    def supervise(self) -> int:
        """Run until SIGTERM or SIGINT: 0; 2 when a worker cannot start at all. A second signal kills the workers."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while True:
            now = time.monotonic()
            for worker in self._workers:
                if worker.pid is None and worker.due <= now:
                    self._start(worker)
            waits = [worker.due - now for worker in self._workers if worker.pid is None]
            match self._wait(min(waits, default=PAUSE_MAX)):
                case signal.SIGTERM | signal.SIGINT:
                    self._end()
                    return 0
            if self._bury():
                self._end()
                return CANNOT

    def _start(self, worker: _Worker) -> None:
        settings = share(self._settings, worker.number)
        parent = os.getpid()
        worker.since = time.monotonic()
        worker.starts += 1
        worker.pid = os.fork()
        if worker.pid == 0:
            self._be_worker(settings, parent)

    def _be_worker(self, settings: Settings, parent: int) -> NoReturn:
        code = 1
        try:
            # Nothing of a cluster is to outlive the supervisor, even one that was killed.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            if os.getppid() == parent:
                code = self._run(settings)
        except StartError as error:
            print(f"mrccsc-server: {settings.node}: {error}", file=sys.stderr)
            code = CANNOT
        except BaseException:
            log.exception("Worker %s failed", settings.node)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _bury(self) -> bool:
        """Note who ended, and when to start them again; whether one of them never can."""
        hopeless = False
        for worker in self._workers:
            if worker.pid is None:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            code = os.waitstatus_to_exitcode(status)
            now = time.monotonic()
            worker.pid = None
            if now - worker.since >= WELL:
                worker.pause = PAUSE
            worker.due = now + worker.pause
            hopeless |= code == CANNOT and worker.starts == 1
            log.warning(
                "%s ended with %d; starting it again in %g s",
                share(self._settings, worker.number).node,
                code,
                worker.pause,
            )
            worker.pause = min(PAUSE_MAX, worker.pause * 2)
        return hopeless

    def _end(self) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while any(worker.pid for worker in self._workers):
            left = deadline - time.monotonic()
            if left <= 0 or self._wait(left) in (signal.SIGTERM, signal.SIGINT):
                self._signal(signal.SIGKILL)
            for worker in self._workers:
                if worker.pid is not None and os.waitpid(worker.pid, os.WNOHANG)[0]:
                    worker.pid = None

    def _wait(self, seconds: float) -> int | None:
        found = signal.sigtimedwait(_SIGNALS, max(0.0, seconds))
        return None if found is None else found.si_signo

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, number)


def supervise(settings: Settings) -> int:
    """Serve with ``settings.workers`` nodes; the exit code. Raises :class:`StartError` when the port is taken."""
    set_up(settings.log_format, settings.log_level)
    if settings.port:
        # Free of others? A shared port would be shared with another supervisor as well.
        for sock in endpoint.bind(settings, listening=True):
            sock.close()
    sockets: list[socket.socket] = []
    try:
        # Held, so that the port is the same for all, also for port 0, and stays ours while all workers are down.
        sockets = endpoint.bind(settings, shared=True)
        port = sockets[0].getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        return Supervisor(settings, lambda one: serve(one, shared=True)).supervise()
    finally:
        for sock in sockets:
            sock.close()


def share(settings: Settings, number: int) -> Settings:
    """The settings of one worker, from 1: its own name, and its own port for ``--http``, counted up from the given."""
    http = settings.http
    if http is not None and http[1]:
        http = (http[0], http[1] + number - 1)
    return settings.model_copy(update={"node": f"{settings.node[:60]}-{number}", "http": http, "workers": 1})
