"""The file: made private, migrated under a lock, and refused with a sentence that says what to do."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from mrccsc_server.ports import StoreError
from mrccsc_server.storage import make_store, migrations
from mrccsc_server.storage.migrations import Migration
from mrccsc_server.storage.sqlite import schema
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def opened_and_closed(path: Path) -> None:
    store = SqliteStore(path, Limits())
    await store.open()
    await store.close()


async def complaint(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        await opened_and_closed(path)
    return str(refused.value)


async def test_the_files_are_their_owners_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    await Scene(store).user("ann")
    names = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert names == {"chat.db": 0o600, "chat.db-wal": 0o600, "chat.db-shm": 0o600}
    await store.close()
    (tmp_path / "chat.db").chmod(0o644)
    await opened_and_closed(tmp_path / "chat.db")
    assert stat.S_IMODE((tmp_path / "chat.db").stat().st_mode) == 0o600


async def test_opening_again_migrates_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    await opened_and_closed(path)
    newest = version(path)
    assert newest == migrations.load("sqlite")[-1].number
    await opened_and_closed(path)
    assert version(path) == newest


async def test_an_old_file_is_brought_up_to_date_with_all_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chat.db"
    store = SqliteStore(path, Limits())
    await store.open()
    ann = await Scene(store).user("ann")
    await store.close()
    steps = migrations.load("sqlite")
    newer = Migration(steps[-1].number + 1, ("ALTER TABLE account ADD COLUMN colour TEXT", "CREATE TABLE more (n)"))
    monkeypatch.setattr(migrations, "load", lambda _: [*steps, newer])
    store = SqliteStore(path, Limits())
    await store.open()
    account = await store.accounts.by_name("ann")
    await store.close()
    assert account is not None
    assert account.user == ann
    assert version(path) == newer.number
    monkeypatch.undo()
    assert "newer version" in await complaint(path), "the old release does not touch it"


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chat.db"
    await opened_and_closed(path)
    steps = migrations.load("sqlite")
    broken = Migration(steps[-1].number + 1, ("CREATE TABLE more (n)", "CREATE TABLE account (n)"))
    monkeypatch.setattr(migrations, "load", lambda _: [*steps, broken])
    await complaint(path)
    monkeypatch.undo()
    assert version(path) == steps[-1].number
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
    await opened_and_closed(path)


def test_the_steps_are_numbered_without_gaps() -> None:
    steps = migrations.load("sqlite")
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.statements for step in steps)


def prepare_and_report(path: Path, go: object, reports: object) -> None:
    go.wait()  # type: ignore[attr-defined]
    identity = schema.prepare(path)
    reports.put((identity.epoch, identity.secret))  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    go, reports = context.Event(), context.Queue()
    processes = [context.Process(target=prepare_and_report, args=(tmp_path / "chat.db", go, reports)) for _ in range(3)]
    for process in processes:
        process.start()
    go.set()
    found = {reports.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert len(found) == 1
    assert [process.exitcode for process in processes] == [0, 0, 0]


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    assert "is not an SQLite database" in await complaint(path)
    assert path.read_text().startswith("not a database")


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE account (name)")
    before = path.read_bytes()
    assert "belongs to another program" in await complaint(path)
    assert path.read_bytes() == before


async def test_a_folder_or_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in await complaint(tmp_path)
    assert "there is no folder" in await complaint(tmp_path / "none" / "chat.db")


async def test_a_damaged_file_of_which_sqlite_quotes_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE thing (name)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET name = CAST(x'80' AS TEXT), sql = 'CREATE'")
        connection.commit()
    assert "damaged" in await complaint(path)


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    await opened_and_closed(path)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    assert "damaged" in await complaint(path)


async def test_a_file_that_stays_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.db"
    await opened_and_closed(path)
    monkeypatch.setattr("mrccsc_server.storage.sqlite.connection.BUSY_TIME", 0.1)
    monkeypatch.setattr("mrccsc_server.storage.sqlite.schema.BUSY_TIME", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another process" in await complaint(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    asyncio.run(opened_and_closed(path))
    # pytest's folders are root's alone; in a worker of xdist there is one more of them.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest-", "popen-", "test_")):
            folder.chmod(0o755)
    context = multiprocessing.get_context("fork")
    reports = context.SimpleQueue()

    def as_nobody() -> None:
        os.setgid(65534)
        os.setuid(65534)
        try:
            schema.prepare(path)
        except StoreError as error:
            reports.put(str(error))
        else:
            reports.put("no complaint")

    process = context.Process(target=as_nobody)
    process.start()
    process.join(60)
    assert "check the permissions" in reports.get()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite://host/path", "sqlite:///a?b", "postgres://x/y", "chat"]
)
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        make_store(url, Limits())


async def test_a_url_names_a_file(tmp_path: Path) -> None:
    store = make_store(f"sqlite://{tmp_path}/with%20space.db", Limits())
    await store.open()
    await store.close()
    assert (tmp_path / "with space.db").exists()
