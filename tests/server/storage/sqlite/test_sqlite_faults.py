"""Killed in the middle, and out of room: nothing that was acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mrccsc_server.storage.sqlite import writer
from mrccsc_server.storage.sqlite.connection import connect
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, code_of, delete, react, send
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[4]


async def script(name: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.server.storage.sqlite.{name}",
        str(path),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def write_schema(connection: sqlite3.Connection, row: int, name: bytes, sql: bytes) -> None:
    """Write what the schema says of a table; every connection reads it again."""
    connection.execute(
        "UPDATE sqlite_master SET name = CAST(? AS TEXT), sql = CAST(? AS TEXT) WHERE rowid = ?", (name, sql, row)
    )
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    connection.commit()


@pytest.mark.parametrize("acks", [50, 700])
async def test_every_acknowledged_entry_survives_a_kill(tmp_path: Path, acks: int) -> None:
    process = await script("appender", tmp_path / "chat.db")
    assert process.stdout
    assert process.stderr
    lines: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while len(lines) < acks:
            line = await process.stdout.readline()
            assert line, (await process.stderr.read()).decode()
            lines.append(line.decode())
        process.kill()
        lines += [line.decode() for line in (await process.stdout.read()).splitlines(keepends=True)]
        await process.wait()
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    logs: dict[int, list[dict[str, object]]] = {}
    for line in lines:
        if not line.endswith("\n"):
            continue
        conv, seq, user, cid, kind, *_ = line.split()
        log = logs.setdefault(int(conv), await scene.log(int(conv)) if int(conv) not in logs else [])
        entry = log[int(seq) - 1]
        assert (entry["seq"], entry["by"], entry["cid"], entry["kind"]) == (int(seq), int(user), cid, kind)
    for conv, log in logs.items():
        assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
        cids = [entry["cid"] for entry in log]
        assert len(set(cids)) == len(cids)
        assert await scene.say(conv, 1, "going on") == len(log) + 1
    await scene.indexed()
    for conv, log in logs.items():
        said = [entry["seq"] for entry in log if entry["kind"] == "message" and "says" in str(entry.get("text"))]
        assert await scene.find(1, "says", conv=conv) == said[::-1][:200]
    await store.close()


async def test_a_full_disk_refuses_writes_reads_on_and_recovers_by_itself(tmp_path: Path) -> None:
    process = await script("full_disk", tmp_path / "chat.db")
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    assert output.decode().splitlines() == [
        "refused unavailable unavailable unavailable",
        "unhealthy True",
        "readable True",
        "healthy True",
        "complete True",
    ], errors.decode()


async def test_a_log_that_cannot_be_worked_into_the_file_is_told_once_and_holds_no_commit_up(tmp_path: Path) -> None:
    process = await script("full_file", tmp_path / "chat.db")
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    failed, *then = output.decode().splitlines()
    assert failed.startswith("the write-ahead log could not be worked into the file: "), errors.decode()
    assert then == ["the write-ahead log is worked into the file again", "stored 57"]


async def test_a_schema_that_is_damaged_meanwhile_ends_nothing_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What SQLite says of it is no text. Writes wait until it is mended, and so does the erasure of a text."""
    monkeypatch.setattr(writer, "ERASE_DELAY", 0.05)
    path = tmp_path / "chat.db"
    store = SqliteStore(path, Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.say(conv, ann, "SECRET")
    with closing(connect(path, read_only=True)) as reader, closing(sqlite3.connect(path)) as other:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM body").fetchone()
        await scene.done(delete(conv, ann, 2))  # It is in the write-ahead log for as long as that is read.
        other.text_factory = bytes
        other.execute("PRAGMA writable_schema = ON")
        whole = other.execute("SELECT rowid, name, sql FROM sqlite_master WHERE name = 'mention'").fetchone()
        write_schema(other, *(b"\xff" + part if isinstance(part, bytes) else part for part in whole))
        assert await code_of(store.log.append([send(conv, ann, "now")])) is ErrorCode.UNAVAILABLE
        await wait_until(lambda: "could not be worked into the file" in caplog.text, "the erasure to fail")
        write_schema(other, *whole)
    assert await scene.say(conv, ann, "again") == 4
    await wait_until(
        lambda: b"SECRET" not in b"".join(file.read_bytes() for file in tmp_path.iterdir()), "the text to be gone"
    )
    await store.close()


async def test_a_retry_after_a_restart_is_known(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    store = SqliteStore(path, Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    ops = [send(conv, ann, "hello"), react(conv, ann, 2, "👍")]
    stored = await scene.done(*ops)
    await store.close()
    store = SqliteStore(path, Limits())
    await store.open()
    outcomes = await store.log.append(ops)
    assert [getattr(outcome, "seq", None) for outcome in outcomes] == [entry["seq"] for entry in stored]
    await store.close()
