"""The nginx of a cluster, with the very configuration that operators get: nginx.conf.example."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.process import Program, ProgramError, accepts, free_port

EXAMPLE = Path(__file__).parents[2] / "nginx.conf.example"

INSTALL = "apt-get install nginx libnginx-mod-stream"

_SERVERS = re.compile(r"(?:^ +server 127\.0\.0\.1:\d+ (?P<options>[^;]*);\n)+", re.MULTILINE)


class Nginx:
    """One nginx on 127.0.0.1 in front of ``nodes`` (their ports), with its files in ``folder``. Blocking.

    With ``tls``, a certificate chain and its key, it also listens on ``tls_port``.
    """

    def __init__(
        self, folder: Path, nodes: Sequence[int], port: int | None = None, tls: tuple[Path, Path] | None = None
    ) -> None:
        self.folder = folder
        self.nodes = list(nodes)
        self.port = port or free_port()
        self.tls_port = free_port() if tls else 0
        self._tls = tls
        self._config = folder / "nginx.conf"
        self._pid_file = folder / "nginx.pid"
        self.program = Program("nginx", self._command(), folder)

    def start(self) -> None:
        """Start it, or start it again on the same port. Raises :class:`ProgramError`."""
        self._write()
        self.program.start(lambda: accepts(self.port))

    def stop(self) -> None:
        """End it; connections through it are cut."""
        self.program.stop()

    def kill(self) -> None:
        """Kill it and its workers, as a power cut would."""
        self.program.kill()

    def reload(self, nodes: Sequence[int] | None = None) -> None:
        """Let it read its configuration again, with other nodes if so wished; connections stay."""
        if nodes is not None:
            self.nodes = list(nodes)
        self._write()
        self.program.signal(signal.SIGHUP)

    def check(self) -> str:
        """What ``nginx -t`` says about the configuration. Raises :class:`ProgramError` when that is no good."""
        self._write()
        done = subprocess.run([*self._command(), "-t"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProgramError(done.stderr)
        return done.stderr

    def _command(self) -> list[str | Path]:
        # -e, for until the configuration is read: a user who is not root may not write the usual log.
        return [
            find_nginx(), "-c", self._config, "-e", self.folder / "nginx.log",
            "-g", f"daemon off; pid {self._pid_file}; error_log stderr notice;",
        ]  # fmt: skip

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(configure(EXAMPLE.read_text(), self.nodes, self.port, self.tls_port, self._tls))


def configure(
    example: str, nodes: Sequence[int], port: int, tls_port: int = 0, tls: tuple[Path, Path] | None = None
) -> str:
    """The example with these ports in place of its own and, with ``tls``, with its TLS block. Nothing else changes."""

    def servers(match: re.Match[str]) -> str:
        return "".join(f"        server 127.0.0.1:{node} {match['options']};\n" for node in nodes)

    text, count = _SERVERS.subn(servers, example)
    text, listens = re.subn(r"^( +)listen 8000 ", rf"\1listen 127.0.0.1:{port} ", text, flags=re.MULTILINE)
    if count != 1 or listens != 1:
        raise ProgramError("nginx.conf.example does not look as expected.")
    if tls is not None:
        begin = text.index("    #server {")
        block = re.sub(r"^    #", "    ", text[begin:], flags=re.MULTILINE)
        block = block.replace("listen 8443 ", f"listen 127.0.0.1:{tls_port} ")
        block = block.replace("/etc/ssl/mrccsc/cert.pem", str(tls[0])).replace("/etc/ssl/mrccsc/key.pem", str(tls[1]))
        text = text[:begin] + block
    return text


def find_nginx() -> str:
    """Where nginx is. Raises :class:`ProgramError` with how to install it, or its stream module."""
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which("nginx", path=f"{path}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")
    if found is None:
        raise ProgramError(f"nginx is not installed; install it with: {INSTALL}")
    return found
