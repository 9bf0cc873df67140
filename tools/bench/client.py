"""One connection that asks and waits: for what is measured by the answer's time, and not by how many."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from itertools import count
from typing import Any, Self

PATIENCE = 60.0
"""Seconds after which an answer will not come."""

Answer = dict[str, Any]


class Refused(Exception):
    """The server answered with an error, closed, or hung up."""


class Client:
    """A blocking connection to one node. Events are skipped; ``received`` counts bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb", buffering=1 << 18)
        self._ids = count(1)
        self.received = 0
        self.welcome = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def resume(self, token: str, cursors: Mapping[int, int] | None = None) -> Answer:
        """Sign in; the answer. Raises :class:`Refused`."""
        named = {} if cursors is None else {"cursors": {str(conv): seq for conv, seq in cursors.items()}}
        return self.ask("session.resume", token=token, **named)

    def ask(self, kind: str, **fields: Any) -> Answer:
        """The answer to one request. Raises :class:`Refused`."""
        number = next(self._ids)
        self._socket.sendall(json.dumps({"type": kind, "id": number, **fields}).encode() + b"\n")
        while True:
            answer = self._read()
            if answer.get("re") == number:
                if answer["type"] == "error":
                    raise Refused(f"{kind}: {answer['code']}: {answer['message']}")
                return answer
            if answer["type"] == "closing":
                raise Refused(f"{kind}: {answer['code']}")

    def _read(self) -> Answer:
        line = self._lines.readline()
        if not line:
            raise Refused("the server hung up")
        self.received += len(line)
        read: Answer = json.loads(line)
        return read


def timed(client: Client, kind: str, **fields: Any) -> tuple[float, Answer]:
    """Milliseconds until the answer, and the answer."""
    began = time.perf_counter()
    answer = client.ask(kind, **fields)
    return (time.perf_counter() - began) * 1000, answer
