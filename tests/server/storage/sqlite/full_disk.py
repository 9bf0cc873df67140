"""Run by a test in a process of its own: files may not grow any more, then they may again."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from mrccsc_server.domain.state import Stored
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, send


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


async def main(path: Path) -> None:
    moment = 0.0
    store = SqliteStore(path, Limits(), monotonic=lambda: moment)
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    for n in range(20):
        await scene.say(conv, ann, f"before {n}")
    largest = max(file.stat().st_size for file in path.parent.iterdir())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 10_000, hard))
    refused: list[str] = []
    stored = 0
    while len(refused) < 3:  # In a row: after the first the write-ahead log may still be emptied into the database.
        try:
            (outcome,) = await store.log.append([send(conv, ann, "x" * 4_000)])
            stored += isinstance(outcome, Stored)
            refused.clear()
        except Refusal as refusal:
            refused.append(refusal.code)
    say("refused", *refused)
    say("unhealthy", not await store.healthy())
    say("readable", len(await scene.log(conv)) == 21 + stored)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await scene.say(conv, ann, "after")
    moment += 1
    say("healthy", await store.healthy())
    say("complete", [entry["seq"] for entry in await scene.log(conv)] == list(range(1, 23 + stored)))
    await store.close()


asyncio.run(main(Path(sys.argv[1])))
