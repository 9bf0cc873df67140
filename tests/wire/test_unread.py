"""Unread and mention counts, read marks, and the line from which one wants to see things as unread."""

from __future__ import annotations

import pytest

from tests.wire.client import ABSENT, Client, cid
from tests.wire.conftest import Stage


async def counts(person: Client, conv: int) -> tuple[int, int]:
    conversation = await person.conversation(conv)
    return conversation["unread"], conversation["mentions"]


async def test_messages_by_others_count_until_read(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    for number in range(3):
        await alice.says(conv, f"{number}")
    assert await counts(bob, conv) == (3, 0)
    assert await counts(alice, conv) == (0, 0)
    head = (await bob.conversation(conv))["head"]
    assert (await bob.ask("read.mark", conv=conv, seq=head - 1))["type"] == "ok"
    assert await counts(bob, conv) == (1, 0)
    await bob.ask("read.mark", conv=conv, seq=head)
    assert await counts(bob, conv) == (0, 0)


async def test_own_messages_edits_and_reactions_never_count(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    own = await bob.says(conv, "mine")
    other = await alice.says(conv, "yours")
    assert await counts(bob, conv) == (1, 0)
    await alice.edits(conv, other["seq"], "yours, edited")
    await alice.reacts(conv, own["seq"], "👍")
    assert await counts(bob, conv) == (1, 0)
    assert await counts(alice, conv) == (1, 0)


async def test_sending_does_not_move_read(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, "one")
    await bob.says(conv, "two")
    conversation = await bob.conversation(conv)
    assert conversation["unread"] == 1
    assert conversation["read"] < conversation["head"] - 1


async def test_joins_and_titles_do_not_count(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob)
    head = (await bob.conversation(conv))["head"]
    await bob.ask("read.mark", conv=conv, seq=head)
    await alice.ask("group.update", conv=conv, title="other")
    await alice.ask("group.invite", conv=conv, user=carol.id)
    assert await counts(bob, conv) == (0, 0)


async def test_deleted_messages_go_on_counting(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    message = await alice.says(conv, f"@{bob.username} look")
    await alice.says(conv, "more")
    assert await counts(bob, conv) == (2, 1)
    await alice.deletes(conv, message["seq"])
    assert await counts(bob, conv) == (2, 1)
    await bob.ask("read.mark", conv=conv, seq=message["seq"])
    assert await counts(bob, conv) == (1, 0)


async def test_an_edit_changes_no_count_but_the_mentions_of_the_message(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    message = await alice.says(conv, "hello")
    edit = await alice.edits(conv, message["seq"], f"hello @{bob.username}")
    assert await counts(bob, conv) == (1, 0)
    await bob.sees("entry", seq=edit["seq"], kind="edit", mentions=[bob.id])
    assert (await bob.entry(conv, message["seq"]))["mentions"] == [bob.id]


async def test_read_only_grows_and_is_clamped(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    for _ in range(5):
        await alice.says(conv, "x")
    await bob.ask("read.mark", conv=conv, seq=4)
    assert (await bob.conversation(conv))["read"] == 4
    await bob.ask("read.mark", conv=conv, seq=2)
    assert (await bob.conversation(conv))["read"] == 4
    await bob.ask("read.mark", conv=conv, seq=2**53 - 1)
    conversation = await bob.conversation(conv)
    assert conversation["read"] == conversation["head"] == 6
    await bob.refused("invalid", "read.mark", conv=conv, seq=-1)


async def test_a_mark_reaches_the_users_other_connections_and_the_peer(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    message = await alice.says(conv, "hello")
    twin, device = await bob.another(), await bob.other_device()
    bob.forget()
    bob.notify("read.mark", conv=conv, seq=message["seq"])
    await alice.sees("read.marked", conv=conv, user=bob.id, seq=message["seq"], unread_from=ABSENT)
    await twin.sees("read.marked", conv=conv, user=bob.id, seq=message["seq"])
    await device.sees("read.marked", conv=conv, user=bob.id, seq=message["seq"])
    await bob.sees_nothing()
    conversation = await alice.conversation(conv)
    assert conversation["peer_read"] == message["seq"]


async def test_in_a_group_a_mark_is_the_users_own_affair(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team", bob)
    message = await alice.says(conv, "hello")
    twin = await bob.another()
    await bob.ask("read.mark", conv=conv, seq=message["seq"])
    await twin.sees("read.marked", conv=conv, user=bob.id, seq=message["seq"])
    await alice.sees_no("read.marked")
    assert "peer_read" not in await alice.conversation(conv)


async def test_unread_from_here(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    acks = [await alice.says(conv, f"{number}") for number in range(5)]
    head = acks[-1]["seq"]
    twin = await bob.another()
    await bob.ask("read.mark", conv=conv, seq=head)
    await twin.sees("read.marked", seq=head, unread_from=ABSENT)
    await alice.sees("read.marked", user=bob.id, seq=head)
    line = acks[2]["seq"]
    assert (await bob.ask("read.mark", conv=conv, seq=line, unread=True))["type"] == "ok"
    await twin.sees("read.marked", conv=conv, user=bob.id, seq=head, unread_from=line)
    await alice.sees_no("read.marked", unread_from=line)
    conversation = await bob.conversation(conv)
    assert (conversation["read"], conversation["unread_from"]) == (head, line)
    await bob.ask("read.mark", conv=conv, seq=line - 1)
    assert (await bob.conversation(conv))["unread_from"] == line, "a mark below the line leaves it"
    await bob.ask("read.mark", conv=conv, seq=line)
    assert "unread_from" not in await bob.conversation(conv), "a mark at the line ends it"
    await bob.ask("read.mark", conv=conv, seq=line, unread=True)
    await bob.ask("read.mark", conv=conv, seq=head)
    assert "unread_from" not in await bob.conversation(conv), "and so does one above"


async def test_unread_is_true_or_absent(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    for bad in (False, 1, "true"):
        await alice.refused("invalid", "read.mark", conv=conv, seq=1, unread=bad)


async def test_a_mention_is_the_name_of_a_member(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob)
    for text, mentioned in (
        (f"@{bob.username}", [bob.id]),
        (f"hi @{bob.username.upper()}!", [bob.id]),
        (f"(@{bob.username})", [bob.id]),
        (f"@{bob.username}, @{alice.username}: @{bob.username}", [bob.id, alice.id]),
        (f"look, @{bob.username}.", [bob.id]),
        (f"@{carol.username} is no member", []),
        (f"mail to someone@{bob.username}", []),
        (f"@{bob.username}x", []),
        (f"x@{bob.username}", []),
        (bob.username, []),
        ("@ nobody @@ @", []),
    ):
        ack = await alice.says(conv, text)
        entry = await bob.sees("entry", seq=ack["seq"])
        assert sorted(entry.get("mentions", [])) == sorted(mentioned), text
    assert (await counts(bob, conv))[1] == 5


async def test_own_mentions_do_not_count(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, f"I am @{alice.username}")
    assert await counts(alice, conv) == (0, 0)
    assert await counts(bob, conv) == (1, 0)


async def test_a_retry_counts_once(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    key = cid()
    for _ in range(3):
        await alice.says(conv, f"@{bob.username}", cid=key)
    assert await counts(bob, conv) == (1, 1)


async def test_a_member_of_a_public_group_has_read_what_was_before(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    for _ in range(5):
        await alice.says(conv, "before")
    joined = (await bob.ask("group.join", conv=conv))["conversation"]
    assert joined["from"] == 1
    assert joined["unread"] == 0
    await alice.says(conv, "after")
    assert await counts(bob, conv) == (1, 0)


async def test_a_private_group_counts_from_the_join_on(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("closed")
    for _ in range(5):
        await alice.says(conv, "before")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    await alice.says(conv, "after")
    assert await counts(bob, conv) == (1, 0)
    await bob.ask("group.leave", conv=conv)
    await alice.says(conv, "while away")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    assert await counts(bob, conv) == (0, 0)


async def test_the_last_entry_is_shown_in_short(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, "ü" * 1_000)
    conversation = await bob.conversation(conv)
    assert conversation["last"]["seq"] == conversation["head"]
    assert conversation["last"]["text"] == "ü" * 200
    message = await alice.says(conv, "short")
    assert (await bob.conversation(conv))["last"]["text"] == "short"
    deletion = await alice.deletes(conv, message["seq"])
    last = (await bob.conversation(conv))["last"]
    assert (last["kind"], last["seq"]) == ("delete", deletion["seq"])


@pytest.mark.parametrize("muted", [True, False])
async def test_muting_is_kept_and_told_to_other_devices(stage: Stage, muted: bool) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    if not muted:
        await alice.ask("conversation.mute", conv=conv, muted=True)
    twin = await alice.another()
    assert (await alice.ask("conversation.mute", conv=conv, muted=muted))["type"] == "ok"
    await twin.sees("conversation", conversation={"conv": conv, "muted": muted})
    assert (await alice.conversation(conv))["muted"] is muted
    assert (await bob.conversation(conv))["muted"] is False


class TestTyping:
    async def test_is_told_to_the_others(self, stage: Stage) -> None:
        alice, bob, carol = await stage.friends("alice", "bob", "carol")
        conv = await alice.founds("team", bob, carol)
        twin = await alice.another()
        alice.forget()
        alice.notify("typing", conv=conv)
        for other in (bob, carol):
            await other.sees("typing", conv=conv, user=alice.id)
        await twin.sees_no("typing")
        await alice.sees_nothing()

    async def test_at_most_once_in_three_seconds(self, stage: Stage) -> None:
        alice, bob, carol = await stage.friends("alice", "bob", "carol")
        conv, other = await alice.opens(bob), await alice.opens(carol)
        for _ in range(20):
            assert (await alice.ask("typing", conv=conv))["type"] == "ok"
        await alice.ask("typing", conv=other)
        await bob.sees("typing", conv=conv, user=alice.id)
        await bob.sees_no("typing")
        await carol.sees("typing", conv=other, user=alice.id)

    async def test_not_where_one_may_not_speak(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        await alice.ask("contact.remove", user=bob.id)
        await alice.answer("typing", conv=conv)
        await bob.sees_no("typing")
