"""Searching: words, scripts without spaces, punctuation, authors, pages, and what must not be found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.waiting import PATIENCE
from tests.wire.client import Client, cid
from tests.wire.conftest import Stage


async def search(person: Client, query: str, **fields: Any) -> list[int]:
    fields.setdefault("limit", 200)
    answer = await person.ask("search.messages", query=query, **fields)
    return [hit["seq"] for hit in answer["hits"]]


async def finds(person: Client, query: str, *acks: dict[str, Any], **fields: Any) -> None:
    """Once the index has caught up (it does not hold up sending), exactly these are found, the newest first."""
    expected = sorted((ack["seq"] for ack in acks), reverse=True)
    found: list[int] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await search(person, query, **fields)) != expected:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{query!r} finds {found}, not {expected}") from None


async def test_all_words_of_the_query_in_any_order_without_case(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    one = await alice.says(conv, "The quick brown fox")
    two = await bob.says(conv, "the QUICK red fox jumps")
    await alice.says(conv, "a slow tortoise")
    await finds(alice, "quick fox", one, two, conv=conv)
    await finds(alice, "FOX quick", one, two, conv=conv)
    await finds(bob, "brown", one, conv=conv)
    await finds(bob, "brown red", conv=conv)
    await finds(bob, "quic", conv=conv)


async def test_hits_are_entries_in_their_present_state(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await alice.says(conv, "ambrosia")
    await bob.reacts(conv, ack["seq"], "👍")
    await finds(bob, "ambrosia", ack)
    (hit,) = (await bob.ask("search.messages", query="ambrosia", limit=1))["hits"]
    assert hit == await bob.entry(conv, ack["seq"])


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("今天天气很好", "天气"),
        ("今天天气很好", "今天天气"),
        ("今天天气很好", "很好"),
        ("東京タワーに行きました", "タワー"),
        ("東京タワーに行きました", "東京タワー"),
        ("안녕하세요 여러분", "안녕"),
        ("안녕하세요 여러분", "하세요"),
        ("Grüße aus Köln", "grüsse"),
        ("Grüße aus Köln", "KÖLN"),
        ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
        ("Привет, мир", "привет"),
        ("مرحبا بالعالم", "مرحبا"),
        ("e\u0301tude", "\u00e9tude"),
        ("mixed 中文 and words", "中文 words"),
        ("order 66, version 1.2.3", "66"),
        ("snake_case_name", "snake_case_name"),
        ("don't panic", "don't"),
        ("mail me@example.org now", "example.org"),
    ],
)
async def test_words_of_any_script(stage: Stage, text: str, query: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, "something else entirely")
    ack = await alice.says(conv, text)
    await finds(bob, query, ack, conv=conv)


async def test_runs_that_are_not_there_are_not_found(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await alice.says(conv, "今天天气很好")
    await finds(bob, "天气", ack)
    assert await search(bob, "气天", conv=conv) == []
    assert await search(bob, "今天很好", conv=conv) == []


@pytest.mark.parametrize("query", ["", " ", "...", "!?", "%", "_", "'", '"', "\\", "*", "@", "%%__", "-", "\x00", "🎉"])
async def test_punctuation_finds_nothing_or_itself(stage: Stage, query: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, "plain words")
    itself = await alice.says(conv, f"with {query} inside")
    marker = await alice.says(conv, "marker")
    await finds(bob, "marker", marker, conv=conv)
    answer = await bob.answer("search.messages", query=query, conv=conv, limit=10)
    if answer["type"] == "error":
        assert answer["code"] == "invalid"
    elif query.strip():
        assert [hit["seq"] for hit in answer["hits"]] in ([], [itself["seq"]])
    else:
        assert answer["hits"] == []


async def test_by_an_author_and_in_a_conversation(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    with_bob, with_carol = await alice.opens(bob), await alice.opens(carol)
    mine = await alice.says(with_bob, "zebra one")
    his = await bob.says(with_bob, "zebra two")
    hers = await carol.says(with_carol, "zebra three")
    await finds(alice, "zebra", mine, his, conv=with_bob)
    await finds(alice, "zebra", hers, conv=with_carol)
    await finds(alice, "zebra", his, by=bob.id)
    await finds(alice, "zebra", mine, by=alice.id, conv=with_bob)
    await finds(alice, "zebra", conv=with_bob, by=carol.id)
    answer = await alice.ask("search.messages", query="zebra", limit=10)
    assert {(hit["conv"], hit["seq"]) for hit in answer["hits"]} == {
        (with_bob, mine["seq"]),
        (with_bob, his["seq"]),
        (with_carol, hers["seq"]),
    }
    times = [hit["at"] for hit in answer["hits"]]
    assert times == sorted(times, reverse=True)


async def test_deleted_is_gone_and_edited_is_found_as_it_is(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    gone = await alice.says(conv, "pomegranate secret")
    changed = await alice.says(conv, "pomegranate original")
    await finds(bob, "pomegranate", gone, changed)
    await alice.deletes(conv, gone["seq"])
    await alice.edits(conv, changed["seq"], "persimmon replacement")
    await finds(bob, "pomegranate")
    await finds(bob, "secret")
    await finds(bob, "persimmon", changed)


async def test_pages_by_cursor_without_gaps_or_repeats(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    acks = [await alice.says(conv, f"needle number {number}") for number in range(25)]
    await finds(bob, "needle", *acks)
    found: list[int] = []
    page = await bob.ask("search.messages", query="needle", limit=10)
    sizes = [len(page["hits"])]
    found += [hit["seq"] for hit in page["hits"]]
    await alice.says(conv, "needle that comes late")
    while "cursor" in page:
        page = await bob.ask("search.messages", query="needle", limit=10, cursor=page["cursor"])
        sizes.append(len(page["hits"]))
        found += [hit["seq"] for hit in page["hits"]]
    assert found == sorted((ack["seq"] for ack in acks), reverse=True)
    assert sizes[:2] == [10, 10]


@pytest.mark.parametrize("cursor", ["", "x", "1", "-1", "9" * 64, "\x00", "é", "../../etc"])
async def test_a_cursor_that_is_none_does_no_harm(stage: Stage, cursor: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    await alice.opens(bob)
    answer = await alice.answer("search.messages", query="needle", cursor=cursor, limit=10)
    assert answer["type"] == "search.results" or answer["code"] == "invalid"


async def test_foreign_words_are_not_found(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.opens(bob)
    ack = await alice.says(conv, "confidential")
    await finds(bob, "confidential", ack)
    assert await search(carol, "confidential") == []
    await carol.refused("not_found", "search.messages", query="confidential", conv=conv, limit=10)


async def test_nobody_searches_below_their_from_or_after_leaving(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("closed")
    await alice.says(conv, "walnut before")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    after = await alice.says(conv, "walnut after")
    await finds(bob, "walnut", after)
    await bob.ask("group.leave", conv=conv)
    assert await search(bob, "walnut") == []


async def test_many_hits_of_the_largest_size_fit_into_lines(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    acks = [await alice.says(conv, "haystack " + "\x01" * 8_100) for _ in range(12)]
    marker = await alice.says(conv, "marker")
    await finds(bob, "marker", marker, conv=conv)
    found: list[int] = []
    page = await bob.ask("search.messages", query="haystack", limit=200)
    found += [hit["seq"] for hit in page["hits"]]
    while "cursor" in page:
        page = await bob.ask("search.messages", query="haystack", limit=200, cursor=page["cursor"])
        found += [hit["seq"] for hit in page["hits"]]
    assert found == [ack["seq"] for ack in reversed(acks)]


async def test_queries_have_an_end(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    assert await search(alice, "x" * 256) == []
    assert await search(alice, "😀" * 256) == []
    assert await search(alice, "a b c d e f g h " * 16) == []
    answer = await alice.answer("search.messages", query="x" * 257, limit=1)
    assert answer["code"] in ("invalid", "too_large")
    for limit in (0, 201):
        await alice.refused("invalid", "search.messages", query="x", limit=limit)


async def test_what_was_just_said_is_found_soon(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await alice.says(conv, "fresh", cid=cid())
    await finds(bob, "fresh", ack, conv=conv)
