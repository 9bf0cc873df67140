"""The server's settings: flags over environment over file over defaults.

Every option has one name in three spellings: ``--data-dir``, ``MRCCSC_DATA_DIR`` and ``data-dir`` in the TOML file,
which may also have a table ``[limits]`` with the fields of :class:`mrccsc_shared.limits.Limits`. Passwords are no
flags, which everybody on the machine could read: they come from the environment or from files.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, quote, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from mrccsc_server.start_error import StartError
from mrccsc_server.telemetry.logging import LogFormat, LogLevel
from mrccsc_shared.limits import Limits

PREFIX = "MRCCSC_"
RATES = ("sends", "requests", "changes", "address", "sign_in")
UNLIMITED = 1_000_000_000


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_DATA_HOME/mrccsc/server``."""
    base = Path(environ.get("XDG_DATA_HOME", ""))
    # The specification has relative paths ignored.
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "mrccsc" / "server"


def default_node() -> str:
    """The host's own name, without its domain and without what a node's name cannot have."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64] or "node"


def _split_address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise PydanticCustomError("address", "an address is HOST:PORT")
    return host, int(port)


def _split_networks(value: Any) -> Any:
    parts = [part for part in re.split(r"[\s,]+", value) if part] if isinstance(value, str) else value
    try:
        return tuple(ip_network(part) for part in parts)
    except (TypeError, ValueError):
        raise PydanticCustomError("networks", "networks are 192.0.2.0/24,2001:db8::/32,…") from None


def _expand(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise PydanticCustomError("path", "there is no such user, whose home folder it could be in") from None


FilePath = Annotated[Path, AfterValidator(_expand)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_split_networks)]
Address = Annotated[tuple[str, int], BeforeValidator(_split_address)]


class Settings(BaseModel):
    """What an operator can choose. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    database: str = ""
    database_password: SecretStr | None = None
    database_password_file: FilePath | None = None
    bus: str = "memory:"
    bus_password: SecretStr | None = None
    bus_password_file: FilePath | None = None
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(default_factory=default_node)
    data_dir: FilePath = Field(default_factory=default_data_dir)
    registration: Literal["open", "invite", "closed"] = "open"
    proxy_from: Networks = ()
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    http: Address | None = None
    unlimited: bool = False
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    tls_cert: FilePath | None = None
    tls_key: FilePath | None = None
    exit_when_empty: Annotated[float, Field(gt=0)] | None = None
    limits: Limits = Limits()

    @property
    def database_url(self) -> str:
        """Where the database is, with its password; by default ``mrccsc.db`` in the data folder."""
        if not self.database:
            return f"sqlite://{quote(str(self.data_dir / 'mrccsc.db'))}"
        return _with_password(self.database, self.database_password)

    @property
    def bus_url(self) -> str:
        """Where the bus is, with its password."""
        return _with_password(self.bus, self.bus_password)

    @property
    def database_place(self) -> str:
        """The database for people, without what may be secret in its URL: ``sqlite /path``, ``mysql host:3306/name``.

        Nothing of a URL that is none.
        """
        return _place(self.database_url)

    @property
    def bus_place(self) -> str:
        """The bus for people: ``memory``, ``redis host:6379/0``."""
        return _place(self.bus)

    @property
    def embedded(self) -> bool:
        """Whether the database is a file that one server has for itself."""
        return urlsplit(self.database_url).scheme == "sqlite"

    @property
    def alone(self) -> bool:
        """Whether this node knows of no others."""
        return urlsplit(self.bus).scheme == "memory"

    def check(self) -> None:
        """Raise :class:`StartError` when options do not go together."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise StartError("TLS needs both --tls-cert and --tls-key.")
        for name in ("database", "bus"):
            try:
                # Which port does not matter here; that it is one does.
                _ = urlsplit(getattr(self, name)).port
            except ValueError:
                raise StartError(f"--{name} is not a good URL.") from None
        if urlsplit(self.bus).scheme not in ("memory", "redis", "rediss"):
            raise StartError("A bus is given as redis://host:6379/0, rediss://host:6380/0, or memory: (the default).")
        if self.embedded and not self.alone:
            raise StartError(
                "Several nodes cannot share an SQLite file: --bus redis: needs --database mysql://user@host/name too."
            )
        if self.workers > 1 and (self.embedded or self.alone):
            raise StartError("--workers needs what nodes share: --database mysql://… and --bus redis://….")
        if self.workers > 1 and self.exit_when_empty is not None:
            raise StartError("--workers and --exit-when-empty do not go together.")

    @property
    def effective_limits(self) -> Limits:
        """The limits as they apply: with ``unlimited`` without the rates per user and address."""
        if not self.unlimited:
            return self.limits
        lifted: dict[str, Any] = {f"{rate}_rate": float(UNLIMITED) for rate in RATES}
        lifted |= {f"{rate}_burst": UNLIMITED for rate in RATES}
        lifted["silent_per_address"] = self.limits.connections
        lifted["failure_free_address"] = UNLIMITED
        return self.limits.model_copy(update=lifted)


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from flags (by field name; absent ones left out), environment, and the file that they name.

    Raises :class:`StartError` that names the option as it was spelled where it was set.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    config = flags.get("config") or environ.get(f"{PREFIX}CONFIG")
    if config:
        for key, value in _read_file(_config_file(config)).items():
            values[key.replace("-", "_")] = _underscored(value)
            origins[key.replace("-", "_")] = f"{key} in {config}"
    for field in Settings.model_fields:
        name = f"{PREFIX}{field.upper()}"
        if field != "limits" and environ.get(name):
            values[field] = environ[name]
            origins[field] = name
    for field, value in flags.items():
        if field in Settings.model_fields:
            values[field] = value
            origins[field] = "--" + field.replace("_", "-")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise StartError(_explain(error, origins)) from None
    for name in ("database", "bus"):
        file = getattr(settings, f"{name}_password_file")
        if file is not None:
            secret = SecretStr(_read_secret(file, origins[f"{name}_password_file"]))
            settings = settings.model_copy(update={f"{name}_password": secret})
    settings.check()
    return settings


def _config_file(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise StartError(f"Cannot read {name}: there is no such user.") from None


def _with_password(url: str, password: SecretStr | None) -> str:
    parts = urlsplit(url)
    if password is None or not parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0]
    return parts._replace(netloc=f"{user}:{quote(password.get_secret_value(), safe='')}@{host}").geturl()


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme} {_host(parts)}{unquote(parts.path)}".strip()


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _read_secret(path: Path, origin: str) -> str:
    try:
        secret = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise StartError(f"{origin}: cannot read {path}: {reason}.") from None
    if not secret or "\n" in secret:
        raise StartError(f"{origin}: {path} must hold the password on one line, and nothing else.")
    return secret


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise StartError(f"Cannot read the configuration file {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"The configuration file {path} is not good TOML: {error}") from None


def _underscored(value: Any) -> Any:
    return {key.replace("-", "_"): inner for key, inner in value.items()} if isinstance(value, dict) else value


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    field, *inner = (str(part) for part in first["loc"])
    origin = origins.get(field, field)
    if inner and field == "limits":
        origin = f"{'.'.join(inner)} in [limits] of {origin.rpartition(' in ')[2]}"
    if first["type"] == "extra_forbidden":
        return f"There is no option {origin}."
    message = first["msg"]
    return f"{origin}: {message[:1].lower()}{message[1:]}."
