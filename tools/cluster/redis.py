"""A redis-server of one's own: in a folder, on a free port of 127.0.0.1, without a trace on disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from tools.cluster.process import Program, ProgramError, accepts, free_port

INSTALL = "is not installed; on Debian or Ubuntu: apt-get install redis-server"
ANSWER = 10.0
"""Seconds within which a command must be answered."""


@dataclass(frozen=True)
class Tls:
    """Files in PEM: the server's certificate and key, and whom its clients trust."""

    cert: Path
    key: Path
    ca: Path


class RedisServer(Program):
    """A redis-server without persistence. ``user`` makes an ACL user beside the default one, which is then shut.

    The user may do only what a node needs; ``password`` is the user's, or that of the default user.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        password: str | None = None,
        user: str | None = None,
        tls: Tls | None = None,
        name: str = "redis",
    ) -> None:
        self.port = port or free_port()
        self.password = password
        self.user = user
        self.tls = tls
        config = folder / f"{name}.conf"
        super().__init__(name, (_program("redis-server"), config), folder)
        self._config = config

    def start(self, ready: Callable[[], bool] | None = None, seconds: float = 30) -> None:
        """Start it and wait until it answers. Raises :class:`ProgramError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text("\n".join(self._settings()) + "\n", encoding="utf-8")
        self._config.chmod(0o600)
        super().start(ready or (lambda: accepts(self.port)), seconds)

    def url(self, db: int = 0) -> str:
        """Where a node finds it."""
        who = f"{quote(self.user or '', safe='')}:{quote(self.password, safe='')}@" if self.password else ""
        query = f"?{urlencode({'ca': str(self.tls.ca)})}" if self.tls else ""
        return f"{'rediss' if self.tls else 'redis'}://{who}127.0.0.1:{self.port}/{db}{query}"

    def ask(self, *words: str) -> str:
        """What it answers to a command. Raises :class:`ProgramError` when it does not."""
        tls = ("--tls", "--cacert", self.tls.ca) if self.tls else ()
        command = (_program("redis-cli"), "-h", "127.0.0.1", "-p", str(self.port), *tls, "-e", *words)
        environ = {"REDISCLI_AUTH": "admin"} if self.user else {"REDISCLI_AUTH": self.password or ""}
        try:
            done = subprocess.run(
                command,
                env=environ,
                capture_output=True,
                text=True,
                timeout=ANSWER,
                check=True,
                stdin=subprocess.DEVNULL,
            )
        except (subprocess.SubprocessError, OSError):
            raise ProgramError(f"{self.name} did not carry out {words[0]}.") from None
        return done.stdout.strip()

    def flush(self) -> None:
        """Make it forget everything; connections and subscriptions stay."""
        self.ask("FLUSHALL")

    def calls(self, command: str) -> int:
        """How often it carried out a command since it started."""
        for line in self.ask("INFO", "commandstats").splitlines():
            if line.startswith(f"cmdstat_{command}:calls="):
                return int(line.partition("=")[2].partition(",")[0])
        return 0

    def _settings(self) -> list[str]:
        settings = [
            "bind 127.0.0.1",
            'save ""',
            "appendonly no",
            "daemonize no",
            f'dir "{self.folder}"',
        ]
        if self.tls is None:
            settings.append(f"port {self.port}")
        else:
            settings += [
                "port 0",
                f"tls-port {self.port}",
                f'tls-cert-file "{self.tls.cert}"',
                f'tls-key-file "{self.tls.key}"',
                f'tls-ca-cert-file "{self.tls.ca}"',
                "tls-auth-clients no",
            ]
        if self.user is not None:
            settings += [
                f"user {self.user} on >{self.password} ~mrccsc:* &mrccsc:* +@all -@admin -@dangerous",
                "user default on >admin ~* &* +@all",
            ]
        elif self.password is not None:
            settings.append(f'requirepass "{self.password}"')
        return settings


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ProgramError(f"{name} {INSTALL}")
    return found
