"""The log against a model of it: any batches of any operations, retries and conflicts among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from pydantic_core import from_json

from mrccsc_server.domain.operations import Change, Operation, Remove, SetRole, Unban
from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.domain.tokens import tokenize
from mrccsc_server.ports import SnapshotRequest, Store
from mrccsc_shared.errors import ErrorCode, Refusal
from tests.server.storage.contract.log_model import ModelConversation, ModelMember
from tests.server.storage.scene import (
    ROOM,
    Opener,
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

USERS = 3
TEXTS = ["red", "red blue @u0", "green @u1 @u2", "blue", "安全 @u1."]
EMOJI = ["👍", "🎉"]

conversations = st.integers(0, 2)
people = st.integers(0, USERS - 1)
seqs = st.integers(1, 12)

Choice = tuple[str, int, int, int, int, int]
choices = st.tuples(
    st.sampled_from(
        ["send"] * 6
        + ["edit"] * 4
        + ["react"] * 4
        + ["delete", "retry", "retry", "conflict", "join", "join", "leave", "invite", "remove", "ban", "unban"]
        + ["role", "change"]
    ),
    conversations,
    people,
    people,
    seqs,
    st.integers(0, 59),
)


class LogMachine(RuleBasedStateMachine):
    """A store and its model, side by side."""

    def __init__(self, openers: Callable[[], Opener]) -> None:
        super().__init__()
        self.openers = openers
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.known: dict[tuple[int, int, str], tuple[int, int, bytes]] = {}
        self.asked: list[Operation] = []

    def run(self, awaitable: Any) -> Any:
        return self.runner.run(awaitable)

    @initialize()
    def begin(self) -> None:
        self.opened = self.openers()
        self.run(self._begin())

    async def _begin(self) -> None:
        await self._open()
        self.users = await self.scene.users(*(f"u{n}" for n in range(USERS)))
        first, second, third = self.users
        await self.scene.befriend(second, third)
        await self.scene.befriend(third, first)
        convs = [
            (await self.scene.direct(first, second), False, True),
            (await self.scene.group(first, visibility="public"), True, False),
            (await self.scene.group(first, visibility="private"), False, False),
        ]
        self.models: list[ModelConversation] = []
        for conv, public, direct in convs:
            members = {user: ModelMember(joined=1, read=1) for user in (self.users[:2] if direct else self.users[:1])}
            self.models.append(ModelConversation(conv, public, direct, await self.scene.log(conv), members))
        for operation in (join(convs[1][0], second), invite(convs[2][0], first, third)):
            self._took(operation, await self.scene.outcome(operation))

    async def _open(self) -> None:
        self.store: Store = await self.stack.enter_async_context(self.opened())
        self.scene = Scene(self.store)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    @rule()
    def open_again(self) -> None:
        async def again() -> None:
            await self.stack.aclose()
            await self._open()

        self.run(again())

    @rule(batch=st.lists(choices, min_size=6, max_size=12))
    def append_many(self, batch: list[Choice]) -> None:
        self.append(batch)

    @rule(batch=st.lists(choices, min_size=1, max_size=4))
    def append(self, batch: list[Choice]) -> None:
        operations = [operation for choice in batch if (operation := self._operation(*choice)) is not None]
        for operation, outcome in zip(operations, self.run(self.store.log.append(operations)), strict=True):
            self._took(operation, outcome)
        self.run(self._compare())

    @rule(place=conversations, by=people, seq=seqs, unread=st.booleans())
    def mark_read(self, place: int, by: int, seq: int, unread: bool) -> None:
        model, user = self.models[place], self.users[by]
        member = model.members.get(user)
        seq = max(0, model.head + 2 - seq)  # Near the head, as people read.
        marking = self.store.conversations.mark_read(model.conv, user, seq, unread)
        if member is None or not member.active:
            self._refused(marking)
            return
        if not unread:
            member.read = max(member.read, min(seq, model.head))
        assert self.run(marking).seq == member.read
        self.run(self._compare_views(model))

    @rule(place=conversations, by=people, seq=st.integers(0, 14), limit=st.integers(1, 8), way=st.integers(0, 3))
    def page(self, place: int, by: int, seq: int, limit: int, way: int) -> None:
        model, user = self.models[place], self.users[by]
        asked = [{}, {"before": seq}, {"after": seq}, {"around": seq}][way]
        paging = self.store.log.page(model.conv, user, limit=limit, max_bytes=ROOM, **asked)
        member = model.members.get(user)
        if member is None or not member.active:
            self._refused(paging)
            return
        found = self.run(paging)
        readable = model.readable(user)
        if way == 2:
            wanted = [entry for entry in readable if entry["seq"] > seq][:limit]
        elif way == 3:
            wanted = found.entries
            assert len(wanted) == min(limit, len(readable))
            nearest = min(readable, key=lambda entry: abs(entry["seq"] - seq))
            assert nearest in wanted
        else:
            wanted = [entry for entry in readable if way == 0 or entry["seq"] < seq][-limit:]
        assert found.entries == wanted
        assert [entry for entry in readable if entry in wanted] == wanted

    @rule(by=people, cursors=st.lists(st.integers(0, 12), min_size=3, max_size=3))
    def resume(self, by: int, cursors: list[int]) -> None:
        user = self.users[by]
        mine = {
            model.conv: min(cursor, model.head)
            for model, cursor in zip(self.models, cursors, strict=True)
            if user in model.members and model.members[user].active
        }
        (snapshot,) = self.run(self.store.log.snapshots([SnapshotRequest(user, None, mine, ROOM)]))
        assert not snapshot.reset
        expected = {
            model.conv: [entry for entry in model.readable(user) if entry["seq"] > mine[model.conv]]
            for model in self.models
            if model.conv in mine
        }
        missed = [from_json(part) for part in snapshot.missed]
        found = {part["conv"]: part["entries"] for part in missed}
        assert found == {conv: entries for conv, entries in expected.items() if entries}
        assert not any(part["limited"] for part in missed)
        page, _ = self.run(self.store.conversations.page(user, 0, 200))
        assert [from_json(view) for view in snapshot.conversations] == page
        assert snapshot.heads == {model.conv: model.head for model in self.models if model.conv in mine}

    @rule(by=people, word=st.sampled_from(["red", "blue", "green", "安全", "u1"]))
    def search(self, by: int, word: str) -> None:
        user = self.users[by]
        self.run(self.scene.indexed())
        hits, position = self.run(
            self.store.search.find(user, word, conv=None, by=None, before=None, limit=200, max_bytes=ROOM)
        )
        expected = [
            entry
            for model in self.models
            if user in model.members and model.members[user].active
            for entry in model.readable(user)
            if entry["kind"] == "message" and word in tokenize(entry.get("text", ""))
        ]
        assert position is None
        assert hits == sorted(expected, key=lambda entry: (entry["at"], entry["conv"], entry["seq"]), reverse=True)

    # -- what the rules are made of ------------------------------------------------------------------------------

    def _operation(self, kind: str, place: int, by: int, other: int, seq: int, pick: int) -> Operation | None:
        model, user, friend = self.models[place], self.users[by], self.users[other]
        conv, text = model.conv, TEXTS[pick % len(TEXTS)]
        messages = [entry for entry in model.log if entry["kind"] == "message"]
        if messages and pick % 8:  # Mostly what can be done: on a message, by its author.
            seq = messages[-1 - seq % len(messages)]["seq"]
            if kind in ("edit", "delete"):
                user = model.at(seq)["by"]
        basic: dict[str, Any] = {"conv": conv, "by": user, "cid": new_cid(), "digest": b""}
        operation: Operation
        match kind:
            case "send":
                operation = send(conv, user, text)
            case "edit":
                operation = edit(conv, user, seq, text)
            case "delete":
                operation = delete(conv, user, seq)
            case "react":
                operation = react(conv, user, seq, EMOJI[pick % 2], on=pick % 3 > 0)
            case "join":
                operation = join(conv, user)
            case "leave":
                operation = leave(conv, user)
            case "invite":
                operation = invite(conv, user, friend)
            case "remove" | "ban":
                operation = sign(Remove(user=friend, ban=kind == "ban", **basic))
            case "unban":
                operation = sign(Unban(user=friend, **basic))
            case "role":
                operation = sign(SetRole(user=friend, role=("owner", "admin", "member")[pick % 3], **basic))
            case "change":
                operation = sign(Change(visibility=("public", "private")[pick % 2], title=text, **basic))
            case _:
                if not self.asked:
                    return None
                operation = self.asked[-1 - pick % len(self.asked)]
                if kind == "conflict":
                    operation = replace(operation, digest=b"another content")
        return operation

    def _took(self, operation: Operation, outcome: Stored | Duplicate | Refusal) -> None:
        key = operation.conv, operation.by, operation.cid
        model = next(model for model in self.models if model.conv == operation.conv)
        if key in self.known:
            seq, at, digest = self.known[key]
            if operation.digest == digest:
                assert outcome == Duplicate(seq, at)
            else:
                assert isinstance(outcome, Refusal)
                assert outcome.code is ErrorCode.CID_CONFLICT
            return
        if isinstance(outcome, Stored):
            entry = dict(outcome.entry)
            assert (entry["by"], entry["cid"]) == key[1:]
            self.known[key] = entry["seq"], entry["at"], operation.digest
            model.apply(entry)
        self.asked.append(operation)

    def _refused(self, call: Any) -> None:
        with pytest.raises(Refusal) as refused:
            self.run(call)
        assert refused.value.code is ErrorCode.NOT_FOUND

    async def _compare(self) -> None:
        for model in self.models:
            assert await self.scene.log(model.conv) == model.log
            await self._compare_views(model)
        for (conv, by, cid), stored in list(self.known.items())[-5:]:
            known = await self.store.log.known(conv, by, cid)
            assert known is not None
            assert (known.seq, known.at, known.digest) == stored

    async def _compare_views(self, model: ModelConversation) -> None:
        views = await self.store.conversations.views(model.conv, self.users)
        active = {user: member for user, member in model.members.items() if member.active}
        assert set(views) == set(active)
        for user, view in views.items():
            assert (view["unread"], view["mentions"]) == model.unread(user)
            assert (view["from"], view["head"], view["read"]) == (model.first(user), model.head, active[user].read)
            assert view["last"] == model.log[-1]


def test_the_log_is_as_its_model(openers: Callable[[], Opener]) -> None:
    run_state_machine_as_test(
        lambda: LogMachine(openers),
        # Shrinking steps that each open a store would outlast the time limit of a test.
        settings=settings(max_examples=25, stateful_step_count=20, phases=[Phase.explicit, Phase.generate]),
    )
