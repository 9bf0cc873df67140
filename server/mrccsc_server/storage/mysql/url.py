"""What a database URL says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote

from mrccsc_server.ports import StoreError

Driver = Literal["aiomysql", "asyncmy"]

DRIVERS: dict[str, Driver] = {
    "mysql": "aiomysql",
    "mariadb": "aiomysql",
    "mysql+aiomysql": "aiomysql",
    "mysql+asyncmy": "asyncmy",
    "mariadb+asyncmy": "asyncmy",
}
"""The driver that a URL's scheme names."""

POOL = 8
"""Connections of one node, unless the URL says otherwise."""

FORM = "Write the database as mysql://user@host:3306/name, and its password into --database-password-file."

_MAX_POOL = 256


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and how to get in. ``ssl_ca`` is a file of certificates; with it TLS is required."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    driver: Driver
    pool: int = POOL
    ssl_ca: str | None = None

    @property
    def shown(self) -> str:
        """How messages name it: without user and password."""
        return f"{self.database} at {self.host}:{self.port}"


def parse(parts: SplitResult) -> Address:
    """The address in a URL. Raises :class:`StoreError`."""
    if parts.scheme not in DRIVERS:
        raise StoreError(f"The database's URL begins with one of {', '.join(f'{scheme}://' for scheme in DRIVERS)}.")
    try:
        port = parts.port or 3306
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise StoreError(FORM) from None
    database = unquote(parts.path.removeprefix("/"))
    if not parts.hostname or not parts.username or not database or "/" in database or parts.fragment:
        raise StoreError(FORM)
    unknown = options.keys() - {"pool", "ssl_ca"}
    if unknown:
        raise StoreError(f"A database URL has the options pool and ssl_ca; {min(unknown)!r} is none of them.")
    size = options.get("pool", str(POOL))
    if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= _MAX_POOL:
        raise StoreError(f"The option pool of a database URL is a number from 1 to {_MAX_POOL}.")
    if options.get("ssl_ca") == "":
        raise StoreError("The option ssl_ca of a database URL names a file of certificates.")
    return Address(
        parts.hostname,
        port,
        unquote(parts.username),
        unquote(parts.password or ""),
        database,
        DRIVERS[parts.scheme],
        int(size),
        options.get("ssl_ca"),
    )
