"""What is written past the server must be what the server would have written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.domain.operations import Join, Send
from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import Store
from mrccsc_server.security.tokens import digest
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tools.bench.filler import Filler, MariaDbFiller, SqliteFiller
from tools.bench.words import Library, make_library
from tools.bench.world import Room, World
from tools.cluster.mariadb import MariaDb

TEXTS = ["One.", "Two: ünï, 漢字", "Three."]
PASSING = {"at", "cid", "token", "last"}
"""What differs from one database to the next."""

Make = Callable[[str], tuple[str, Callable[[], Filler]]]
"""A database by name: its URL, and how to fill it."""


@pytest.fixture(params=["sqlite", "mariadb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def sqlite(name: str) -> tuple[str, Callable[[], Filler]]:
        url = f"sqlite://{tmp_path / name}.db"
        return url, lambda: SqliteFiller(url)

    def mariadb(name: str) -> tuple[str, Callable[[], Filler]]:
        server: MariaDb = request.getfixturevalue("mariadb")
        name = f"{name}_{uuid4().hex}"
        server.create(name)
        return server.url(name), lambda: MariaDbFiller(server, name, tmp_path)

    return sqlite if request.param == "sqlite" else mariadb


def test_a_filled_database_reads_as_one_that_the_server_wrote(make: Make) -> None:
    url, filler = make("filled")
    world = World(filler())
    users = world.users("someone", 4)
    world.pairs(users[:2])
    world.group("Tea", users[1:], TEXTS, unread=2)
    world.close()
    filled = asyncio.run(_seen(url, lambda store: _ids(store, [user.token for user in users])))

    url, _ = make("written")
    written = asyncio.run(_seen(url, _write))

    assert filled == written


def test_the_library_is_indexed_as_the_indexer_does_it(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'library.db'}"
    world = World(SqliteFiller(url))
    make_library(world, groups=3, each=50, total=1_500)
    world.close()
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        filled = _tokens(connection)
        connection.execute("DELETE FROM search_token")
        connection.execute("UPDATE search_mark SET indexed = 1")
        connection.commit()

    async def index() -> None:
        store = await _opened(url)
        # The first turn looks for what lies behind.
        while await store.search.index(1_000):
            pass
        await store.close()

    asyncio.run(index())
    with closing(sqlite3.connect(tmp_path / "library.db")) as connection:
        assert filled == _tokens(connection)
    assert len(filled) > 1_000


def test_the_library_is_found(make: Make) -> None:
    url, filler = make("library")
    world = World(filler())
    library = make_library(world, groups=3, each=50, total=1_500)
    world.close()

    found = asyncio.run(_found(url, library))

    assert {word: count for word, (count, _) in found.items()} == {"only1": 1, "only100": 100, "unsaid": 0}
    assert all(word in text.split() for word, (_, texts) in found.items() for text in texts)


async def _found(url: str, library: Library) -> dict[str, tuple[int, list[str]]]:
    store = await _opened(url)
    (session,) = await store.sessions.find([digest(library.token)])
    assert session is not None
    found = {}
    for word in ("only1", "only100", "unsaid"):
        hits, _ = await store.search.find(
            session.account.user, word, conv=None, by=None, before=None, limit=200, max_bytes=2**20
        )
        found[word] = len(hits), [hit["text"] for hit in hits if hit["kind"] == "message"]
    await store.close()
    return found


async def _opened(url: str) -> Store:
    store = make_store(url, Limits())
    await store.open()
    return store


async def _seen(url: str, users_of: Callable[[Store], Any]) -> Any:
    """All that each of some users is shown, without what passes."""
    store = await _opened(url)
    shown = []
    for user in await users_of(store):
        account = await store.accounts.by_id(user)
        assert account is not None
        conversations, more = await store.conversations.page(user, 0, 100)
        pages = [
            await store.log.page(conversation["conv"], user, limit=100, max_bytes=2**20)
            for conversation in conversations
        ]
        contacts = await store.contacts.of_user(user)
        shown.append(_lasting([account.username, account.display_name, conversations, more, contacts]))
        shown.append(_lasting([[page.entries, page.head, page.more] for page in pages]))
    await store.close()
    return shown


async def _ids(store: Store, tokens: list[str]) -> list[int]:
    sessions = await store.sessions.find([digest(token) for token in tokens])
    return [session.account.user for session in sessions if session is not None]


async def _write(store: Store) -> list[int]:
    """The same by way of the stores."""
    users = [
        (await store.accounts.create(f"someone-{number}", f"Someone {number}", "none")).user for number in range(4)
    ]
    await store.contacts.act(ContactAct.REQUEST, users[0], users[1])
    await store.contacts.act(ContactAct.ACCEPT, users[1], users[0])
    await store.conversations.open_direct(users[0], users[1])
    tea, _ = await store.conversations.create_group(users[1], str(uuid4()), bytes(16), "Tea", "", "public")
    conv = tea["conv"]
    operations = [Join(conv=conv, by=user, cid=str(uuid4()), digest=bytes(16)) for user in users[2:]]
    operations += [Send(conv=conv, by=users[1], cid=str(uuid4()), digest=bytes(16), text=text) for text in TEXTS]
    for outcome in await store.log.append(operations):
        assert isinstance(outcome, Stored)
    head = 3 + len(TEXTS)
    await store.conversations.mark_read(conv, users[1], head, unread=False)
    for user in users[2:]:
        await store.conversations.mark_read(conv, user, head - 2, unread=False)
    return users


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in PASSING}
    return [_lasting(inner) for inner in value] if isinstance(value, list | tuple) else value


def _tokens(connection: sqlite3.Connection) -> set[tuple[int, ...]]:
    return set(connection.execute("SELECT token, conv, at, seq FROM search_token"))


def test_rooms_know_their_ends(tmp_path: Path) -> None:
    world = World(SqliteFiller(f"sqlite://{tmp_path / 'rooms.db'}"))
    users = world.users("someone", 3)
    rooms: list[Room] = [world.group("Tea", users, TEXTS), *world.pairs(users[:2])]
    world.close()
    with closing(sqlite3.connect(tmp_path / "rooms.db")) as connection:
        heads = connection.execute("SELECT conv, MAX(seq), COUNT(*) FROM entry GROUP BY conv").fetchall()
    assert [(room.conv, room.head, room.head) for room in rooms] == heads
