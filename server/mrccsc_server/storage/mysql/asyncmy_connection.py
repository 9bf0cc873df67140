"""A connection by asyncmy, an extra that is rarely installed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

from mrccsc_server.ports import StoreError
from mrccsc_server.storage.database import Row
from mrccsc_server.storage.mysql.answers import Result
from mrccsc_server.storage.mysql.errors import Lost, judge, said

_BROKEN = (OSError, EOFError, RuntimeError, AttributeError)
"""What writing to a connection that was lost meanwhile may end in."""


class AsyncmyConnection:
    """:class:`~.link.Connection` by asyncmy, which takes the settings.

    Raises :class:`mrccsc_server.ports.StoreError` where it is not installed.
    """

    def __init__(self, **settings: Any) -> None:
        try:
            from asyncmy import connection as asyncmy  # noqa: PLC0415
            from asyncmy.errors import MySQLError  # noqa: PLC0415
        except ImportError:
            raise StoreError(
                "The driver asyncmy is not installed; install mrccsc[asyncmy], or begin the database's URL with"
                " mysql://."
            ) from None
        self._connection: Any = asyncmy.Connection(**settings)  # type: ignore[no-untyped-call]
        self._error = MySQLError

    @property
    def status(self) -> int:
        """See the protocol."""
        return cast(int, self._connection.server_status)

    @property
    def alive(self) -> bool:
        """See the protocol."""
        return bool(self._connection.connected) and not self._connection._stream_broken  # noqa: SLF001

    async def connect(self) -> bool:
        """See the protocol."""
        await self._connection.connect()
        return bool(self._connection._secure)  # noqa: SLF001

    async def ask(self, statements: bytes) -> list[Result]:
        """See the protocol."""
        connection = self._connection
        try:
            await connection.query(statements)
            results = [self._result()]
            while connection._result.has_next:  # noqa: SLF001 - its cursors ask for warnings after each statement
                await connection.next_result()
                results.append(self._result())
        except self._error as error:
            raise judge(*said(error)) from None
        except _BROKEN as error:
            raise Lost(0, type(error).__name__) from None
        return results

    async def quit(self) -> None:
        """See the protocol."""
        transport = self._transport
        if self.alive:
            with contextlib.suppress(*_BROKEN, self._error):
                await self._connection.ensure_closed()
        self.close()
        if transport is not None:  # Which would say good-bye on its own, over TLS, for as long as the server likes.
            transport.abort()

    def close(self) -> None:
        """See the protocol."""
        if (transport := self._transport) is not None:
            transport.abort()
        self._connection.close()

    @property
    def _transport(self) -> asyncio.Transport | None:
        return cast("asyncio.Transport | None", self._connection._transport)  # noqa: SLF001

    def _result(self) -> Result:
        result = self._connection._result  # noqa: SLF001
        return Result(cast("list[Row]", result.rows or []), result.affected_rows or 0, result.insert_id or 0)
