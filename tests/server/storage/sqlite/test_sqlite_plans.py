"""No statement of daily use reads a whole table, however large the tables grow."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Remove, SetRole
from mrccsc_server.ports import SnapshotRequest
from mrccsc_server.storage.sqlite import connection as connections
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import (
    ROOM,
    Scene,
    delete,
    edit,
    invite,
    join,
    leave,
    new_cid,
    react,
    send,
    sign,
)

WHOLE = re.compile(
    r"SCAN (?!CONSTANT|json_each|asked|n\b|\(subquery)(\w+)(?! USING (COVERING )?INDEX conversation_found)"
)


async def daily_use(scene: Scene) -> None:
    store = scene.store
    ann, bob, cid = await scene.users("ann", "bob", "cid")
    direct = await scene.direct(ann, bob)
    group = await scene.group(ann, bob, visibility="private")
    await scene.befriend(ann, cid)
    await scene.done(
        invite(group, ann, cid),
        send(group, bob, "hello @ann", reply_to=None),
        send(group, bob, "again"),
        edit(group, bob, 4, "hello there @ann"),
        react(group, ann, 4, "x"),
        delete(group, bob, 5),
        sign(SetRole(conv=group, by=ann, cid=new_cid(), digest=b"", user=bob, role="admin")),
        sign(Remove(conv=group, by=ann, cid=new_cid(), digest=b"", user=cid, ban=True)),
        send(direct, ann, "hello"),
    )
    public = await scene.group(ann)
    await scene.done(join(public, bob), leave(public, bob))
    op = send(direct, bob, "hello")
    await scene.done(op)
    await scene.outcome(op)
    await store.log.known(direct, bob, op.cid)
    for place in ({}, {"before": 3}, {"after": 1}, {"around": 3}):
        await store.log.page(group, ann, limit=50, max_bytes=ROOM, **place)
    await store.log.snapshots([SnapshotRequest(ann, None, {direct: 1, group: 1}, ROOM)])
    await store.log.heads([direct, group])
    await store.log.range(group, 0, 5)
    await store.conversations.page(ann, 0, 50)
    await store.conversations.memberships([ann])
    await store.conversations.views(group, [ann, bob])
    await store.conversations.members(group, ann, 0, 50)
    await store.conversations.require_writer(group, ann)
    await store.conversations.mute(group, ann, muted=True)
    await store.conversations.mark_read(group, ann, 4, unread=False)
    await store.conversations.mark_read(direct, ann, 3, unread=False)
    await store.conversations.find_groups("group", 10)
    await store.contacts.of_user(ann)
    await store.contacts.friends(ann)
    await store.contacts.act(ContactAct.BLOCK, ann, bob)
    session = await store.sessions.open(ann, b"a" * 32, None)
    await store.sessions.find([b"a" * 32])
    await store.sessions.of_user(ann, session)
    await store.sessions.touch([session])
    await store.accounts.by_name("ann")
    await store.accounts.by_id(ann)
    await store.accounts.set_password(ann, "new")
    await store.healthy()
    assert await store.search.index(100)
    await store.search.find(ann, "hello there", conv=None, by=bob, before=None, limit=10, max_bytes=ROOM)


async def test_no_statement_of_daily_use_reads_a_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: set[str] = set()
    connect = connections.connect

    def traced(path: Path, **more: Any) -> sqlite3.Connection:
        connection = connect(path, **more)
        connection.set_trace_callback(statements.add)
        return connection

    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    await store.close()
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    monkeypatch.setattr(connections, "connect", traced)
    await daily_use(Scene(store))
    await store.close()
    monkeypatch.undo()

    plain = connect(tmp_path / "chat.db")
    looked_at = 0
    for statement in statements:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            looked_at += 1
            plan = [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not any(WHOLE.match(step) for step in plan), (statement, plan)
            assert not any("AUTOMATIC" in step for step in plan), (statement, plan)
    assert looked_at > 100
    plain.close()


async def test_what_was_taken_back_makes_no_reaction_dearer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor reading the message. Counted are the steps of SQLite's machine."""
    steps = 0
    connect = connections.connect

    def counted(path: Path, **more: Any) -> sqlite3.Connection:
        def count() -> None:
            nonlocal steps
            steps += 1

        connection = connect(path, **more)
        connection.set_progress_handler(count, 10)
        return connection

    monkeypatch.setattr(connections, "connect", counted)
    store = SqliteStore(tmp_path / "chat.db", Limits())
    await store.open()
    scene = Scene(store)
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    targets = [await scene.say(conv, ann, "hello") for _ in range(5)]

    async def cost() -> int:
        nonlocal steps
        before = steps
        for on in (True, False):
            await scene.done(react(conv, bob, targets[0], "x", on))
            await scene.done(*(react(conv, ann, target, "x", on) for target in targets))
            await store.log.page(conv, ann, limit=50, max_bytes=ROOM)
        return steps - before

    await cost()
    usual = await cost()
    toggled = [
        react(conv, user, targets[0], f"x{chr(0x300 + number)}", on)
        for user in (ann, bob)
        for number in range(100)
        for on in (True, False)
    ]
    await scene.done(*toggled)
    assert await cost() < 1.5 * usual
    await store.close()
