"""Run by a test in a process of its own and killed: appends for ever and prints what was acknowledged."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mrccsc_server.domain.state import Stored
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, delete, edit, react, send


async def main(path: Path) -> None:
    store = SqliteStore(path, Limits())
    await store.open()
    scene = Scene(store)
    users = await scene.users(*(f"u{n}" for n in range(4)))
    convs = [await scene.group(*users) for _ in range(3)]
    await asyncio.gather(*(append(store, conv, user) for conv in convs for user in users), index(store))


async def append(store: SqliteStore, conv: int, user: int) -> None:
    number = 0
    last = 1
    while True:
        number += 1
        text = f"{user} says {number}"
        op = send(conv, user, text)
        if number % 10 == 0:
            op = [edit(conv, user, last, text), react(conv, user, last, "x"), delete(conv, user, last)][
                number // 10 % 3
            ]
        (outcome,) = await store.log.append([op])
        if isinstance(outcome, Stored):
            entry = outcome.entry
            last = entry["seq"] if entry["kind"] == "message" else last
            sys.stdout.write(f"{conv} {entry['seq']} {user} {op.cid} {entry['kind']} {text}\n")
            sys.stdout.flush()


async def index(store: SqliteStore) -> None:
    while True:
        await store.search.index(100)
        await asyncio.sleep(0.01)


asyncio.run(main(Path(sys.argv[1])))
