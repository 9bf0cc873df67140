"""The data folder: whose it is now, and where its server can be reached."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mrccsc_server.endpoint import join
from mrccsc_server.start_error import StartError

LOCK = "lock"
ADDRESS = "server.json"


class DataFolder:
    """A folder that belongs to one server process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Make the folder, readable by nobody else, unless it is there. Raises :class:`StartError`."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"Cannot make the data folder {self.path}: {error.strerror}.") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, made if need be. Raises :class:`StartError` that names who holds it.

        The system frees the lock when the process ends, however it ends.
        """
        self.make()
        try:
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"Cannot use the data folder {self.path}: {error.strerror}.") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StartError(f"The data folder {self.path} is in use by {self._holder()}.") from None
            # Left behind by a server that was killed.
            (self.path / ADDRESS).unlink(missing_ok=True)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def announced(self, host: str, port: int, node: str) -> Iterator[None]:
        """Say in ``server.json`` where the server accepts connections, as long as it does."""
        address = self.path / ADDRESS
        fresh = address.with_suffix(".new")
        content = {"pid": os.getpid(), "host": host, "port": port, "node": node}
        try:
            fresh.write_text(json.dumps(content) + "\n")
            fresh.replace(address)
        except OSError as error:
            raise StartError(f"Cannot write {address}: {error.strerror}.") from None
        try:
            yield
        finally:
            address.unlink(missing_ok=True)

    def _holder(self) -> str:
        try:
            holder = json.loads((self.path / ADDRESS).read_text())
            return f"the server with process id {holder['pid']} on {join(holder['host'], holder['port'])}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another server, which is just starting or ending"
