"""The real server as a process of its own, on a free port and a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

COMMAND = Path(sys.executable).with_name("mrccsc-server")
_PORT = re.compile(r"accepts on 127\.0\.0\.1:(\d+)")


class Server:
    """A running ``mrccsc-server``. ``port`` is where it listens.

    ``output`` comes by a thread: only after :meth:`wait` is what the server said surely in it.
    """

    def __init__(self, folder: Path, *options: str, limits: str = "") -> None:
        self.folder = folder
        self.options = list(options)
        self.port = 0
        self.output: list[str] = []
        self._process: subprocess.Popen[str]
        self._reading: threading.Thread
        if limits:
            config = folder / "server.toml"
            config.write_text(f"[limits]\n{limits}\n")
            self.options += ["--config", str(config)]

    def start(self, port: int = 0) -> Self:
        """Start it, or start it again on the same data; returns once it accepts connections."""
        # With colours and debug off, whatever the developer has set.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MRCCSC_")}
        environment |= {key: value for key, value in os.environ.items() if key == "MRCCSC_CI_RUN"}
        self._process = subprocess.Popen(
            [COMMAND, "--port", str(port), "--data-dir", str(self.folder / "data"), *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        ready = threading.Event()
        self.output = []
        self.port = 0
        self._reading = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reading.start()
        if not ready.wait(30) or not self.port:
            self.kill()
            raise AssertionError("the server did not start:\n" + "".join(self.output))
        return self

    def _read(self, ready: threading.Event) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self.output.append(line)
                if not self.port and (found := _PORT.search(line)):
                    self.port = int(found[1])
                    ready.set()
        ready.set()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and all that it said is in ``output``."""
        code = self._process.wait(30)
        self._reading.join(30)
        return code

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self.wait()

    def stop(self) -> int:
        """SIGTERM, and wait. Returns the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not end on SIGTERM") from None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None
