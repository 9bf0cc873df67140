"""Plain messages in conversations that are known: what goes by the one statement is as what goes by many."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.storage.sqlite import plain_append
from mrccsc_server.storage.sqlite.store import SqliteStore
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits
from tests.server.storage.scene import Scene, code_of, edit, new_cid, react, send


class Ground(Scene):
    """A store with two friends, ann and bob, in three conversations in which both have said something."""

    ann = 0
    bob = 0
    convs: tuple[int, ...] = ()

    async def fill(self) -> None:
        self.ann, self.bob = await self.users("ann", "bob")
        self.convs = (
            await self.direct(self.ann, self.bob),
            await self.group(self.ann, self.bob),
            await self.group(self.bob, self.ann),
        )
        for conv in self.convs:
            await self.done(send(conv, self.ann, "hello"), send(conv, self.bob, "hello"))


@pytest.fixture
async def ground(folder: Path) -> AsyncIterator[Ground]:
    store = SqliteStore(folder / "chat.db", Limits())
    await store.open()
    ground = Ground(store)
    await ground.fill()
    yield ground
    await store.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages were stored by each of the one statements."""
    stored: list[int] = []
    say: Callable[[sqlite3.Connection, plain_append.Said], None] = plain_append.append

    def told(connection: sqlite3.Connection, said: plain_append.Said) -> None:
        say(connection, said)
        stored.append(said["numbers"].count("[") - 1)

    monkeypatch.setattr(plain_append, "append", told)
    return stored


async def texts(ground: Ground, conv: int) -> list[str]:
    return [entry["text"] for entry in await ground.log(conv) if entry["kind"] == "message"]


async def test_a_batch_of_plain_messages_is_one_statement(ground: Ground, statements: list[int]) -> None:
    entries = await ground.done(*(send(conv, ground.ann, f"{n}") for n in range(5) for conv in ground.convs))
    assert statements == [15]
    for conv in ground.convs:
        assert (await texts(ground, conv))[2:] == ["0", "1", "2", "3", "4"]
        seqs = [entry["seq"] for entry in entries if entry["conv"] == conv]
        assert seqs == list(range(seqs[0], seqs[0] + 5))
        view = await ground.view(conv, ground.bob)
        assert view["head"] == seqs[-1]
        assert view["unread"] == 6
        assert (await ground.view(conv, ground.ann))["unread"] == 1


@pytest.mark.parametrize(
    "text", ["a\0b", "\0", "🙂" * 50, 'it\'s "so" \\u0000', "[1, 2]", "\ud7ff\ue000\uffff", "x" * 8_000]
)
async def test_a_text_reads_back_as_it_was_written(ground: Ground, statements: list[int], text: str) -> None:
    conv = ground.convs[0]
    await ground.done(send(conv, ground.ann, "before"), send(conv, ground.bob, text), send(conv, ground.ann, "after"))
    assert statements == [3]
    assert (await texts(ground, conv))[2:] == ["before", text, "after"]


async def test_what_is_no_text_is_refused_alone(ground: Ground) -> None:
    outcomes = await ground.store.log.append(
        [send(conv, ground.ann, text) for conv, text in zip(ground.convs, ("one", "half \ud800", "three"), strict=True)]
    )
    assert [type(outcome) for outcome in outcomes] == [Stored, Refusal, Stored]
    assert await ground.say(ground.convs[1], ground.ann, "whole")


async def test_a_retry_fails_none_of_its_batch(ground: Ground, statements: list[int]) -> None:
    conv, other, _ = ground.convs
    old = send(conv, ground.ann, "old")
    (entry,) = await ground.done(old)
    await ground.done(send(conv, ground.ann, "newer"))
    outcomes = await ground.store.log.append([send(other, ground.bob, "new"), old, send(conv, ground.bob, "new too")])
    assert outcomes[1] == Duplicate(entry["seq"], entry["at"])
    assert [type(outcome) for outcome in outcomes] == [Stored, Duplicate, Stored]
    assert (await texts(ground, conv))[2:] == ["old", "newer", "new too"]
    assert (await texts(ground, other))[2:] == ["new"]
    await ground.done(send(conv, ground.bob, "again"), send(other, ground.bob, "again"))
    assert statements[-1] == 2


async def test_the_last_one_sent_again_leaves_the_others_to_the_one_statement(
    ground: Ground, statements: list[int]
) -> None:
    conv, *others = ground.convs
    last = send(conv, ground.ann, "last")
    await ground.done(last)
    outcomes = await ground.store.log.append([send(others[0], ground.ann, "x"), last, send(others[1], ground.bob, "y")])
    assert [type(outcome) for outcome in outcomes] == [Stored, Duplicate, Stored]
    assert statements == [1, 2]


async def test_one_message_is_stored_after_another_of_its_sender(ground: Ground, statements: list[int]) -> None:
    conv = ground.convs[0]
    cids = [new_cid() for _ in range(3)]
    await ground.done(send(conv, ground.ann, "1", cids[0]), send(conv, ground.ann, "2", cids[1], after=cids[0]))
    await ground.done(send(conv, ground.ann, "3", cids[2], after=cids[1]))
    assert statements == [2, 1]
    outcome = await ground.outcome(send(conv, ground.ann, "5", after=new_cid()))
    assert isinstance(outcome, Refusal)
    assert outcome.code is ErrorCode.UNAVAILABLE
    assert (await texts(ground, conv))[2:] == ["1", "2", "3"]


async def test_what_reads_is_stored_beside_it(ground: Ground, statements: list[int]) -> None:
    conv, other, third = ground.convs
    head = (await ground.view(other, ground.ann))["head"]
    entries = await ground.done(
        send(conv, ground.ann, "plain"),
        react(other, ground.ann, head, "👍"),
        send(third, ground.bob, "hello @ann"),
        send(conv, ground.bob, "plain too"),
        edit(other, ground.bob, head, "goodbye"),
    )
    assert statements == [2]
    assert [(entry["conv"], entry["kind"]) for entry in entries] == [
        (conv, "message"), (other, "reaction"), (third, "message"), (conv, "message"), (other, "edit"),
    ]  # fmt: skip
    assert entries[2]["mentions"] == [ground.ann]


async def test_who_is_no_friend_any_more_is_refused_alone(ground: Ground) -> None:
    conv, other, _ = ground.convs
    await ground.store.contacts.act(ContactAct.REMOVE, ground.bob, ground.ann)
    outcomes = await ground.store.log.append([send(conv, ground.ann, "hey"), send(other, ground.ann, "hey")])
    assert [type(outcome) for outcome in outcomes] == [Refusal, Stored]
    assert (await texts(ground, conv))[2:] == []


async def test_batches_at_the_same_time_keep_their_order(ground: Ground) -> None:
    """They may share a transaction with each other, and with other work."""
    for turn in range(10):
        results = await asyncio.gather(
            *(ground.done(*(send(conv, ground.ann, f"{turn}.{n}") for n in range(10))) for conv in ground.convs),
            ground.store.conversations.mute(ground.convs[0], ground.bob, bool(turn % 2)),
            ground.store.healthy(),
        )
        assert results
    for conv in ground.convs:
        assert (await texts(ground, conv))[2:] == [f"{turn}.{n}" for turn in range(10) for n in range(10)]


async def test_while_another_process_holds_the_lock_they_are_unavailable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrccsc_server.storage.sqlite.connection.BUSY_TIME", 0.1)
    store = SqliteStore(folder / "chat.db", Limits())
    await store.open()
    ground = Ground(store)
    await ground.fill()
    conv, other, _ = ground.convs
    with closing(sqlite3.connect(folder / "chat.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert await code_of(store.log.append([send(conv, ground.ann, "now")])) is ErrorCode.UNAVAILABLE
        outcomes = await store.log.append([send(other, ground.ann, "plain"), react(conv, ground.ann, 2, "👍")])
        assert [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)] == [ErrorCode.UNAVAILABLE] * 2
    assert await ground.say(conv, ground.ann, "later")
    assert (await texts(ground, conv))[2:] == ["later"]
    await store.close()
