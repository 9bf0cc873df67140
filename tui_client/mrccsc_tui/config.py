"""The configuration file: ``config.toml`` and the profiles in it.

    theme = "nord"
    [profiles.work]
    host = "chat.example.org"
    port = 443
    tls = true
    username = "ada"
    password-command = "pass show chat"
    [keys]
    conversation-next = "alt+down,f8"

A profile is one account on one server. What its ``password-command`` prints signs in ``username`` where no session is
stored, for scripts and for the screen. The command line goes over a profile's table, and that over the top of the
file.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
DEFAULT_PROFILE = "default"
PASSWORD_COMMAND_TIME = 60.0
"""Seconds that a password command may take: it may ask the user for something."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


class ConfigError(Exception):
    """What the user configured or asked for does not work; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the screens look and behave: the configuration file under the command line."""

    theme: str | None = None
    notify: bool = True
    ascii: bool = False
    linear: bool = False
    """One panel at a time without boxes, in ASCII: for screen readers."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Changed key bindings: the id of a binding to its keys, from the table ``[keys]``."""
    config_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on one server. ``ca`` is a file with the certificates that TLS trusts instead of the system's."""

    name: str = DEFAULT_PROFILE
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tls: bool = False
    ca: Path | None = None
    username: str | None = None
    password_command: str | None = None
    local: bool = False
    """The server is the one that ``--local`` starts: it is the same on whatever port it runs."""


_PROFILE_KEYS: dict[str, type] = {
    "host": str,
    "port": int,
    "tls": bool,
    "ca": str,
    "username": str,
    "password-command": str,
    "theme": str,
    "notify": bool,
    "ascii": bool,
    "linear": bool,
}
_TOP_KEYS: dict[str, type] = {
    "theme": str,
    "notify": bool,
    "ascii": bool,
    "linear": bool,
    "profile": str,
    "profiles": dict,
    "keys": dict,
}


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration file as it was read; empty when there is none."""

    top: Mapping[str, Any]
    file: Path

    @property
    def default_profile(self) -> str:
        """The profile to take when none is named."""
        return str(self.top.get("profile", DEFAULT_PROFILE))

    def names(self) -> tuple[str, ...]:
        """The profiles that the file describes."""
        return tuple(self.top.get("profiles", {}))

    def places(self, name: str) -> bool:
        """The file says where the profile's server is."""
        return not self._table(name).keys().isdisjoint({"host", "port", "tls"})

    def profile(self, name: str, **given: Any) -> Profile:
        """A profile; what is ``given`` (and not ``None``) goes over the file. Raises :class:`ConfigError`."""
        if not _NAME.fullmatch(name):
            raise ConfigError("A profile's name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen.")
        table = self._table(name)
        ca = table.get("ca")
        found = Profile(
            name=name,
            host=table.get("host", DEFAULT_HOST),
            port=table.get("port", DEFAULT_PORT),
            tls=table.get("tls", False),
            ca=None if ca is None else self.file.parent / _expand(ca),
            username=table.get("username"),
            password_command=table.get("password-command"),
        )
        found = replace(found, **{key: value for key, value in given.items() if value is not None})
        if not 1 <= found.port <= 65_535:
            raise ConfigError(f"Port {found.port} is not between 1 and 65535.")
        if not found.host:
            raise ConfigError("The host is empty.")
        if found.ca is not None and not found.tls:
            found = replace(found, tls=True)
        return found

    def options(self, name: str, **given: Any) -> Options:
        """How the screens of a profile look; what is ``given`` (and not ``None``) goes over the file."""
        table = {**self.top, **self._table(name)}
        known: dict[str, Any] = {key: table[key] for key in ("theme", "notify", "ascii", "linear") if key in table}
        known |= {key: value for key, value in given.items() if value is not None}
        return Options(keys=dict(self.top.get("keys", {})), config_file=self.file, **known)

    def _table(self, name: str) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self.top.get("profiles", {}).get(name, {})
        return table


def read_config(file: Path, *, required: bool = False) -> Config:
    """The configuration in a file, which may be missing unless it is ``required``.

    Raises :class:`ConfigError` when it makes no sense.
    """
    try:
        top = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigError(f"There is no configuration file {file}.") from None
        return Config({}, file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.") from None
    _check(file, "", top, _TOP_KEYS)
    for name, table in top.get("profiles", {}).items():
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: profiles.{name} is not a table.")
        _check(file, f"profiles.{name}.", table, _PROFILE_KEYS)
    for key, value in top.get("keys", {}).items():
        if not isinstance(value, str):
            raise ConfigError(f"{file}: keys.{key} is not a string.")
    return Config(top, file)


def _check(file: Path, place: str, table: Mapping[str, Any], known: Mapping[str, type]) -> None:
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{file}: {place}{key} is not a known setting.")
        if type(value) is not known[key]:
            raise ConfigError(f"{file}: {place}{key} is not {_article(known[key])}.")


def _expand(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ConfigError(f"There is no user whose home folder {name} could be in.") from None


def _article(kind: type) -> str:
    return {str: "a string", int: "an integer", bool: "true or false", dict: "a table"}[kind]


def password_from(command: str) -> str:
    """What a password command prints, without the line's end. Raises :class:`ConfigError` when it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # the user's own command, without a shell
            shlex.split(command), stdout=subprocess.PIPE, timeout=PASSWORD_COMMAND_TIME, check=False
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"The password command cannot be run: {error}.") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"The password command took longer than {PASSWORD_COMMAND_TIME:.0f} s.") from None
    if done.returncode != 0:
        raise ConfigError(f"The password command failed with status {done.returncode}.")
    password = done.stdout.decode("utf-8", "replace").split("\n")[0].rstrip("\r")
    if not password:
        raise ConfigError("The password command printed nothing.")
    return password
