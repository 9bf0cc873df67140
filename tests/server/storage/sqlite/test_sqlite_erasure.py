"""Deleted text is gone from the very files, free pages and the write-ahead log included."""

from __future__ import annotations

import random
from pathlib import Path

from mrccsc_server.storage.sqlite.connection import connect
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, delete, edit, send
from tests.waiting import wait_until


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def test_deleted_and_superseded_texts_leave_the_files_of_a_running_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.direct(ann, bob)
    await scene.say(conv, ann, "SECRETzero")
    await scene.say(conv, ann, "SECRETone")
    await scene.say(conv, ann, "SECRETlong" + "x" * 8_000 + "SECRETtail")
    await scene.say(conv, ann, "staying")
    assert b"SECRETzero" in raw(tmp_path)
    await scene.done(edit(conv, ann, 2, "SECRETedit"))
    await scene.done(edit(conv, ann, 2, "present"))
    await scene.done(delete(conv, ann, 3), delete(conv, ann, 4))
    await wait_until(lambda: b"SECRET" not in raw(tmp_path), "the texts to be gone")
    assert b"present" in raw(tmp_path)
    assert b"staying" in raw(tmp_path)
    await store.close()


async def test_a_reader_only_delays_the_erasure(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "SECRET")
    reader = connect(tmp_path / "chat.db", read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM body").fetchone()
    await scene.done(delete(conv, ann, 2))
    for n in range(20):
        await scene.say(conv, ann, f"going on {n}")
    assert b"SECRET" in raw(tmp_path), "a reader still needs it"
    reader.close()
    await wait_until(lambda: b"SECRET" not in raw(tmp_path), "the text to be gone")
    await store.close()


async def test_a_crash_before_the_erasure_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    store = SqliteStore(first / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "SECRET")
    await scene.done(delete(conv, ann, 2))
    for file in first.iterdir():  # What a killed process would leave behind.
        (second / file.name).write_bytes(file.read_bytes())
    assert b"SECRET" in raw(second)
    await store.close()
    again = SqliteStore(second / "chat.db", Limits())
    await again.open()
    assert b"SECRET" not in raw(second)
    assert [entry["kind"] for entry in await Scene(again).log(conv)] == ["create", "message", "delete"]
    await again.close()


async def test_no_copy_of_a_text_is_left_wherever_its_neighbours_were_moved(tmp_path: Path) -> None:
    """Rebuilding a page of a table leaves stale copies in its unused space; texts must never be in such a page."""
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    dice = random.Random(7)
    ann = await scene.user("ann")
    convs = [await scene.group(ann) for _ in range(40)]
    heads = dict.fromkeys(convs, 1)
    alive: dict[tuple[int, int], str] = {}
    gone: list[str] = []
    for number in range(60):
        ops = []
        for index in range(50):
            conv = dice.choice(convs)
            heads[conv] += 1
            text = f"MARK{number:03}x{index:03}END" + "y" * dice.randrange(300)
            alive[conv, heads[conv]] = text
            ops.append(send(conv, ann, text))
        await scene.done(*ops)
        changes = []
        for place in dice.sample(sorted(alive), 20):
            conv, seq = place
            heads[conv] += 1
            gone.append(alive.pop(place))
            if dice.random() < 0.5:
                changes.append(delete(conv, ann, seq))
            else:
                text = f"EDIT{number:03}x{len(changes):03}END" + "z" * dice.randrange(400)
                changes.append(edit(conv, ann, seq, text))
                alive[place] = text
        await scene.done(*changes)
    await store.close()
    files = raw(tmp_path)
    assert [text for text in gone if text[:15].encode() in files] == []
    assert [text for text in alive.values() if text[:15].encode() not in files] == []
