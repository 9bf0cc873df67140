"""A hundred thousand real messages: every page meets the next, and search stays a look-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mrccsc_server.domain.operations import Send
from mrccsc_server.domain.state import Stored
from mrccsc_server.domain.tokens import tokenize
from mrccsc_server.storage import search
from tests.server.storage.scene import ROOM, Opener, Scene, send

MESSAGES = 100_000
BATCH = 500

SORTS = [
    "the quick brown fox jumps over the lazy dog",
    "東京都は今日も雨です。明日は晴れるでしょう",
    "👩‍👩‍👧‍👦 family 👍🏽 and a flag 🇨🇭",
    "שלום עולם مرحبا بالعالم \u202ereversed\u202c",
    "\x1b]52;c;aGk=\x07\x1b[31mred\x1b[0m \u009b2J [@click=app.quit]x[/]",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3,
    "e\u0301" * 40 + " z̸̡̛͚a̴l̷g̶o̵",
    "'; DROP TABLE entry; -- % _ \\ \" ` \x00",
]


def messages() -> Iterator[str]:
    for number in range(MESSAGES):
        yield f"{SORTS[number % len(SORTS)]} n{number} the"


def said(conv: int, by: int, number: int, text: str) -> Send:
    """A message like any other; its cid and digest cost nothing to make."""
    return Send(conv=conv, by=by, cid=f"{number:08x}-0000-4000-8000-000000000000", digest=b"d" * 32, text=text)


async def test_a_hundred_thousand_messages_are_paged_and_searched(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as store:
        scene = Scene(store)
        ann, bob, eve = await scene.users("ann", "bob", "eve")
        conv = await scene.group(ann, bob)
        other = await scene.group(eve, bob, visibility="private")
        texts = list(messages())
        for start in range(0, MESSAGES, BATCH):
            outcomes = await store.log.append(
                [said(conv, ann if n % 3 else bob, n, texts[n]) for n in range(start, start + BATCH)]
            )
            assert all(isinstance(outcome, Stored) for outcome in outcomes)
        await scene.say(other, eve, "the secret")
        head = MESSAGES + 2

        seen: list[dict[str, Any]] = []
        before, more = head + 1, True
        while more:
            page = await store.log.page(conv, bob, before=before, limit=200, max_bytes=100_000)
            before, more = page.entries[0]["seq"], page.more
            seen += [dict(entry) for entry in reversed(page.entries)]
        assert [entry["seq"] for entry in seen] == list(range(head, 0, -1))
        assert [entry["text"] for entry in seen[::-1][2:]] == texts

        mark = await store.conversations.mark_read(conv, bob, 50_002, unread=False)
        assert mark.seq == 50_002
        assert (await scene.view(conv, bob))["unread"] == sum(n % 3 > 0 for n in range(50_000, MESSAGES))

        indexed = 0
        while indexed < 10_000:
            indexed += await store.search.index(1_000)
        # Neither a word of every message nor one that stands beside it costs a look at all of them.
        monkeypatch.setattr(search, "MAX_EXAMINED", 2_000)
        assert len(await scene.find(ann, "the", limit=50)) == 50
        assert await scene.find(ann, "the n77") == [77 + 3]
        assert await scene.find(eve, "the") == [3], "her own group has had its turn, and theirs is not hers"
        for sort in SORTS:
            words = sorted(tokenize(sort), key=len)[-3:]
            hits = await scene.find(ann, " ".join(words), limit=5)
            assert len(hits) == 5, sort
            assert all(sort in texts[seq - 3] for seq in hits)


async def test_a_search_that_looks_at_too_much_says_where_to_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_EXAMINED", 100)
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    await scene.done(send(conv, ann, "red blue"), *(send(conv, ann, "red") for _ in range(300)))
    await scene.done(*(send(conv, ann, "blue") for _ in range(300)))
    await scene.indexed()
    found: list[int] = []
    before: int | None = None
    calls = 0
    while calls == 0 or before is not None:
        hits, before = await scene.store.search.find(
            ann, "red blue", conv=None, by=None, before=before, limit=10, max_bytes=ROOM
        )
        found += [hit["seq"] for hit in hits]
        calls += 1
    assert found == [2]
    assert calls == 4
