"""People with the real client, each with a profile of their own, on a real server."""

from __future__ import annotations

import asyncio
import itertools

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.state.models import Conversation, Message
from tests.waiting import PATIENCE, wait_until
from tests.wire.server import Server

PASSWORD = "correct horse"
_numbers = itertools.count(1)


class Party:
    """Makes clients, and stops them all at the end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: list[ChatClient] = []

    def client(self, profile: str, *, keep: bool = True) -> ChatClient:
        """A client that is not started."""
        client = ChatClient(Profile(profile, "127.0.0.1", self.server.port), keep=keep)
        self.clients.append(client)
        return client

    async def person(self, name: str) -> ChatClient:
        """Somebody new, signed in; their profile is called like their user name."""
        username = f"{name}-{next(_numbers)}"
        client = self.client(username)
        await client.start()
        await client.register(username, PASSWORD, display_name=name.capitalize())
        return client

    async def device(self, username: str, profile: str) -> ChatClient:
        """Another device of somebody."""
        client = self.client(profile)
        await client.start()
        await client.login(username, PASSWORD)
        return client

    async def again(self, client: ChatClient) -> ChatClient:
        """The client is started anew with the same files."""
        await self.stop(client)
        fresh = self.client(client.profile.name)
        await fresh.start()
        await wait_until(lambda: fresh.status.online, "being online")
        return fresh

    async def stop(self, client: ChatClient) -> None:
        self.clients.remove(client)
        await client.stop()

    async def friends(self, *names: str) -> list[ChatClient]:
        """New people of whom the first is everyone's friend."""
        people = [await self.person(name) for name in names]
        for other in people[1:]:
            await befriend(people[0], other)
        return people

    async def close(self) -> None:
        for client in list(self.clients):
            await self.stop(client)


async def befriend(one: ChatClient, other: ChatClient) -> None:
    await one.request_contact(me(other).username)
    await wait_until(lambda: me(one).user in other.store.contacts, "the request arriving")
    await other.accept_contact(me(one).user)
    await wait_until(lambda: one.store.contacts[me(other).user].relation == "friend", "the friendship")


def me(client: ChatClient):
    assert client.store.me is not None
    return client.store.me


async def direct(one: ChatClient, other: ChatClient) -> int:
    conversation = await one.open_direct(me(other).user)
    await wait_until(lambda: conversation.conv in other.store.conversations, "the conversation arriving")
    return conversation.conv


async def group(owner: ChatClient, *others: ChatClient, title: str = "tea") -> int:
    made: Conversation = await owner.create_group(title)
    for other in others:
        await owner.invite(made.conv, me(other).user)
        await wait_until(lambda other=other: made.conv in other.store.conversations, "the group arriving")
    return made.conv


def texts(client: ChatClient, conv: int) -> list[str]:
    return [row.text for row in client.store.timeline(conv) if isinstance(row, Message)]


async def sees(client: ChatClient, conv: int, *expected: str) -> None:
    """The last messages that the client holds are these."""
    await wait_until(
        lambda: texts(client, conv)[-len(expected) :] == list(expected),
        f"{client.profile.name} seeing {expected}",
    )


async def finds(client: ChatClient, query: str, *expected: str) -> None:
    """Once the index has caught up (it does not hold up sending), a search finds these texts, the newest first."""
    found: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := [hit.text for hit in (await client.search(query)).hits]) != list(expected):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{query!r} finds {found}, not {expected}") from None


async def settled(client: ChatClient) -> None:
    """Nothing is on its way from this client."""
    await wait_until(lambda: not client.store.pendings, "everything being stored")
