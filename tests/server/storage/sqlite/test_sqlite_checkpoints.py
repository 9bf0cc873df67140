"""The write-ahead log is worked into the file while the server runs, and its space is used again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mrccsc_server.storage.sqlite import writer
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene
from tests.waiting import wait_until


def texts(folder: Path) -> list[str]:
    """What is in the file without its log."""
    copy = folder / "copy.db"
    copy.write_bytes((folder / "chat.db").read_bytes())
    with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM body ORDER BY id")]


async def test_what_was_said_is_soon_in_the_file_and_the_log_stays_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_EVERY", 0.05)
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    said: list[str] = []
    sizes: list[int] = []
    for part in range(5):
        for number in range(50):
            said.append(f"{part}.{number}")
            await scene.say(conv, ann, said[-1])
        await wait_until(lambda: texts(tmp_path) == said, "the file to have all of it")
        sizes.append((tmp_path / "chat.db-wal").stat().st_size)
    assert sizes[-1] < 2 * sizes[0], "the log begins anew once it was worked in"
    await store.close()
