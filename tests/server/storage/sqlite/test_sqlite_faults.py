"""Killed in the middle, and out of room: nothing that was acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, react, send
from tests.waiting import PATIENCE

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
