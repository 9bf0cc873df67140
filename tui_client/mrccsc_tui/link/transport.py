"""Bytes to and from a server, over TCP or TLS. A TLS line never falls back to plain."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from aiohappyeyeballs import start_connection

from mrccsc_tui.link.errors import LineLost

DIAL_TIME = 10.0
"""Seconds until a connection attempt is given up, with its name look-up and TLS handshake."""

CLOSE_TIME = 1.0
"""Seconds that a line may take to end in good order."""

ADDRESS_DELAY = 0.25
"""Seconds that one address of a host has before the next is tried beside it (RFC 8305)."""

CHUNK = 65_536

_UNKNOWN_ISSUER = (18, 19, 20, 21)
"""What OpenSSL answers where nothing is known of who has signed a certificate (``X509_V_ERR_…`` of x509_vfy.h)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and whether the line is to be encrypted. ``ca``: a file of certificates to trust instead."""

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None

    @property
    def loopback(self) -> bool:
        """The server is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Transport(Protocol):
    """An open line."""

    async def read(self) -> bytes:
        """What came next; empty at the end. Raises ``OSError`` when the line broke."""
        ...

    def write(self, data: bytes) -> None:
        """Send; nothing happens on a line that has ended."""
        ...

    def close(self) -> None:
        """End the line, after what was written as far as it goes without waiting. May be called more than once."""
        ...

    async def closed(self) -> None:
        """Wait until a line that was told to close has ended, cutting it after a moment."""
        ...


Dial: TypeAlias = Callable[[Address], Awaitable[Transport]]


class StreamTransport:
    """A line over an asyncio stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """What came next; empty at the end."""
        return await self._reader.read(CHUNK)

    def write(self, data: bytes) -> None:
        """Send."""
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    def close(self) -> None:
        """End the line."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()

    async def closed(self) -> None:
        """Wait until it has ended."""
        try:
            async with asyncio.timeout(CLOSE_TIME):
                await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except OSError:
            # It ended by breaking, which is an end as well.
            return


async def dial(address: Address) -> Transport:
    """Connect. Raises :class:`LineLost` with a sentence about what is wrong."""
    context = tls_context(address) if address.tls else None
    place = f"{address.host}:{address.port}"
    try:
        async with asyncio.timeout(DIAL_TIME):
            sock = await _connect(address)
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=address.host if context else None
            )
    except TimeoutError:
        raise LineLost(f"{place} does not answer.") from None
    except ssl.SSLCertVerificationError as error:
        advice = " Where it is your own, name it with --ca." if error.verify_code in _UNKNOWN_ISSUER else ""
        raise LineLost(f"The certificate of {place} is not trusted: {error.verify_message}.{advice}") from None
    except ssl.SSLError:
        raise LineLost(f"{place} does not speak TLS.") from None
    except socket.gaierror:
        raise LineLost(f"The host {address.host} is not known.") from None
    except ConnectionRefusedError:
        raise LineLost(f"Nothing listens at {place}.") from None
    except OSError as error:
        raise LineLost(f"{place} cannot be reached: {error.strerror or 'the connection broke'}.") from None
    return StreamTransport(reader, writer)


async def _connect(address: Address) -> socket.socket:
    """A connected socket: of several addresses the one that answers first, so that a dead IPv6 route costs nothing.

    asyncio's own race for it fails under eager tasks, which Textual uses from Python 3.12 on, before 3.12.9 and 3.13.2
    (python/cpython#124309).
    """
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return await start_connection(found, happy_eyeballs_delay=ADDRESS_DELAY, interleave=1)


def tls_context(address: Address) -> ssl.SSLContext:
    """What the server has to prove. Raises :class:`LineLost` when the file of certificates is unusable."""
    try:
        context = ssl.create_default_context(cafile=address.ca)
    except (OSError, ssl.SSLError):
        raise LineLost(f"{address.ca} holds no usable certificates.", final=True) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
