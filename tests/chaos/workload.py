"""What the people of a run do: they talk, change words, come and go, lose lines, restart. All by a seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from random import Random

from mrccsc_tui.client import RequestError
from mrccsc_tui.state.models import Message
from tests.chaos.device import Device
from tests.waiting import wait_until

WORDS = ["tea", "coffee", "привет", "今天天气", "👋🏽", "line\nbreak", "\x1b[31mred", "long " * 60]
EMOJI = ["👍", "❤️", "🎉"]
RACING = 300
"""Words at most that are said while a removal is under way."""

WAITING = 40
"""Items in an outbox at which a device waits, as a person would who sees that nothing goes through."""


class Company:
    """The people of a run, with a device each and a second one for some, and what they share."""

    def __init__(self, devices: Sequence[Device], seed: int, visitors: Sequence[Device] = ()) -> None:
        self.devices = list(devices)
        self.visitors = list(visitors)
        """Friends of all who say nothing, come and go without a word, and are gone in the end."""
        self.chance = Random(seed)
        self.groups: list[int] = []
        self.public: list[int] = []
        self.directs: list[int] = []
        self.pace = (0.05, 0.25)
        self._said = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.restarts = 1
        """How often devices are restarted: the weight of it among 100 acts."""
        self._going = True

    # -- before ------------------------------------------------------------------------------------------------------

    async def settle_in(self) -> None:
        """Accounts, friendships, groups: what is there before the faults begin."""
        firsts: dict[str, Device] = {}
        for device in self.devices:
            await device.start()
            if device.username in firsts:
                await device.login()
            else:
                firsts[device.username] = device
                await device.register()
        people = list(firsts.values())
        for visitor in self.visitors:
            await visitor.start()
            await visitor.register()
            for one in people:
                await _befriend(one, visitor)
        for at, one in enumerate(people):
            for other in people[at + 1 :]:
                await _befriend(one, other)
        for at, owner in enumerate(people[:3]):
            visibility = "public" if at == 2 else "private"
            made = await owner.ask("create_group", lambda o=owner, v=visibility: o.up.create_group("tea", visibility=v))
            (self.public if visibility == "public" else self.groups).append(made.conv)
            for other in people:
                if other is owner:
                    continue
                if visibility == "public":
                    await other.ask("join", lambda o=other, c=made.conv: o.up.join_group(c), conv=made.conv)
                else:
                    call = lambda w=owner, o=other, c=made.conv: w.up.invite(c, o.user)  # noqa: E731
                    await owner.ask("invite", call, conv=made.conv, user=other.user)
        for one, other in pairwise(people):
            made = await one.ask("open_direct", lambda a=one, b=other: a.up.open_direct(b.user))
            self.directs.append(made.conv)

    # -- during ------------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Begin to live."""
        self._going = True
        self._tasks = [asyncio.create_task(self._live(device)) for device in self.devices]
        self._tasks += [asyncio.create_task(self._visit(visitor)) for visitor in self.visitors]

    async def rest(self) -> None:
        """Do nothing more; every device runs in the end."""
        self._going = False
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        for device in self.devices:
            if device.client is None:
                await device.start()
        for failure in done:
            if isinstance(failure, BaseException):
                raise failure

    async def disband(self) -> None:
        """Whoever still runs ends, whatever they were doing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for device in (*self.devices, *self.visitors):
            if device.client is not None:
                await device.stop()

    async def _visit(self, visitor: Device) -> None:
        while self._going:
            if visitor.client is None:
                await visitor.start()
            await asyncio.sleep(visitor.chance.uniform(0, 2))
            await (visitor.stop() if visitor.chance.random() < 0.5 else visitor.crash())
            await asyncio.sleep(visitor.chance.uniform(0, 2))

    async def _live(self, device: Device) -> None:
        while self._going:
            await asyncio.sleep(device.chance.uniform(*self.pace))
            if device.waiting > WAITING:
                continue
            weights, calls = zip(*self._acts(), strict=True)
            (act,) = device.chance.choices(calls, weights)
            with suppress(RequestError):
                await act(device)

    def _acts(self) -> list[tuple[int, Callable[[Device], Awaitable[None]]]]:
        """What people do, and how often."""
        return [
            (60, self._say),
            (8, self._edit),
            (4, self._delete),
            (10, self._react),
            (8, self._mark),
            (3, self._come_and_go),
            (3, self._put_out_and_in),
            (1, self._change),
            (1, self._peek),
            (1, self._search),
            (2, self._insist),
            (1, self._mark_beyond),
            (min(1, self.restarts), self._lose_line),
            (self.restarts, self._restart),
        ]

    def _conv(self, device: Device) -> int | None:
        known = [conv for conv in (*self.groups, *self.public, *self.directs) if conv in device.up.store.conversations]
        return device.chance.choice(known) if known else None

    def _message(self, device: Device, conv: int, *, own: bool) -> Message | None:
        rows = device.up.store.timeline(conv)
        rows = [row for row in rows[-30:] if isinstance(row, Message) and not row.deleted]
        if own:
            rows = [row for row in rows if row.by == device.user]
        return device.chance.choice(rows) if rows else None

    def _text(self, device: Device) -> str:
        self._said += 1
        mention = f"@{device.chance.choice(self.devices).username} " if device.chance.random() < 0.2 else ""
        return f"{mention}{device.name} {self._said} {device.chance.choice(WORDS)}"

    async def _say(self, device: Device) -> None:
        if (conv := self._conv(device)) is None:
            return
        for _ in range(device.chance.choice([1, 1, 1, 3])):
            row = self._message(device, conv, own=False) if device.chance.random() < 0.1 else None
            device.send(conv, self._text(device), row.seq if row else None)

    async def _edit(self, device: Device) -> None:
        if (conv := self._conv(device)) is not None and (row := self._message(device, conv, own=True)):
            device.edit(conv, row.seq, self._text(device))

    async def _delete(self, device: Device) -> None:
        if (conv := self._conv(device)) is not None and (row := self._message(device, conv, own=True)):
            device.delete(conv, row.seq)

    async def _react(self, device: Device) -> None:
        if (conv := self._conv(device)) is not None and (row := self._message(device, conv, own=False)):
            device.react(conv, row.seq, device.chance.choice(EMOJI), device.chance.random() < 0.7)

    async def _mark(self, device: Device) -> None:
        if (conv := self._conv(device)) is not None:
            device.up.mark_read(conv, device.up.store.conversations[conv].cursor)

    async def _come_and_go(self, device: Device) -> None:
        if not device.up.status.online:
            return
        conv = device.chance.choice(self.public)
        if conv not in device.up.store.conversations:
            await device.ask("join", lambda: device.up.join_group(conv), conv=conv)
        elif device.up.store.conversations[conv].role != "owner":
            await device.ask("leave", lambda: device.up.leave_group(conv), conv=conv)

    async def _put_out_and_in(self, device: Device) -> None:
        conv = device.chance.choice(self.groups)
        held = device.up.store.conversations.get(conv)
        if held is None or held.role != "owner" or not device.up.status.online:
            return
        other = device.chance.choice([one for one in self.devices if one.user != device.user])
        if device.chance.random() < 0.5:
            await device.ask("remove", lambda: device.up.remove_member(conv, other.user), conv=conv, user=other.user)
            await asyncio.sleep(device.chance.uniform(0, 0.5))
        await device.ask("invite", lambda: device.up.invite(conv, other.user), conv=conv, user=other.user)

    def change_words(self) -> None:
        """Everybody changes one of their words, where they have one."""
        for device in self.devices:
            for conv in (*self.groups, *self.directs):
                if conv in device.up.store.conversations and (row := self._message(device, conv, own=True)):
                    device.edit(conv, row.seq, self._text(device))

    async def remove_unanswered(self) -> None:
        """Somebody speaks in a group, loses the line before the answers and is removed: asks again as no member."""
        conv = self.groups[0]
        pair = await self._two(conv)
        if pair is None:
            return
        owner, other = pair
        for _ in range(5):
            other.send(conv, f"unanswered {self._text(other)}")
        await asyncio.sleep(other.chance.uniform(0, 0.005))
        other.drop()
        await owner.ask("remove", lambda: owner.up.remove_member(conv, other.user), conv=conv, user=other.user)
        with suppress(AssertionError):
            await wait_until(lambda: other.client is not None and other.up.status.online, "being back", 5)
        await asyncio.sleep(0.2)
        await owner.ask("invite", lambda: owner.up.invite(conv, other.user), conv=conv, user=other.user)

    async def race_a_removal(self) -> None:
        """Somebody is removed from a group while they speak there without a pause, and comes back."""
        conv = self.groups[0]
        pair = await self._two(conv)
        if pair is None:
            return
        owner, other = pair
        call = owner.ask("remove", lambda: owner.up.remove_member(conv, other.user), conv=conv, user=other.user)
        removal: asyncio.Task[None] | None = None
        for at in range(RACING):
            if other.client is None or owner.client is None or conv not in other.up.store.conversations:
                break
            other.send(conv, f"race {self._text(other)}")
            if at == RACING // 20:
                removal = asyncio.create_task(call)
            await asyncio.sleep(0.002)
        await (call if removal is None else removal)
        await owner.ask("invite", lambda: owner.up.invite(conv, other.user), conv=conv, user=other.user)

    async def _two(self, conv: int) -> tuple[Device, Device] | None:
        with suppress(AssertionError):
            await wait_until(lambda: self._pair(conv) is not None, "two who can race", 10)
        return self._pair(conv)

    def _pair(self, conv: int) -> tuple[Device, Device] | None:
        """The owner of a group and a member, both with a line: to different nodes, where there is such a member."""
        inside = [
            one
            for one in self.devices
            if one.client is not None and one.up.status.online and conv in one.up.store.conversations
        ]
        owner = next((one for one in inside if one.up.store.conversations[conv].role == "owner"), None)
        if owner is None:
            return None
        others = [one for one in inside if one.user != owner.user]
        # False comes before True.
        other = min(others, key=lambda one: one.up.status.node == owner.up.status.node, default=None)
        return None if other is None else (owner, other)

    async def _change(self, device: Device) -> None:
        conv = device.chance.choice(self.groups)
        held = device.up.store.conversations.get(conv)
        if held is not None and held.role == "owner" and device.up.status.online:
            title = f"tea {device.chance.randint(1, 99)}"
            await device.ask("update", lambda: device.up.update_group(conv, title=title), conv=conv)

    async def _peek(self, device: Device) -> None:
        """Try to read what was before one's time: the server has nothing there."""
        if (conv := self._conv(device)) is not None and (start := device.up.store.conversations[conv].start) > 1:
            request = {"type": "history.get", "conv": conv, "before": start, "limit": 20}
            await device.ask("peek", lambda: device.up._engine.ask(request), conv=conv)

    async def _search(self, device: Device) -> None:
        """Look for what others said, at other times too: the server finds only what one may read."""
        word = device.chance.choice(WORDS[:2])
        await device.ask("search", lambda: device.up.search(word))

    async def _insist(self, device: Device) -> None:
        """Say something again that was answered before, most of all where one is no member any more."""
        gone = [conv for conv in device.last if conv not in device.up.store.conversations]
        if some := gone or list(device.last):
            await device.insist(device.chance.choice(some))

    async def _mark_beyond(self, device: Device) -> None:
        """Say that more was read than there is: the mark ends at the head. The client asks where that was."""
        if (conv := self._conv(device)) is not None:
            engine = device.up._engine
            mark = {"type": "read.mark", "conv": conv, "seq": device.up.store.conversations[conv].head + 1_000}
            await device.ask("mark", lambda: engine.ask(mark), conv=conv)
            await device.ask("ask", lambda: engine.ask({"type": "conversation.list", "after": conv - 1, "limit": 1}))

    async def _lose_line(self, device: Device) -> None:
        device.drop()

    async def _restart(self, device: Device) -> None:
        await (device.stop() if device.chance.random() < 0.5 else device.crash())
        await asyncio.sleep(device.chance.uniform(0, 1))
        await device.start()

    # -- after -------------------------------------------------------------------------------------------------------

    async def say_last(self, patience: float) -> None:
        """One word more in every conversation; wait until it is stored, in vain no longer than ``patience`` seconds."""
        with suppress(AssertionError):
            await wait_until(lambda: all(one.up.status.online for one in self.devices), "all being online", patience)
            for conv in (*self.groups, *self.public, *self.directs):
                if inside := [one for one in self.devices if conv in one.up.store.conversations]:
                    device = self.chance.choice(inside)
                    device.send(conv, self._text(device))
            await wait_until(lambda: not any(one.waiting for one in self.devices), "all being stored", patience)

    async def come_to_rest(self, patience: float) -> None:
        """Wait until everything is stored or refused and everybody has the head; in vain is no error here."""
        with suppress(AssertionError):
            await wait_until(lambda: all(one.up.status.online for one in self.devices), "all being online", patience)
            await wait_until(lambda: not any(one.waiting for one in self.devices), "all being stored", patience)
            await wait_until(self._agree, "all having the head", patience)

    def _agree(self) -> bool:
        heads: dict[int, int] = {}
        for device in self.devices:
            for conv, held in device.up.store.conversations.items():
                heads[conv] = max(heads.get(conv, 0), held.head)
        return all(
            held.cursor == heads[conv]
            for device in self.devices
            for conv, held in device.up.store.conversations.items()
        )


async def _befriend(one: Device, other: Device) -> None:
    await one.ask("contact.request", lambda: one.up.request_contact(other.username))
    await wait_until(lambda: one.user in other.up.store.contacts, "the request arriving")
    await other.ask("contact.accept", lambda: other.up.accept_contact(one.user))
    await wait_until(lambda: one.up.store.contacts[other.user].relation == "friend", "the friendship")
