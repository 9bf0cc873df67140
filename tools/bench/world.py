"""The people of a measurement, written straight into the database through the server's own stores.

Signing up by the front door costs 36 ms of argon2 each, which would be all that one sees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Join
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Store
from mrccsc_server.security.tokens import digest, new_token

AT_ONCE = 64
NO_DIGEST = bytes(16)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    user: int
    token: str


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation with its members."""

    conv: int
    members: tuple[User, ...]


async def make_users(store: Store, name: str, count: int) -> list[User]:
    """``count`` accounts with a token each. Nobody can sign in to them by password."""

    async def make(number: int) -> User:
        account = await store.accounts.create(f"{name}-{number}", f"{name} {number}", "no password")
        token = new_token()
        await store.sessions.open(account.user, digest(token), None)
        return User(account.user, token)

    users: list[User] = []
    for start in range(0, count, AT_ONCE):
        users += await asyncio.gather(*(make(number) for number in range(start, min(start + AT_ONCE, count))))
    return users


async def make_pairs(store: Store, users: Sequence[User]) -> list[Room]:
    """Direct conversations of each two neighbours."""

    async def make(one: User, other: User) -> Room:
        await store.contacts.act(ContactAct.REQUEST, one.user, other.user)
        await store.contacts.act(ContactAct.ACCEPT, other.user, one.user)
        conversation, _ = await store.conversations.open_direct(one.user, other.user)
        return Room(conversation["conv"], (one, other))

    rooms: list[Room] = []
    pairs = list(zip(users[::2], users[1::2], strict=True))
    for start in range(0, len(pairs), AT_ONCE):
        rooms += await asyncio.gather(*(make(*pair) for pair in pairs[start : start + AT_ONCE]))
    return rooms


async def make_group(store: Store, title: str, members: Sequence[User]) -> Room:
    """A public group of all of them; the first one owns it."""
    conversation, _ = await store.conversations.create_group(
        members[0].user, str(uuid4()), NO_DIGEST, title, "", "public"
    )
    conv = conversation["conv"]
    joins = [Join(conv=conv, by=user.user, cid=str(uuid4()), digest=NO_DIGEST) for user in members[1:]]
    for start in range(0, len(joins), 256):
        for outcome in await store.log.append(joins[start : start + 256]):
            if not isinstance(outcome, Stored):
                raise SystemExit(f"A member could not join {title}: {outcome}")
    return Room(conv, tuple(members))


async def make_groups(store: Store, title: str, count: int, size: int, users: Sequence[User]) -> list[Room]:
    """``count`` groups of ``size``, filled with the users in turn."""
    groups = []
    for number in range(count):
        members = [users[(number * size + place) % len(users)] for place in range(size)]
        groups.append(await make_group(store, f"{title} {number}", members))
    return groups
