"""The configuration file: ``config.toml`` and the profiles in it.

    theme = "nord"
    [profiles.work]
    host = "chat.example.org"
    port = 443
    tls = true
    username = "ada"
    password-command = "pass show chat"

A profile is one account on one server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Options:
    """How the screens look and behave: the configuration file under the command line."""

    theme: str | None = None
    notify: bool = True
    ascii: bool = False
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
