"""People who talk without a pause, each with the real client, and what must be true of it afterwards."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mrccsc_tui.client import ChatClient
from mrccsc_tui.state.changes import Change, StatusChanged
from mrccsc_tui.state.models import Message
from tests.client.party import Party, group, me, texts
from tests.waiting import wait_until

PACE = 0.02
"""Seconds between two messages of one speaker."""


class Talk:
    """A group whose members all speak. ``said`` has what each was told to say, in order."""

    def __init__(self, people: list[ChatClient], conv: int) -> None:
        self.people = people
        self.conv = conv
        self.said: dict[str, list[str]] = {one.profile.name: [] for one in people}
        # What their lines were when they were not online.
        self.statuses: dict[str, list[str]] = collections.defaultdict(list)
        for one in people:
            one.subscribe(lambda changes, one=one: self._note(one, changes))

    def _note(self, one: ChatClient, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, StatusChanged) and not one.status.online:
                self.statuses[one.profile.name].append(one.status.phase)

    def is_off(self, node: str) -> bool:
        """Whether everybody is online, on other nodes."""
        return all(one.status.online and one.status.node != node for one in self.people)

    def say(self, one: ChatClient, text: str) -> None:
        one.send(self.conv, text)
        self.said[one.profile.name].append(text)

    async def speak(self, one: ChatClient) -> None:
        """Say one thing after another, until cancelled."""
        while True:
            self.say(one, f"{one.profile.name} says {len(self.said[one.profile.name])}")
            await asyncio.sleep(PACE)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Everybody speaks within; after it all has arrived everywhere, once and in order."""
        speakers = [asyncio.create_task(self.speak(one)) for one in self.people]
        try:
            yield
        finally:
            for speaker in speakers:
                speaker.cancel()
            await asyncio.gather(*speakers, return_exceptions=True)
        await self.settle()

    async def settle(self, patience: float = 60) -> None:
        """Wait until all that was said is stored and everybody sees all of it; then hold it against what was said."""
        for one in self.people:
            await wait_until(
                lambda one=one: one.status.online and not one.store.pendings,
                f"everything that {one.profile.name} said being stored",
                patience=patience,
            )
        heads = [one.store.conversations[self.conv].head for one in self.people]
        for one in self.people:
            await wait_until(
                lambda one=one: one.store.conversations[self.conv].cursor >= max(heads),
                f"{one.profile.name} seeing all",
                patience=patience,
            )
        await self.check()

    async def check(self) -> None:
        """Nothing lost, nothing doubled, nothing refused, everybody's words in their order, and the same for all."""
        expected = sum(map(len, self.said.values()))
        logs = []
        for one in self.people:
            while await one.load_older(self.conv):
                pass
            log = [(row.seq, row.text) for row in one.store.timeline(self.conv) if isinstance(row, Message)]
            assert len(log) == expected, f"{one.profile.name} sees {len(log)} of {expected} messages"
            logs.append(log)
        assert all(log == logs[0] for log in logs)
        for name, said in self.said.items():
            assert [text for _, text in logs[0] if text.startswith(f"{name} ")] == said, name


async def gather_group(party: Party, *names: str) -> Talk:
    """New friends in one group."""
    people = await party.friends(*names)
    conv = await group(people[0], *people[1:])
    return Talk(people, conv)


async def hears(talk: Talk, text: str) -> None:
    """Everybody sees this as the last message."""
    for one in talk.people:
        await wait_until(
            lambda one=one: texts(one, talk.conv)[-1:] == [text], f"{me(one).username} seeing {text}", patience=60
        )
