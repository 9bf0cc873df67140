"""The relay once more, in Python: what a server in this language can reach at the most when it does nothing.

It speaks what ``relay.c`` speaks, and is made of what the server stands on: uvloop, orjson, one write per connection
and turn of the loop. ``python relay.py PORT``.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter, defaultdict
from typing import Any, cast

import orjson
import uvloop

rooms: defaultdict[int, list[Connection]] = defaultdict(list)
seqs: Counter[int] = Counter()
dirty: list[Connection] = []


class Connection(asyncio.Protocol):
    """A user, who is in the room that the token names."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.room = 0
        self.waiting: list[bytes] = []
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b'{"type":"welcome","protocol":1}\n')

    def connection_lost(self, _: Exception | None) -> None:
        """Leave the room."""
        if self in rooms[self.room]:
            rooms[self.room].remove(self)

    def data_received(self, data: bytes) -> None:
        """Do what the lines ask for."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            request = orjson.loads(line)
            if request["type"] == "message.send":
                self.pass_on(request)
            elif request["type"] == "session.resume":
                self.room = int(request["token"][1:])
                rooms[self.room].append(self)
                self.say(b'{"type":"session.ready","re":0}\n')

    def pass_on(self, request: dict[str, Any]) -> None:
        """A message goes to all others in the room, an ack to its sender."""
        room, cid, at = self.room, request["cid"], 1_700_000_000_000
        seqs[room] += 1
        seq = seqs[room]
        entry = {
            "type": "entry", "conv": room, "seq": seq, "kind": "message", "by": 1, "at": at, "cid": cid, "rev": seq,
            "text": request["text"],
        }  # fmt: skip
        line = orjson.dumps(entry) + b"\n"
        for other in rooms[room]:
            if other is not self:
                other.say(line)
        ack = {
            "type": "ack", "re": request["id"], "conv": room, "cid": cid, "seq": seq, "at": at, "duplicate": False,
        }  # fmt: skip
        self.say(orjson.dumps(ack) + b"\n")

    def say(self, line: bytes) -> None:
        """Send a line at the end of this turn of the loop."""
        if not self.waiting:
            if not dirty:
                asyncio.get_running_loop().call_soon(flush)
            dirty.append(self)
        self.waiting.append(line)


def flush() -> None:
    """Write what waits, once per connection."""
    for connection in dirty:
        if not connection.transport.is_closing():
            connection.transport.write(b"".join(connection.waiting))
        connection.waiting.clear()
    dirty.clear()


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


if __name__ == "__main__":
    # As the server's (cli/serve.py).
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvloop.run(serve(int(sys.argv[1])))
