"""A MariaDB server of one's own: made in a folder, on a port of 127.0.0.1, as durable as one that people rely on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import pymysql  # type: ignore[import-untyped]

from tools.cluster.process import Program, ProgramError, free_port

USER = "mrccsc"
PASSWORD = "a secret of this machine: #?/@"  # noqa: S105 - the server listens on loopback only
"""Signs that a URL must quote are in it on purpose."""

INSTALL = "apt-get install mariadb-server"

_PORTS_TRIED = 3


class MariaDb:
    """One server with its data in ``folder``; it is initialised at the first start. Blocking.

    What it has acknowledged is on the disk (``innodb_flush_log_at_trx_commit=1``), and deleted rows are overwritten.
    """

    def __init__(self, folder: Path, port: int | None = None, *, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self._port = port
        self._options = options
        self.port = port or 0
        self._program: Program | None = None

    @property
    def program(self) -> Program:
        """The running server. Raises :class:`ProgramError` when it was never started."""
        if self._program is None:
            raise ProgramError("MariaDB was not started.")
        return self._program

    def url(self, database: str, scheme: str = "mysql") -> str:
        """What a node is given to use a database of this server."""
        return f"{scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers; on the same port as before when it was started before.

        Raises :class:`ProgramError`, also when it is not installed.
        """
        data = self.folder / "data"
        if not data.is_dir():
            self._initialise(data)
        for attempt in range(_PORTS_TRIED):
            self.port = self.port or free_port()
            self._program = Program("mariadb", self._command(data), self.folder)
            try:
                self._program.start(self._answers)
            except ProgramError:
                # Another program may have taken the port between its choice and its use.
                if self._port is not None or attempt == _PORTS_TRIED - 1:
                    raise
                self.port = 0
            else:
                self._port = self.port
                return

    def stop(self) -> None:
        """End it in an orderly way."""
        self.program.stop()

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.program.kill()

    def freeze(self) -> None:
        """Stop it where it is: connections stay, nothing is answered."""
        self.program.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self.program.thaw()

    def create(self, database: str) -> None:
        """Make an empty database."""
        self.execute(f"CREATE DATABASE `{database}`")

    def drop(self, database: str) -> None:
        """Delete a database with all that is in it."""
        self.execute(f"DROP DATABASE IF EXISTS `{database}`")

    def execute(self, sql: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run one statement on a connection of its own; its rows."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def connect(self, database: str | None = None, *, patience: int = 30) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A connection that commits each statement, and waits ``patience`` seconds for an answer."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            read_timeout=patience,
        )

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.MySQLError:
            return False
        return True

    def _initialise(self, data: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "users.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        made = subprocess.run(
            [
                find_program("mariadb-install-db"),
                "--no-defaults",
                f"--datadir={data}",
                f"--tmpdir={self.folder}",
                "--skip-test-db",
                "--innodb-log-file-size=32M",
                *_as_root(),
            ],
            capture_output=True,
            check=False,
            text=True,
        )
        if made.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise ProgramError(f"mariadb-install-db failed:\n{made.stdout}{made.stderr}")

    def _command(self, data: Path) -> list[str | Path]:
        return [
            find_program("mariadbd"),
            "--no-defaults",
            f"--datadir={data}",
            # In /tmp, where others start servers too, these delete each other's temporary tables.
            f"--tmpdir={self.folder}",
            f"--init-file={self.folder / 'users.sql'}",
            "--socket=mariadb.sock",  # In the data folder: a path of its own may be too long for a socket.
            f"--pid-file={data / 'mariadb.pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--max-connections=300",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--innodb-immediate-scrub-data-uncompressed=ON",
            *_as_root(),
            *self._options,
        ]


def find_program(name: str) -> str:
    """Where a program of MariaDB is. Raises :class:`ProgramError` with how to install it."""
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(name, path=f"{path}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")
    if found is None:
        raise ProgramError(f"{name} is not installed; install it with: {INSTALL}")
    return found


def _as_root() -> list[str]:
    """The server refuses to run as root unless it is told to."""
    return ["--user=root"] if os.geteuid() == 0 else []
