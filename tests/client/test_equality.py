"""An old state and what happened since are the same as a fresh snapshot: whatever people do, live, missed or cached."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest

from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.state.models import Conversation, Message
from tests.client.party import Party, befriend, direct, group, me
from tests.waiting import wait_until

WORDS = ["tea", "coffee", "@ann", "привет", "今天天气", "👋🏽", "x" * 300, "line\nbreak", "\x1b[31mred"]


async def settled(client: ChatClient) -> None:
    """Nothing is on its way; what was refused is forgotten."""

    def left() -> list[str]:
        return [one.state for items in client.store.pendings.values() for one in items.values()]

    await wait_until(lambda: set(left()) <= {"failed"}, "everything being stored or refused")
    for items in list(client.store.pendings.values()):
        for one in list(items.values()):
            client.discard(one.cid)


class Mischief:
    """Random things that people do to the conversations that they share."""

    def __init__(self, people: list[ChatClient], convs: list[int], chance: random.Random) -> None:
        self.people = people
        self.convs = convs
        self.chance = chance

    async def happen(self, times: int) -> None:
        acts: list[Callable[[ChatClient, int], Awaitable[None]]] = [
            self._say, self._say, self._say, self._edit, self._delete, self._react, self._react, self._mark,
            self._mark_unread, self._member, self._role, self._change, self._mute, self._name,
        ]  # fmt: skip
        for _ in range(times):
            who, conv = self.chance.choice(self.people), self.chance.choice(self.convs)
            if conv not in who.store.conversations:
                continue
            try:
                await self.chance.choice(acts)(who, conv)
            except RequestError as refusal:
                if refusal.code not in {"forbidden", "not_found", "exists", "too_large"}:
                    raise

    async def _say(self, who: ChatClient, conv: int) -> None:
        text = " ".join(self.chance.choices(WORDS, k=self.chance.randint(1, 4)))
        text = text.replace("@ann", f"@{me(self.people[0]).username}")
        row = self._any_message(who, conv)
        who.send(conv, text, reply_to=row.seq if row and self.chance.random() < 0.2 else None)
        if self.chance.random() < 0.7:
            await settled(who)

    def _any_message(self, who: ChatClient, conv: int) -> Message | None:
        rows = [row for row in who.store.timeline(conv) if isinstance(row, Message)]
        return self.chance.choice(rows) if rows else None

    async def _edit(self, who: ChatClient, conv: int) -> None:
        rows = [row for row in who.store.timeline(conv) if isinstance(row, Message) and row.by == me(who).user]
        if rows:
            who.edit(
                conv, self.chance.choice(rows).seq, f"edited {self.chance.random()} @{me(self.people[0]).username}"
            )

    async def _delete(self, who: ChatClient, conv: int) -> None:
        if (row := self._any_message(who, conv)) and self.chance.random() < 0.4:
            who.delete(conv, row.seq)

    async def _react(self, who: ChatClient, conv: int) -> None:
        if row := self._any_message(who, conv):
            who.react(conv, row.seq, self.chance.choice(["👍", "❤️", "x"]))

    async def _mark(self, who: ChatClient, conv: int) -> None:
        head = who.store.conversations[conv].head
        who.mark_read(conv, self.chance.choice([head, head, self.chance.randint(1, head)]))

    async def _mark_unread(self, who: ChatClient, conv: int) -> None:
        who.mark_read(conv, self.chance.randint(1, who.store.conversations[conv].head), unread=True)

    async def _member(self, who: ChatClient, conv: int) -> None:
        other = me(self.chance.choice(self.people)).user
        await self.chance.choice([who.invite, who.invite, who.remove_member])(conv, other)

    async def _role(self, who: ChatClient, conv: int) -> None:
        other = me(self.chance.choice(self.people)).user
        await who.set_role(conv, other, self.chance.choice(["admin", "member", "owner"]))

    async def _change(self, who: ChatClient, conv: int) -> None:
        await who.update_group(conv, title=f"title {self.chance.randint(1, 9)}", topic=f"topic {self.chance.random()}")

    async def _mute(self, who: ChatClient, conv: int) -> None:
        await who.mute(conv, self.chance.random() < 0.5)

    async def _name(self, who: ChatClient, _conv: int) -> None:
        await who.set_display_name(f"Name {self.chance.randint(1, 99)}")


async def snapshot(client: ChatClient) -> dict[str, object]:
    """All that the client knows, with every log read back to its beginning and all members loaded."""
    store = client.store
    conversations: dict[int, Conversation] = {}
    for conv in sorted(store.conversations):
        await client.load_older(conv)
        assert await client.load_until(conv, store.conversations[conv].start)
        await client.load_members(conv)
    conversations.update(store.conversations)
    members = {
        conv: {user: (one.person, one.role) for user, one in (store.members(conv) or {}).items()}
        for conv in conversations
    }
    contacts = {user: (one.person, one.relation, one.conv) for user, one in store.contacts.items()}
    logs = {conv: list(store.timeline(conv)) for conv in conversations}
    return {"me": store.me, "conversations": conversations, "members": members, "contacts": contacts, "logs": logs}


async def assert_same(client: ChatClient, fresh: ChatClient) -> None:
    def heads(one: ChatClient) -> dict[int, int]:
        return {conv: held.head for conv, held in one.store.conversations.items()}

    await wait_until(lambda: heads(client) == heads(fresh), "the same heads")
    await wait_until(lambda: not any(client.store.gap(conv) for conv in client.store.conversations), "no gaps")
    differences: list[str] = []

    async def compare() -> bool:
        nonlocal differences
        differences = list(_differences(await snapshot(client), await snapshot(fresh)))
        return not differences

    # Read marks are gathered for a moment, and what counts cannot tell by themselves is asked for.
    for _ in range(20):
        if await compare():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("\n".join(differences))


def _differences(found: dict[str, Any], expected: dict[str, Any]) -> Iterator[str]:
    for key, value in expected.items():
        if found[key] == value:
            continue
        if key != "conversations" or found[key].keys() != value.keys():
            yield f"{key}: {found[key]} instead of {value}"
            continue
        for conv, conversation in value.items():
            for field in fields(conversation):
                one, other = getattr(found[key][conv], field.name), getattr(conversation, field.name)
                if one != other:
                    yield f"{conv}.{field.name}: {one} instead of {other}"


@pytest.mark.parametrize("seed", range(4))
async def test_events_cache_and_resume_lead_to_the_same_state_as_a_fresh_start(party: Party, seed: int) -> None:
    chance = random.Random(seed)
    people = await party.friends("ann", "bob", "cat")
    ann, bob, cat = people
    await befriend(bob, cat)
    convs = [await direct(ann, bob), await group(ann, bob, cat, title="one"), await group(bob, ann, cat, title="two")]

    await Mischief(people, convs, chance).happen(60)
    for one in people:
        await settled(one)
    live = await party.device(me(ann).username, f"live-{seed}")
    await assert_same(ann, live)
    await party.stop(live)

    await party.stop(ann)
    others = Mischief([bob, cat], convs, chance)
    await others.happen(30)
    for one in (bob, cat):
        await settled(one)
    ann = party.client(ann.profile.name)
    await ann.start()
    await wait_until(lambda: ann.status.online, "being back")
    await Mischief([ann, bob, cat], convs, chance).happen(20)
    for one in (ann, bob, cat):
        await settled(one)
    fresh = await party.device(me(ann).username, f"fresh-{seed}")
    await assert_same(ann, fresh)
