"""Resuming from cursors: all that was missed, or a word about what is not there."""

from __future__ import annotations

import pytest

from tests.wire.client import Client, cids
from tests.wire.conftest import Stage


def missed(client: Client, conv: int) -> dict[str, object] | None:
    found = [part for part in client.ready["missed"] if part["conv"] == conv]
    assert len(found) <= 1
    return found[0] if found else None


async def seqs_missed(client: Client, conv: int) -> list[int]:
    part = missed(client, conv)
    return [] if part is None else [entry["seq"] for entry in part["entries"]]  # type: ignore[attr-defined]


async def test_a_cursor_brings_all_that_came_after_it(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    acks = [await bob.says(conv, f"message {number}") for number in range(5)]
    alice.forget()
    cursor = acks[1]["seq"]
    again = await alice.another(epoch=alice.epoch, cursors={str(conv): cursor})
    part = missed(again, conv)
    assert part is not None
    assert part["limited"] is False
    assert [(entry["seq"], entry["text"], entry["cid"]) for entry in part["entries"]] == [
        (ack["seq"], f"message {number}", ack["cid"]) for number, ack in enumerate(acks) if number > 1
    ]
    assert again.ready["reset"] is False
    await again.sees_nothing()


async def test_no_epoch_counts_as_a_matching_one(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await bob.says(conv, "hello")
    again = await alice.another(cursors={str(conv): ack["seq"] - 1})
    assert await seqs_missed(again, conv) == [ack["seq"]]


async def test_a_cursor_at_the_head_misses_nothing(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await bob.says(conv, "hello")
    again = await alice.another(epoch=alice.epoch, cursors={str(conv): ack["seq"]})
    assert again.ready["missed"] == []
    assert again.ready["reset"] is False


async def test_a_cursor_of_zero_brings_the_whole_log(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await bob.says(conv, "hello")
    again = await alice.another(cursors={str(conv): 0})
    assert await seqs_missed(again, conv) == list(range(1, ack["seq"] + 1))
    part = missed(again, conv)
    assert part is not None
    assert part["entries"][0]["kind"] == "create"  # type: ignore[index]


async def test_an_unnamed_conversation_starts_at_its_head(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    with_bob, with_carol = await alice.opens(bob), await alice.opens(carol)
    await bob.says(with_bob, "hello")
    await carol.says(with_carol, "hello")
    again = await alice.another(epoch=alice.epoch, cursors={str(with_bob): 1})
    assert missed(again, with_carol) is None
    assert missed(again, with_bob) is not None


@pytest.mark.parametrize("far", [1, 1_000_000, 2**53 - 1])
async def test_a_cursor_above_the_head_resets(stage: Stage, far: int) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv, other = await alice.opens(bob), await alice.opens(carol)
    ack = await bob.says(conv, "hello")
    await carol.says(other, "hello")
    cursor = min(ack["seq"] + far, 2**53 - 1)
    again = await alice.another(epoch=alice.epoch, cursors={str(conv): cursor, str(other): 1})
    assert again.ready["reset"] is True
    assert again.ready["missed"] == []
    heads = {conversation["conv"]: conversation["head"] for conversation in again.ready["conversations"]}
    assert heads[conv] == ack["seq"]
    later = await bob.says(conv, "after the reset")
    await again.sees_next("entry", conv=conv, seq=heads[conv] + 1, text="after the reset", cid=later["cid"])


async def test_another_epoch_resets(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await bob.says(conv, "hello")
    again = await alice.another(epoch="some other store", cursors={str(conv): 1})
    assert again.ready["reset"] is True
    assert again.ready["missed"] == []
    assert again.epoch == alice.epoch


async def test_a_cursor_for_a_foreign_conversation_is_ignored(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.opens(bob)
    await bob.says(conv, "a secret")
    again = await carol.another(epoch=carol.epoch, cursors={str(conv): 1, str(2**53 - 1): 1, "999999999": 5})
    assert again.ready["missed"] == []
    assert again.ready["reset"] is False
    above = await carol.another(epoch=carol.epoch, cursors={str(conv): 10_000})
    assert above.ready["reset"] is False


@pytest.mark.parametrize(
    "cursors",
    [
        {"x": 1},
        {"0": 1},
        {"-1": 1},
        {"01": 1},
        {" 1": 1},
        {"1": -1},
        {"1": "1"},
        {"1": True},
        {"1": 2**53},
        {"1": None},
        [],
        {"99999999999999999": 1},
    ],
    ids=str,
)
async def test_cursors_that_are_none(stage: Stage, cursors: object) -> None:
    (alice,) = await stage.people("alice")
    someone = await stage.stranger()
    await someone.refused("invalid", "session.resume", token=alice.token, cursors=cursors)


async def test_a_long_absence_is_limited_and_the_gap_lies_before(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    text = "wörter " * 900
    futures = [bob.post("message.send", conv=conv, cid=cid, text=text) for cid in cids(120)]
    head = max([(await bob.wait(future))["seq"] for future in futures])
    again = await alice.another(epoch=alice.epoch, cursors={str(conv): 1})
    part = missed(again, conv)
    assert part is not None
    assert part["limited"] is True
    seqs = await seqs_missed(again, conv)
    assert seqs, "the newest part"
    assert seqs[-1] == head
    assert seqs[0] > 2
    gap: list[int] = []
    before = seqs[0]
    while before > 2:
        page = await again.ask("history.get", conv=conv, before=before, limit=200)
        gap = [entry["seq"] for entry in page["entries"] if entry["seq"] > 1] + gap
        before = page["entries"][0]["seq"]
    assert gap + seqs == list(range(2, head + 1))


async def test_many_conversations_are_caught_up_within_one_line(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    convs = [await alice.founds(f"group {number}") for number in range(20)]
    for conv in convs:
        futures = [alice.post("message.send", conv=conv, cid=cid, text="x" * 8_000) for cid in cids(5)]
        for future in futures:
            await alice.wait(future)
    again = await alice.another(epoch=alice.epoch, cursors={str(conv): 1 for conv in convs})
    for conv in convs:
        part = missed(again, conv)
        assert part is not None, "named, with newer entries: it must be there, if only to say limited"
        seqs = await seqs_missed(again, conv)
        if part["limited"]:
            assert seqs == list(range(7 - len(seqs), 7))
        else:
            assert seqs == list(range(2, 7))


async def test_what_was_missed_is_in_its_present_state(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    first, second, third = [await bob.says(conv, text) for text in ("first", "second", "third")]
    edit = await bob.edits(conv, first["seq"], "first, better")
    await bob.deletes(conv, second["seq"])
    reaction = await alice.reacts(conv, third["seq"], "👍")
    again = await alice.another(cursors={str(conv): first["seq"] - 1})
    part = missed(again, conv)
    assert part is not None
    entries = {entry["seq"]: entry for entry in part["entries"]}  # type: ignore[attr-defined]
    assert entries[first["seq"]]["text"] == "first, better"
    assert entries[first["seq"]]["rev"] == edit["seq"]
    assert entries[second["seq"]]["deleted"] is True
    assert "text" not in entries[second["seq"]]
    assert entries[third["seq"]]["reactions"] == {"👍": [alice.id]}
    assert entries[third["seq"]]["rev"] == reaction["seq"]
    assert entries[edit["seq"]]["text"] == "first, better"


async def test_nothing_falls_between_catching_up_and_live(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    futures = [bob.post("message.send", conv=conv, cid=cid, text="flood") for cid in cids(300)]
    again = await alice.another(cursors={str(conv): 1})
    head = max([(await bob.wait(future))["seq"] for future in futures])
    part = missed(again, conv)
    seqs = await seqs_missed(again, conv)
    if part is None or part["limited"]:
        known = {conversation["conv"]: conversation["head"] for conversation in again.ready["conversations"]}
        seqs = seqs or [known[conv]]
    while seqs[-1] < head:
        entry = await again.sees("entry", conv=conv)
        seqs.append(entry["seq"])
    assert seqs == list(range(seqs[0], head + 1))
    assert part is None or part["limited"] or seqs[0] == 2
    await again.sees_nothing()


async def test_a_conversation_that_was_left_is_not_in_the_list(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team", bob)
    await bob.ask("group.leave", conv=conv)
    again = await bob.another(epoch=bob.epoch, cursors={str(conv): 1})
    assert conv not in [conversation["conv"] for conversation in again.ready["conversations"]]
    assert missed(again, conv) is None
    assert again.ready["reset"] is False
