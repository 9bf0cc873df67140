"""The writer's thread: group commit, jobs that fail alone, trouble that passes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import pytest

from mrccsc_server.storage.database import Reader, Transaction
from mrccsc_server.storage.sqlite.database import SqliteDatabase
from mrccsc_server.storage.sqlite.readers import THREADS
from mrccsc_server.storage.sqlite.statements import SqliteReader
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, code_of, send
from tests.waiting import PATIENCE

T = TypeVar("T")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "chat.db", Limits(database_time=5))
    await database.open()
    await database.write(lambda transaction: transaction.execute("CREATE TABLE note (n UNIQUE)"))
    yield database
    await database.close()


async def insert(transaction: Transaction, n: int) -> int:
    await transaction.execute("INSERT INTO note VALUES (?)", n)
    return n


async def in_time(call: Callable[[], Awaitable[T]]) -> T:
    """What the call returns once it is not refused any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Refusal):
                return await call()


async def notes(database: SqliteDatabase) -> list[int]:
    return [n for (n,) in await database.read(lambda reader: reader.rows("SELECT n FROM note ORDER BY n"))]


async def itself(transaction: Transaction) -> Transaction:
    return transaction


async def transactions_of(database: SqliteDatabase, jobs: int, weight: int) -> list[int]:
    """How many of ``jobs``, all queued while a commit was in flight, each of the next transactions has held."""
    busy, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def hold(_: Transaction) -> None:
        loop.call_soon_threadsafe(busy.set)
        assert go.wait(PATIENCE)

    holding = asyncio.ensure_future(database.write(hold))
    await busy.wait()
    seen = [asyncio.ensure_future(database.write(itself, weight=weight)) for _ in range(jobs)]
    await asyncio.sleep(0)
    go.set()
    await holding
    transactions = await asyncio.gather(*seen)
    return [len(list(group)) for _, group in groupby(transactions, key=id)]


async def test_what_arrives_during_a_commit_shares_the_next_one(database: SqliteDatabase) -> None:
    assert await transactions_of(database, jobs=200, weight=1) == [200]


async def test_a_commit_holds_only_so_many_rows(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "chat.db", Limits(commit_batch=10))
    await database.open()
    assert await transactions_of(database, jobs=8, weight=3) == [3, 3, 2]
    assert await transactions_of(database, jobs=2, weight=99) == [1, 1]
    await database.close()


@pytest.mark.parametrize(
    ("setting", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("secure_delete", 1), ("foreign_keys", 1)]
)
async def test_a_commit_is_durable_and_thorough(database: SqliteDatabase, setting: str, value: object) -> None:
    """A test cannot cut the power; these settings are what SQLite's promises rest on."""
    row = await database.write(lambda transaction: transaction.row(f"PRAGMA {setting}"))
    assert row == (value,)


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    assert await code_of(database.read(lambda reader: reader.rows("DELETE FROM note"))) is (ErrorCode.UNAVAILABLE)
    assert await notes(database) == []


async def test_a_job_that_fails_is_undone_alone(database: SqliteDatabase) -> None:
    async def fail(transaction: Transaction) -> None:
        await insert(transaction, 1_000)
        raise Refusal(ErrorCode.FORBIDDEN)

    async def clash(transaction: Transaction) -> None:
        await insert(transaction, 1_001)
        await insert(transaction, 0)

    results = await asyncio.gather(
        database.write(lambda transaction: insert(transaction, 0)),
        database.write(fail),
        database.write(clash),
        database.write(lambda transaction: insert(transaction, 1)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [int, Refusal, sqlite3.IntegrityError, int]
    assert await notes(database) == [0, 1]


async def test_a_lone_job_that_fails_is_undone(database: SqliteDatabase) -> None:
    async def fail(transaction: Transaction) -> None:
        await insert(transaction, 1_000)
        raise Refusal(ErrorCode.FORBIDDEN)

    assert await code_of(database.write(fail)) is ErrorCode.FORBIDDEN
    assert await notes(database) == []
    assert await database.write(lambda transaction: insert(transaction, 1)) == 1
    assert await notes(database) == [1]


async def test_while_another_process_holds_the_lock_writes_are_unavailable_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrccsc_server.storage.sqlite.connection.BUSY_TIME", 0.1)
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await code_of(store.log.append([send(conv, ann, "now")])) is ErrorCode.UNAVAILABLE
        assert len(await scene.log(conv)) == 1
        assert await store.healthy() is False
    assert await scene.say(conv, ann, "again") == 2
    await store.close()


async def test_past_its_deadline_a_call_is_unavailable_and_a_retry_is_safe(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "chat.db", Limits(database_time=1))
    await store.open()
    scene = Scene(store)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    op = send(conv, ann, "now")
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await code_of(store.log.append([op])) is ErrorCode.UNAVAILABLE
    await in_time(lambda: store.log.append([op]))  # The writer may still wait for the lock that was there.
    assert [entry["seq"] for entry in await in_time(lambda: scene.log(conv))] == [1, 2]
    await store.close()


async def test_a_read_past_its_deadline_is_broken_off(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "chat.db", Limits(database_time=0.2))
    await database.open()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    reads = [database.read(lambda reader: reader.row(endless)) for _ in range(4)]
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [result.code for result in results if isinstance(result, Refusal)] == [ErrorCode.UNAVAILABLE] * 4
    one = await in_time(lambda: database.read(lambda reader: reader.row("SELECT 1")))
    assert one == (1,)
    await database.close()


async def in_transaction(reader: Reader) -> bool:
    assert isinstance(reader, SqliteReader)
    return reader.connection.in_transaction


async def test_beyond_the_read_queue_reads_are_refused(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "chat.db", Limits(read_queue=4))
    await database.open()
    all_busy, go = threading.Barrier(THREADS + 1), threading.Event()

    async def hold(_: Reader) -> None:
        all_busy.wait(PATIENCE)
        assert go.wait(PATIENCE)

    holding = [asyncio.ensure_future(database.read(hold)) for _ in range(THREADS)]
    await asyncio.to_thread(all_busy.wait, PATIENCE)
    waiting = [asyncio.ensure_future(database.read(in_transaction)) for _ in range(4)]
    await asyncio.sleep(0)
    assert await code_of(database.read(in_transaction)) is ErrorCode.OVERLOADED
    go.set()
    assert await asyncio.gather(*waiting) == [True] * 4
    await asyncio.gather(*holding)
    await database.close()


async def test_a_caller_that_gave_up_leaves_the_queue_in_order(database: SqliteDatabase) -> None:
    first = asyncio.ensure_future(database.write(lambda transaction: insert(transaction, 1)))
    second = asyncio.ensure_future(database.write(lambda transaction: insert(transaction, 2)))
    third = asyncio.ensure_future(database.write(lambda transaction: insert(transaction, 3)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)
    assert [n for n in await notes(database) if n != 2] == [1, 3]


async def test_health_is_probed_at_most_every_second(tmp_path: Path) -> None:
    moment = 100.0
    store = SqliteStore(tmp_path / "chat.db", Limits(), monotonic=lambda: moment)
    await store.open()
    assert await store.healthy() is True
    await store.close()
    assert await store.healthy() is True, "the last answer still stands"
    moment += 1
    assert await store.healthy() is False
