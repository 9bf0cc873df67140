"""Run by a test in a process of its own: the file may not grow, its write-ahead log may; then both may."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from pathlib import Path

from mrccsc_server.storage.sqlite import writer
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene


async def main(path: Path) -> None:
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    writer.CHECKPOINT_EVERY = 0  # After each commit, before the next one.
    store = SqliteStore(path, Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)

    async def say(texts: int) -> None:
        for _ in range(texts):
            await scene.say(conv, ann, "x" * 6_000)

    await say(50)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    await say(5)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await say(2)
    sys.stdout.write(f"stored {len(await scene.log(conv)) - 1}\n")
    await store.close()


asyncio.run(main(Path(sys.argv[1])))
