"""What the requests of all connections go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mrccsc_shared.messages import Request

if TYPE_CHECKING:
    from mrccsc_server.net.connection import Connection


class Dispatcher(Protocol):
    """Implemented by the layer inside. Its methods are called on the event loop and do not block."""

    def opened(self, connection: Connection) -> None:
        """A connection was admitted. Its ``session`` is this side's to use."""
        ...

    def received(self, connection: Connection, request: Request) -> None:
        """One good request; those of a connection come in its order.

        Each is to be finished by exactly one :meth:`Connection.answer` or, when nothing is to be said,
        :meth:`Connection.done`: until then it counts as unanswered. May start a task; should not raise.
        """
        ...

    def closed(self, connection: Connection) -> None:
        """Nothing more can be said to this connection. Called once for each that was opened."""
        ...
