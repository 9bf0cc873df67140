"""What the tests of the stores share: people who do things, each request with a cid of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Delete, Edit, Invite, Join, Leave, Operation, React, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Store
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import MAX_SERVER_LINE, Limits
from mrccsc_shared.text import mentioned_names

Opener = Callable[..., AbstractAsyncContextManager[Store]]
"""Opens a store on the test's database: ``async with opened(limits) as store``. Again for the same one."""

AnyOperation = TypeVar("AnyOperation", bound=Operation)

ROOM = MAX_SERVER_LINE


def new_cid() -> str:
    return str(uuid4())


def sign(op: AnyOperation) -> AnyOperation:
    """The operation with the digest of its content, as the services make it."""
    return replace(op, digest=hashlib.sha256(repr(replace(op, cid="", digest=b"")).encode()).digest())


def send(conv: int, by: int, text: str, cid: str | None = None, **more: Any) -> Send:
    return sign(
        Send(conv=conv, by=by, cid=cid or new_cid(), digest=b"", text=text, names=tuple(mentioned_names(text)), **more)
    )


def edit(conv: int, by: int, target: int, text: str, cid: str | None = None) -> Edit:
    return sign(
        Edit(
            conv=conv,
            by=by,
            cid=cid or new_cid(),
            digest=b"",
            target=target,
            text=text,
            names=tuple(mentioned_names(text)),
        )
    )


def delete(conv: int, by: int, target: int, cid: str | None = None) -> Delete:
    return sign(Delete(conv=conv, by=by, cid=cid or new_cid(), digest=b"", target=target))


def react(conv: int, by: int, target: int, emoji: str, on: bool = True, cid: str | None = None) -> React:
    return sign(React(conv=conv, by=by, cid=cid or new_cid(), digest=b"", target=target, emoji=emoji, on=on))


def join(conv: int, by: int) -> Join:
    return sign(Join(conv=conv, by=by, cid=new_cid(), digest=b""))


def leave(conv: int, by: int) -> Leave:
    return sign(Leave(conv=conv, by=by, cid=new_cid(), digest=b""))


def invite(conv: int, by: int, user: int) -> Invite:
    return sign(Invite(conv=conv, by=by, cid=new_cid(), digest=b"", user=user))


class Scene:
    """A store with people on it."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        self.store = store
        self.limits = limits or Limits()

    async def user(self, name: str, display_name: str | None = None) -> int:
        return (await self.store.accounts.create(name, display_name or name.title(), "hash")).user

    async def users(self, *names: str) -> list[int]:
        return [await self.user(name) for name in names]

    async def befriend(self, user: int, other: int) -> None:
        await self.store.contacts.act(ContactAct.REQUEST, user, other)
        await self.store.contacts.act(ContactAct.ACCEPT, other, user)

    async def direct(self, user: int, other: int) -> int:
        await self.befriend(user, other)
        return (await self.store.conversations.open_direct(user, other))[0]["conv"]

    async def group(self, owner: int, *members: int, title: str = "Group", visibility: str = "public") -> int:
        """A group; who joins a private one is a friend of its owner."""
        view, _ = await self.store.conversations.create_group(owner, new_cid(), b"digest", title, "", visibility)
        conv = view["conv"]
        for member in members:
            if visibility == "private":
                await self.befriend(owner, member)
                await self.done(invite(conv, owner, member))
            else:
                await self.done(join(conv, member))
        return conv

    async def outcome(self, op: Operation) -> Outcome:
        return (await self.store.log.append([op]))[0]

    async def done(self, *ops: Operation) -> list[dict[str, Any]]:
        """The entries that the operations became, in one batch."""
        outcomes = await self.store.log.append(ops)
        for outcome in outcomes:
            assert isinstance(outcome, Stored), outcome
        return [dict(outcome.entry) for outcome in outcomes if isinstance(outcome, Stored)]

    async def refused(self, op: Operation) -> ErrorCode:
        outcome = await self.outcome(op)
        assert isinstance(outcome, Refusal), outcome
        return outcome.code

    async def say(self, conv: int, by: int, text: str, **more: Any) -> int:
        return (await self.done(send(conv, by, text, **more)))[0]["seq"]

    async def log(self, conv: int) -> list[dict[str, Any]]:
        """The whole log as it is now."""
        head = (await self.store.log.heads([conv]))[conv]
        return [dict(entry) for entry in await self.store.log.range(conv, 0, head)]

    async def view(self, conv: int, user: int) -> dict[str, Any]:
        return dict((await self.store.conversations.views(conv, [user]))[user])

    async def indexed(self) -> int:
        """Index all that waits; how many entries that were."""
        total = 0
        while count := await self.store.search.index(500):
            total += count
        return total

    async def find(self, user: int, query: str, **more: Any) -> list[int]:
        """The seqs of the newest matching messages."""
        settings: dict[str, Any] = {"conv": None, "by": None, "before": None, "limit": 200, "max_bytes": ROOM} | more
        hits, _ = await self.store.search.find(user, query, **settings)
        return [hit["seq"] for hit in hits]


async def code_of(awaitable: Any) -> ErrorCode:
    """The code that a call is refused with."""
    try:
        result = await awaitable
    except Refusal as refusal:
        return refusal.code
    raise AssertionError(f"not refused: {result!r}")
