"""One connection, set up the one right way, whichever driver it is by."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

from pymysql.constants import CLIENT, SERVER_STATUS  # type: ignore[import-untyped]

from mrccsc_server.ports import StoreError
from mrccsc_server.storage.database import Unstorable
from mrccsc_server.storage.mysql.aiomysql_connection import AiomysqlConnection
from mrccsc_server.storage.mysql.answers import Result
from mrccsc_server.storage.mysql.asyncmy_connection import AsyncmyConnection
from mrccsc_server.storage.mysql.errors import Failed, Lost, explain, no_tls
from mrccsc_server.storage.mysql.url import Address

log = logging.getLogger(__name__)

CONNECT_TIME = 5.0
"""Seconds until a connection must be there."""

LOCK_TIME = 3
"""Seconds that a statement waits for a lock."""

CONCAT_BYTES = 16 * 2**20
"""Bytes of rows that travel as one (see ``storage/json_rows``): far more than any have."""

IDLE_TIME = 10
"""Seconds after which the server ends a connection that says nothing: what frees the rows of a node that hangs."""

# The comments are each read by one of the two servers only.
_SET_UP = (
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    " time_zone = '+00:00', autocommit = 1, innodb_lock_wait_timeout = {lock}, wait_timeout = {idle},"
    " /*M!100101 max_statement_time = {seconds}, */ /*!50708 max_execution_time = {milliseconds}, */"
    " net_write_timeout = {idle}, group_concat_max_len = {concat};"
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
    "SELECT @@max_allowed_packet, @@auto_increment_increment"
)


class Connection(Protocol):
    """What a driver does for a link. Not for two at a time."""

    @property
    def status(self) -> int:
        """The flags of the server's state, as it last told them."""

    @property
    def alive(self) -> bool:
        """Whether it is open, and the server has not hung up."""

    async def connect(self) -> bool:
        """Open it; whether it is over TLS. May raise all kinds of errors (see :func:`~.errors.explain`)."""

    async def ask(self, statements: bytes) -> list[Result]:
        """Run statements that semicolons split; the result of each.

        Raises :class:`~.errors.Failed` and what is beneath it, and
        :class:`mrccsc_server.storage.database.Unstorable`. Who stops waiting must close it.
        """

    async def quit(self) -> None:
        """Take leave of the server, if it is alive, and close it."""

    def close(self) -> None:
        """Break it off at once."""


class Link:
    """An open connection in autocommit mode, READ COMMITTED. Not for two at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open = True
        self.id_step = 1
        """What lies between the ids of neighbours in a multi-row INSERT."""
        self._packet = 2**20

    @property
    def alive(self) -> bool:
        """Whether it was usable when last looked at."""
        return self._open and self._connection.alive

    @property
    def in_transaction(self) -> bool:
        """Whether one is open, as the server last said; after an error that may be outdated."""
        return bool(self._connection.status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    async def send(self, statements: Sequence[bytes]) -> list[Result]:
        """Run statements one after the other, in as few round trips as their size allows; the result of each.

        The first that fails ends it: those after it are not run. Raises :class:`~.errors.Failed` and what is beneath
        it, and :class:`mrccsc_server.storage.database.Unstorable`.
        """
        results: list[Result] = []
        part: list[bytes] = []
        size = 0
        for statement in statements:
            if part and size + len(statement) > self._packet:
                results += await self._send(b";".join(part))
                part, size = [], 0
            part.append(statement)
            size += len(statement) + 1
        return results + await self._send(b";".join(part))

    def close(self) -> None:
        """Break it off at once."""
        self._open = False
        self._connection.close()

    async def quit(self) -> None:
        """Take leave, so that the server does not note a connection that was broken off, and close it."""
        self._open = False
        await self._connection.quit()

    async def set_up(self, seconds: float) -> None:
        """Make the session what this module promises. ``seconds`` is what a statement may take, 0 without limit."""
        text = _SET_UP.format(
            lock=LOCK_TIME, idle=IDLE_TIME, concat=CONCAT_BYTES, seconds=seconds, milliseconds=round(seconds * 1000)
        )
        packet, self.id_step = (await self._send(text.encode()))[-1].rows[0]
        self._packet = min(packet // 4, 4 * 2**20)

    async def _send(self, text: bytes) -> list[Result]:
        try:
            return await self._connection.ask(text)
        except (Failed, Unstorable) as error:
            if isinstance(error, Lost):
                self.close()
            raise
        except BaseException:
            self.close()  # Its answers would be taken for those to the next statement.
            raise


async def connect(address: Address, seconds: float) -> Link:
    """A new connection. ``seconds`` is what a statement may take. Raises :class:`mrccsc_server.ports.StoreError`."""
    opened: list[Link] = []
    try:
        async with asyncio.timeout(CONNECT_TIME):
            link = await _connect(address, opened)
            await link.set_up(seconds)
    except StoreError:
        _close(opened)
        raise
    except Exception as error:
        log.debug("connecting failed", exc_info=error)
        _close(opened)
        raise explain(error, address) from None
    except BaseException:
        _close(opened)
        raise
    return link


async def _connect(address: Address, opened: list[Link]) -> Link:
    settings: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "db": address.database,
        "charset": "utf8mb4",
        "client_flag": CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS,
        "autocommit": None,
        "connect_timeout": CONNECT_TIME,
        "program_name": "mrccsc-server",
        "ssl": None if address.ssl_ca is None else _tls(address.ssl_ca),
    }
    driver = AsyncmyConnection if address.driver == "asyncmy" else AiomysqlConnection
    connection = driver(**settings)
    link = Link(connection)
    opened.append(link)
    encrypted = await connection.connect()
    if address.ssl_ca is not None and not encrypted:
        raise no_tls(address)
    return link


def _tls(ssl_ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ssl_ca)
    except (OSError, ssl.SSLError):
        raise StoreError(f"The option ssl_ca names no file of certificates that can be read: {ssl_ca}.") from None


def _close(opened: Sequence[Link]) -> None:
    for link in opened:
        link.close()
