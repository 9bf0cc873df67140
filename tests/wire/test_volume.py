"""A hundred thousand messages of every sort of text: stored, paged and searched."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from tests.wire.client import Client, cid
from tests.wire.conftest import Stage

COUNT = 100_000
PIECES = (
    "the quick brown fox jumps over the lazy dog",
    "x" * 400,
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
    "https://example.org/a/very/long/path?with=a&query=string#fragment",
    "今天天气很好，我们去公园散步吧。",
    "東京タワーに行きました",
    "안녕하세요 여러분 반갑습니다",
    "مرحبا بالعالم كيف حالك",
    "שלום עולם",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️ 🏳️‍🌈",
    "z̸̡̛a̵̢l̷̨g̶̡o̴̢" + "\u0301" * 40,
    "\x1b[31mred\x1b[0m \x1b]52;c;aGFja2Vk\x07 \x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m C1 \x85 \x07\x08\x7f",
    "\u202eoverride\u202c \u2066isolate\u2069 zero\u200bwidth",
    "[@click=app.quit]press[/] [link=http://x]y[/link] [/ [TODO] $x {y} %s %(z)s",
    "line\nbreak\r\nand\ttab \u2028 separator",
    "'; DROP TABLE messages; -- \" \\ % _",
    "<script>alert(1)</script> &amp; {{7*7}}",
)


def texts() -> Iterator[str]:
    """The same hundred thousand texts every time."""
    chance = random.Random(100_000)
    for number in range(COUNT):
        pieces = chance.choices(PIECES, k=chance.choice((1, 1, 1, 2, 3)))
        yield f"{number} {' '.join(pieces)}"


async def finds(person: Client, query: str, conv: int, expected: list[int]) -> None:
    """The newest hits of a query, once the index has caught up."""
    found: list[int] = []
    try:
        async with asyncio.timeout(240):
            while found != expected:
                page = await person.ask("search.messages", query=query, conv=conv, limit=20)
                found = [hit["seq"] for hit in page["hits"]]
                if found != expected:
                    await asyncio.sleep(0.5)
    except TimeoutError:
        raise AssertionError(f"{query!r} finds {found}, not {expected}") from None


@pytest.mark.timeout(900)
async def test_a_hundred_thousand_messages(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await bob.ask("session.logout")
    said: list[str] = []
    window: list[tuple[int, asyncio.Future[dict[str, object]]]] = []
    for text in texts():
        said.append(text)
        window.append((len(said) + 1, alice.post("message.send", conv=conv, cid=cid(), text=text)))
        if len(window) == 1_000:
            for seq, future in window:
                assert (await alice.wait(future))["seq"] == seq
            window.clear()
            alice.lines.clear()

    # Bob comes back: the end of it at once, and the count is right.
    again = await stage.stranger("bob")
    await again.logs_in(bob.username)
    (conversation,) = again.ready["conversations"]
    assert (conversation["head"], conversation["unread"]) == (COUNT + 1, COUNT)
    resumed = await again.another(epoch=again.epoch, cursors={str(conv): 5})
    (missed,) = resumed.ready["missed"]
    assert missed["limited"] is True
    assert missed["entries"][-1]["seq"] == COUNT + 1

    # He scrolls back through all of it, and every character is as it was typed.
    before = COUNT + 2
    while before > 2:
        page = await again.ask("history.get", conv=conv, before=before, limit=200)
        for entry in page["entries"]:
            if entry["seq"] > 1:
                assert entry["text"] == said[entry["seq"] - 2]
        before = page["entries"][0]["seq"]
        again.lines.clear()

    # He jumps into the middle and reads on from there.
    page = await again.ask("history.get", conv=conv, around=COUNT // 2, limit=21)
    assert COUNT // 2 in [entry["seq"] for entry in page["entries"]]

    # He finds a needle anywhere, words that are everywhere, and runs of two characters.
    await finds(again, "99999", conv, [COUNT + 1])
    await finds(again, "77777", conv, [77_777 + 2])
    for query, piece in (("天气", PIECES[4]), ("quick fox", PIECES[0]), ("タワー", PIECES[5]), ("مرحبا", PIECES[7])):
        newest = [number + 2 for number in range(COUNT - 1, -1, -1) if piece in said[number]][:20]
        await finds(again, query, conv, newest)
    await again.ask("read.mark", conv=conv, seq=50_001)
    assert (await again.conversation(conv))["unread"] == COUNT - 50_000
