"""One program of a cluster: started in a folder of its own, watched, stopped, frozen, killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STEP = 0.02
"""Seconds between two looks at whether a program is ready or gone."""

PORTS = (10_240, 32_000)
"""Below those that Linux gives to outgoing connections."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ProgramError(Exception):
    """A program did not start; the message ends with the last lines that it wrote."""


def free_port(in_a_row: int = 1) -> int:
    """A port of 127.0.0.1 that nothing listens on now, nor on those ``in_a_row`` from it.

    The system gives none of them to an outgoing connection, so a program finds its port free again when it is started
    again.
    """
    while True:
        port = random.randrange(PORTS[0], PORTS[1] - in_a_row)
        if all(is_free(port + more) for more in range(in_a_row)):
            return port


def is_free(port: int) -> bool:
    """Whether a program could listen there now."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Program:
    """A program that runs in the foreground. What it writes goes to ``<name>.log`` in its folder.

    It gets SIGTERM when the thread that started it ends, so that nothing outlives a killed test run: start it from a
    thread that lives as long as it should. Its own children are in its process group.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id. Raises :class:`ProgramError` when it was never started."""
        if self._process is None:
            raise ProgramError(f"{self.name} was not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or minus the number of the signal that ended it; ``None`` while it runs."""
        return self._process.poll() if self._process is not None else None

    def start(self, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Start it and wait until ``ready``. Raises :class:`ProgramError` when it ends or is not ready in time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running or time.monotonic() > deadline:
                state = "was not ready in time" if self.running else f"ended with {self.exit_code}"
                self.kill()
                raise ProgramError(f"{self.name} {state}:\n{self.last_lines()}")
            time.sleep(STEP)

    def stop(self, seconds: float = 20) -> int | None:
        """Ask it to end and wait; kill it when it does not in time. Its exit code."""
        if self.running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float = 20) -> int | None:
        """Wait until it has ended; kill it when it does not in time. Its exit code."""
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.exit_code

    def kill(self) -> None:
        """Kill it and its children at once, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def freeze(self, seconds: float = 10) -> None:
        """Stop it and its children where they are; afterwards none of its threads does anything.

        A thread that is in the middle of something (flushing to the disk, running on another core) stops a moment after
        the signal. Raises :class:`ProgramError` when one does not in time.
        """
        os.killpg(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + seconds
        while not self._is_frozen():
            if time.monotonic() > deadline:
                raise ProgramError(f"{self.name} did not stop where it was.")
            time.sleep(STEP / 10)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def _is_frozen(self) -> bool:
        """Whether each of its threads stands still (or has ended)."""
        for stat in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):
                # The state comes after the name, which is in parentheses and may have any character.
                if stat.read_text().rpartition(") ")[2][:1] not in "TtZX":
                    return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.running:
            os.kill(self.pid, number)

    def last_lines(self, count: int = 20) -> str:
        """The last lines that it wrote."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
