"""One node of a cluster, as a process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cluster.process import Program, free_port

COMMAND = Path(sys.executable).with_name("mrccsc-server")


class Node:
    """A ``mrccsc-server`` on 127.0.0.1 that keeps its ports when it is started again. Blocking."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        database: str,
        bus: str,
        port: int | None = None,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port or free_port()
        self.http_port = free_port()
        # The URLs hold passwords, which have no place where every user of this machine can read them.
        secrets = {"MRCCSC_DATABASE": database, "MRCCSC_BUS": bus}
        inherited = {key: "" for key in os.environ if key.startswith("MRCCSC_") and key != "MRCCSC_CI_RUN"}
        self.environ = {**inherited, **(environ or {}), **secrets}
        self.program = Program(name, self._command(options), folder, self.environ)

    def _command(self, options: Sequence[str]) -> list[str | Path]:
        return [
            COMMAND, "--node", self.name, "--port", str(self.port), "--http", f"127.0.0.1:{self.http_port}", *options,
        ]  # fmt: skip

    @property
    def accepting(self) -> bool:
        """Whether it has said, since its last start, that it accepts."""
        return "accepts on" in self.output

    @property
    def output(self) -> str:
        """What it has written since its last start."""
        try:
            with self.program.log.open("rb") as log:
                log.seek(self._written)
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    _written = 0

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it accepts unless told not to. Raises :class:`ProgramError`."""
        self._written = self.program.log.stat().st_size if self.program.log.exists() else 0
        self.program.start(lambda: self.accepting if wait else True)

    def stop(self) -> int | None:
        """SIGTERM: let it drain and end. Its exit code."""
        return self.program.stop()

    def restart(self) -> int | None:
        """Stop and start it; the exit code of the first run."""
        code = self.stop()
        self.start()
        return code

    def kill(self) -> None:
        """Kill -9."""
        self.program.kill()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and does nothing."""
        self.program.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.program.signal(signal.SIGCONT)
