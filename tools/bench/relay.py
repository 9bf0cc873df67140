"""The relay once more, in Python: what a server in this language can reach at the most when it does nothing.

It speaks what ``relay.c`` speaks, and is made of what the server stands on: uvloop, orjson, one write per connection
and turn of the loop. ``python relay.py PORT [DATABASE]``.

With a database (``sqlite://PATH`` or ``mysql://…``) it passes a message on when it is durable, in a table that has the
two keys of the server's log: what a server can reach that does nothing but store. Nobody is checked, nothing is
counted, found by its words, or could be asked for.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import orjson
import uvloop

from mrccsc_server.storage.mysql.link import Link, connect
from mrccsc_server.storage.mysql.literals import literal
from mrccsc_server.storage.mysql.url import parse

COMMITTERS = 2
"""Batches that are stored at a time."""

HALF = 48
"""Messages that wait before the second of them begins: of a hundred that talk, halves take turns."""

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
                seqs[self.room] += 1
                if log.table is None:
                    self.pass_on(request, seqs[self.room])
                else:
                    log.add(Said(self, request, seqs[self.room]))
            elif request["type"] == "session.resume":
                self.room = int(request["token"][1:])
                rooms[self.room].append(self)
                self.say(b'{"type":"session.ready","re":0}\n')

    def pass_on(self, request: dict[str, Any], seq: int) -> None:
        """A message goes to all others in the room, an ack to its sender."""
        room, cid, at = self.room, request["cid"], 1_700_000_000_000
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


class Said(NamedTuple):
    """A message on its way."""

    by: Connection
    request: dict[str, Any]
    seq: int


class Table(Protocol):
    """Where messages are stored."""

    async def append(self, batch: Sequence[Said]) -> None:
        """Store them durably."""


class Log:
    """Passes on what is said when it is stored, in batches; of no use without a table."""

    def __init__(self) -> None:
        self.table: Table | None = None
        self._waiting: list[Said] = []
        self._storing = 0
        self._work = asyncio.Event()

    def add(self, said: Said) -> None:
        """Store one, and pass it on."""
        self._waiting.append(said)
        if not self._storing or len(self._waiting) == HALF:
            self._work.set()

    async def commit(self, table: Table) -> None:
        """Store batches, as one of the committers."""
        while True:
            if self._waiting and (not self._storing or len(self._waiting) >= HALF):
                batch, self._waiting = self._waiting, []
                self._storing += 1
                await table.append(batch)
                for by, request, seq in batch:
                    by.pass_on(request, seq)
                self._storing -= 1
                self._work.set()
            else:
                self._work.clear()
                await self._work.wait()


log = Log()


class SqliteTable:
    """In a file, by a thread and one statement a batch."""

    def __init__(self, path: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # As the server's (storage/sqlite/connection.py).
        for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 65536"):
            self._file.execute(f"PRAGMA {setting}").fetchall()
        columns = "conv INTEGER, seq INTEGER, cid TEXT, text TEXT, PRIMARY KEY (conv, seq)"
        self._file.execute("DROP TABLE IF EXISTS said")
        self._file.execute(f"CREATE TABLE said ({columns}) STRICT, WITHOUT ROWID")
        self._file.execute("CREATE UNIQUE INDEX said_cid ON said (conv, cid)")

    async def append(self, batch: Sequence[Said]) -> None:
        """See :class:`Table`."""
        rows = orjson.dumps([(by.room, seq, request["cid"], request["text"]) for by, request, seq in batch])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, rows.decode())

    def _insert(self, rows: str) -> None:
        values = "value ->> 0, value ->> 1, value ->> 2, value ->> 3"
        self._file.execute(f"INSERT INTO said SELECT {values} FROM json_each(?)", (rows,))  # noqa: S608 - constants


class MysqlTable:
    """On a server, by the node's own connections and one statement a batch."""

    def __init__(self, links: list[Link]) -> None:
        self._free = links

    @classmethod
    async def open(cls, url: str) -> MysqlTable:
        """Connect and make the table."""
        links = [await connect(parse(urlsplit(url)), 0) for _ in range(COMMITTERS)]
        for link in links:
            # Other systems have their turns in between.
            await link.send([b"SET SESSION wait_timeout = 28800"])
        columns = "conv BIGINT, seq BIGINT, cid BINARY(16), text TEXT, PRIMARY KEY (conv, seq), UNIQUE (conv, cid)"
        await links[0].send([b"DROP TABLE IF EXISTS said", f"CREATE TABLE said ({columns})".encode()])
        return cls(links)

    async def append(self, batch: Sequence[Said]) -> None:
        """See :class:`Table`."""
        rows = ",".join(
            f"({by.room},{seq},X'{request['cid'].replace('-', '')}',{literal(request['text'])})"
            for by, request, seq in batch
        )
        link = self._free.pop()
        await link.send([f"INSERT INTO said VALUES {rows}".encode()])  # noqa: S608 - literals of a load of ours
        self._free.append(link)


async def opened(database: str) -> Table:
    """The table of a database, empty."""
    if database.startswith("sqlite://"):
        return SqliteTable(database.removeprefix("sqlite://"))
    return await MysqlTable.open(database)


async def serve(port: int, database: str | None) -> None:
    """Until the process is ended."""
    async with asyncio.TaskGroup() as tasks:
        if database is not None:
            log.table = await opened(database)
            for _ in range(COMMITTERS):
                tasks.create_task(log.commit(log.table))
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4_096)
        await server.serve_forever()


if __name__ == "__main__":
    # As the server's (cli/serve.py).
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0001)
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
