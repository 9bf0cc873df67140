"""A whole client on a network, a clock and a chance that are the test's."""

from __future__ import annotations

import asyncio
from typing import Any

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.state.models import Message
from tests.client.fakes import FakeClock, FakeNetwork, FakeTransport
from tests.waiting import wait_until


class World:
    """A client whose network, clock and chance are the test's."""

    def __init__(self) -> None:
        self.network = FakeNetwork()
        self.clock = FakeClock()
        self.client = self.make()

    def make(self) -> ChatClient:
        profile = Profile("ann", "chat.example", 443, tls=True)
        return ChatClient(profile, connect=self.network.dial, clock=self.clock, chance=lambda: 0.5)

    async def login(self, **facts: Any) -> FakeTransport:
        """Ann signs in for the first time."""
        await self.client.start()
        signing_in = asyncio.create_task(self.client.login("ann", "secret password"))
        line = await self.network.line(0)
        await line.signs_in(**facts)
        await signing_in
        return line

    async def lose(self, line: FakeTransport) -> FakeTransport:
        """The line breaks; the next one is made."""
        count = len(self.network.lines)
        line.drop()
        await wait_until(lambda: self.client.status.phase == "offline", "being offline")
        self.client.reconnect_now()
        return await self.network.line(count)

    async def restart(self) -> None:
        """The client ends and starts again."""
        await self.client.stop()
        self.client = self.make()
        await self.client.start()

    def texts(self) -> list[str]:
        return [row.text for row in self.client.store.timeline(5) if isinstance(row, Message)]
