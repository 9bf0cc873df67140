"""Where Redis is, as an operator writes it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from mrccsc_server.cluster.redis.wire import Dial

SHAPE = "redis://[:password@]host[:port][/db] or rediss://[user:password@]host[:port][/db][?ca=FILE]"


class AddressError(Exception):
    """The URL is no good, or needs a package that is not installed. One sentence, without secrets."""


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis. ``str()`` of it shows no secret."""

    host: str
    port: int
    db: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None
    """A file of certificates to trust; ``None``: those of the system."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.db}"


def parse(url: str) -> Address:
    """The address in a URL. Raises :class:`AddressError`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
        db = int(parts.path.strip("/") or 0)
    except ValueError:
        raise AddressError(f"A Redis URL is {SHAPE}.") from None
    tls = parts.scheme == "rediss"
    allowed = {"ca"} if tls else set()
    if parts.scheme not in {"redis", "rediss"} or not host or not 0 <= db < 2**31 or not options.keys() <= allowed:
        raise AddressError(f"A Redis URL is {SHAPE}.")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if user and not password:
        raise AddressError("A Redis URL with a user also needs the password.")
    return Address(
        host=host,
        port=port or 6379,
        db=db,
        user=None if user == "default" else user,
        password=password,
        tls=tls,
        ca=options["ca"][0] if "ca" in options else None,
    )


def dialer(address: Address) -> Dial:
    """What connects there: asyncio-redis, or redis-py for what that lacks. Raises :class:`AddressError`."""
    # Imported here: each is needed by some only, and one of them is an extra.
    if address.tls or address.user:
        if importlib.util.find_spec("redis") is None:
            what = "TLS (rediss://)" if address.tls else "a user name"
            raise AddressError(f"Redis with {what} needs redis-py: pip install 'mrccsc[server,rediss]'.")
        from mrccsc_server.cluster.redis.secure import secure_dial  # noqa: PLC0415

        try:
            return secure_dial(address)
        except OSError as error:
            reason = error.strerror or "it has none"
            raise AddressError(f"Cannot read the certificates in {address.ca}: {reason}.") from None
    if importlib.util.find_spec("asyncio_redis") is None:
        raise AddressError("Redis needs asyncio-redis: pip install 'mrccsc[server]'.")
    from mrccsc_server.cluster.redis.plain import plain_dial  # noqa: PLC0415

    return plain_dial(address)
