"""Pages of history: directions, limits, bytes."""

from __future__ import annotations

import pytest

from tests.wire.client import Client, Frame, cid, cids
from tests.wire.conftest import Stage


async def long_conversation(stage: Stage, count: int, text: str = "x") -> tuple[Client, int]:
    """A group of one with ``count`` messages at seq 3 … count + 2 (after ``create`` and the member's own entries)."""
    (alice,) = await stage.people("alice")
    conv = await alice.founds("log")
    for future in [alice.post("message.send", conv=conv, cid=key, text=text) for key in cids(count)]:
        await alice.wait(future)
    return alice, conv


def seqs(page: Frame) -> list[int]:
    return [entry["seq"] for entry in page["entries"]]


async def test_the_newest_page(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 30)
    whole = await alice.ask("history.get", conv=conv, limit=200)
    head = whole["head"]
    assert seqs(whole) == list(range(1, head + 1))
    assert whole["more"] is False
    page = await alice.ask("history.get", conv=conv, limit=10)
    assert (seqs(page), page["head"], page["more"]) == (list(range(head - 9, head + 1)), head, True)
    assert page["conv"] == conv


async def test_before_is_exclusive(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 30)
    page = await alice.ask("history.get", conv=conv, before=20, limit=5)
    assert (seqs(page), page["more"]) == ([15, 16, 17, 18, 19], True)
    page = await alice.ask("history.get", conv=conv, before=6, limit=5)
    assert (seqs(page), page["more"]) == ([1, 2, 3, 4, 5], False)
    page = await alice.ask("history.get", conv=conv, before=1, limit=5)
    assert (seqs(page), page["more"]) == ([], False)
    head = page["head"]
    page = await alice.ask("history.get", conv=conv, before=2**53 - 1, limit=5)
    assert (seqs(page), page["more"]) == (list(range(head - 4, head + 1)), True)


async def test_after_is_exclusive(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 30)
    page = await alice.ask("history.get", conv=conv, after=10, limit=5)
    assert (seqs(page), page["more"]) == ([11, 12, 13, 14, 15], True)
    head = page["head"]
    page = await alice.ask("history.get", conv=conv, after=head - 5, limit=5)
    assert (seqs(page), page["more"]) == (list(range(head - 4, head + 1)), False)
    page = await alice.ask("history.get", conv=conv, after=0, limit=3)
    assert seqs(page) == [1, 2, 3]
    for beyond in (head, 2**53 - 1):
        page = await alice.ask("history.get", conv=conv, after=beyond, limit=5)
        assert (seqs(page), page["more"]) == ([], False)


async def test_around_is_inclusive(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 30)
    page = await alice.ask("history.get", conv=conv, around=15, limit=7)
    assert 15 in seqs(page)
    assert len(page["entries"]) == 7
    assert seqs(page)[0] < 15 < seqs(page)[-1], "from both sides"
    assert page["more"] is True
    whole = await alice.ask("history.get", conv=conv, around=15, limit=200)
    assert (seqs(whole), whole["more"]) == (list(range(1, whole["head"] + 1)), False)
    one = await alice.ask("history.get", conv=conv, around=15, limit=1)
    assert (seqs(one), one["more"]) == ([15], True)
    start = await alice.ask("history.get", conv=conv, around=1, limit=4)
    assert 1 in seqs(start)
    assert start["more"] is True
    end = await alice.ask("history.get", conv=conv, around=whole["head"], limit=4)
    assert whole["head"] in seqs(end)
    assert end["more"] is True


async def test_at_most_one_direction(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 1)
    await alice.refused("invalid", "history.get", conv=conv, before=2, after=1, limit=1)
    await alice.refused("invalid", "history.get", conv=conv, before=2, around=1, limit=1)
    await alice.refused("invalid", "history.get", conv=conv, after=2, around=1, limit=1)


@pytest.mark.parametrize("limit", [0, 201, -1, 2**53, "10", 1.5, True, None])
async def test_limits_out_of_range(stage: Stage, limit: object) -> None:
    alice, conv = await long_conversation(stage, 1)
    await alice.refused("invalid", "history.get", conv=conv, limit=limit)


async def test_paging_through_from_either_end_gives_the_same_log(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 450)
    forward: list[Frame] = []
    after = 0
    while True:
        page = await alice.ask("history.get", conv=conv, after=after, limit=97)
        forward += page["entries"]
        after = forward[-1]["seq"]
        if not page["more"]:
            break
    backward: list[Frame] = []
    before = page["head"] + 1
    while True:
        page = await alice.ask("history.get", conv=conv, before=before, limit=113)
        backward = page["entries"] + backward
        before = backward[0]["seq"]
        if not page["more"]:
            break
    assert forward == backward
    assert [entry["seq"] for entry in forward] == list(range(1, page["head"] + 1))


async def test_a_page_ends_by_bytes_and_says_so(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 60, "ü" * 4_096)
    head = (await alice.ask("history.get", conv=conv, limit=1))["head"]
    newest = await alice.ask("history.get", conv=conv, limit=200)
    assert newest["more"] is True
    assert 1 < len(newest["entries"]) < 60
    assert seqs(newest)[-1] == head
    oldest = await alice.ask("history.get", conv=conv, after=0, limit=200)
    assert oldest["more"] is True
    assert seqs(oldest)[0] == 1
    middle = await alice.ask("history.get", conv=conv, around=30, limit=200)
    assert middle["more"] is True
    assert 30 in seqs(middle)


async def test_a_page_of_the_largest_messages_fits(stage: Stage) -> None:
    """Escapes make a character of one byte six bytes long on the wire."""
    alice, conv = await long_conversation(stage, 10, "\x01" * 8_191 + "x")
    before = 2**53 - 1
    total: list[int] = []
    while True:
        page = await alice.ask("history.get", conv=conv, before=before, limit=200)
        assert page["entries"], "at least one entry, or paging would never end"
        total = seqs(page) + total
        before = total[0]
        if not page["more"]:
            break
    assert total == list(range(1, page["head"] + 1))


async def test_a_message_with_many_reactions_fits(stage: Stage) -> None:
    people = await stage.friends("alice", *(f"fan{number}" for number in range(12)))
    alice = people[0]
    conv = await alice.founds("fans", *people[1:])
    message = await alice.says(conv, "x" * 8_000)
    for fan in people[1:]:
        for letter in "abcdefghijklmnopqrst":
            await fan.reacts(conv, message["seq"], letter)
    shown = await alice.entry(conv, message["seq"])
    assert {len(users) for users in shown["reactions"].values()} == {12}
    assert len(shown["reactions"]) == 20


async def test_what_is_said_while_paging_does_not_move_the_pages(stage: Stage) -> None:
    alice, conv = await long_conversation(stage, 100)
    first = await alice.ask("history.get", conv=conv, limit=50)
    await alice.says(conv, "meanwhile", cid=cid())
    second = await alice.ask("history.get", conv=conv, before=seqs(first)[0], limit=50)
    assert seqs(second)[-1] + 1 == seqs(first)[0]
    assert second["head"] == first["head"] + 1
