"""One profile's files: its lock, its session's token, its device's id."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mrccsc_tui.config import ConfigError, Profile
from mrccsc_tui.paths import data_folder, make_private, state_folder


class ProfileLocked(ConfigError):
    """Another process has the profile."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that can be resumed: its token, and where it may be shown. Nowhere else is it ever sent.

    ``ca`` is the file of certificates that the server was trusted by, where those were not the system's.
    """

    host: str
    port: int
    tls: bool
    user: int
    username: str
    token: str
    ca: str | None = None


def load_session(name: str) -> Session | None:
    """The stored session of a profile, when there is a readable one."""
    try:
        session = Session(**json.loads(_session_file(name).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return session


def save_session(name: str, session: Session) -> None:
    """Keep a session for the next start, readable by its owner only. It is there as a whole or not at all."""
    file = _session_file(name)
    make_private(file.parent)
    fresh = file.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        os.fchmod(descriptor, 0o600)
        json.dump(asdict(session), out)
    fresh.replace(file)


def forget_session(name: str) -> None:
    """Keep no session."""
    _session_file(name).unlink(missing_ok=True)


def fits(session: Session, profile: Profile) -> bool:
    """The token may be shown to the profile's server: host, port and TLS are those it was given for.

    The server that ``--local`` runs on this machine stays the same on another port.
    """
    if profile.local:
        return session.host == profile.host and not session.tls
    return (session.host, session.port, session.tls) == (profile.host, profile.port, profile.tls)


def device_id(name: str) -> str:
    """The UUID under which this profile's sessions are listed, made at its first use."""
    file = make_private(data_folder(name)) / "device"
    with contextlib.suppress(OSError, ValueError):
        return str(uuid.UUID(file.read_text().strip()))
    fresh = str(uuid.uuid4())
    file.write_text(fresh + "\n")
    return fresh


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Own the profile: its outbox, cache and drafts. Raises :class:`ProfileLocked` while another process does.

    The lock ends with the process, whatever ends it.
    """
    file = make_private(data_folder(name)) / "lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProfileLocked(_in_use(name, file)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _in_use(name: str, file: Path) -> str:
    owner = file.read_text().strip()
    process = f" (process {owner})" if owner.isdigit() else ""
    return (
        f"The profile {name} is open in another client{process}. "
        f"Close that one, or give another profile: --profile {name}-2"
    )


def _session_file(name: str) -> Path:
    return state_folder(name) / "session.json"
