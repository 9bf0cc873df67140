"""Finding people, friendship and blocking."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.client import PASSWORD, Client
from tests.wire.conftest import Stage


def relation(other: Client, what: str) -> dict[str, Any]:
    return {"user": {"user": other.id}, "relation": what}


async def listed(person: Client) -> dict[int, str]:
    """Everybody in a fresh sign-in, by relation."""
    probe = await person.another()
    await probe.close()
    everyone = probe.ready["friends"] + probe.ready["requests"] + probe.ready["blocked"]
    return {contact["user"]["user"]: contact["relation"] for contact in everyone}


async def test_asking_and_accepting(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    twin = await alice.another()
    answer = await alice.ask("contact.request", username=bob.username.upper())
    assert answer["contact"]["relation"] == "outgoing"
    assert answer["contact"]["user"] == bob.ready["user"]
    await bob.sees("contact", contact=relation(alice, "incoming"))
    await twin.sees("contact", contact=relation(bob, "outgoing"))
    await alice.sees_nothing()
    assert await listed(alice) == {bob.id: "outgoing"}
    assert await listed(bob) == {alice.id: "incoming"}
    answer = await bob.ask("contact.accept", user=alice.id)
    assert answer["contact"]["relation"] == "friend"
    await alice.sees("contact", contact=relation(bob, "friend"))
    await twin.sees("contact", contact=relation(bob, "friend"))
    assert await listed(alice) == {bob.id: "friend"}
    assert await listed(bob) == {alice.id: "friend"}


async def test_asking_who_has_asked_is_accepting(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await alice.ask("contact.request", username=bob.username)
    answer = await bob.ask("contact.request", username=alice.username)
    assert answer["contact"]["relation"] == "friend"
    await alice.sees("contact", contact=relation(bob, "friend"))


async def test_asking_twice_changes_nothing(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await alice.ask("contact.request", username=bob.username)
    await bob.sees("contact")
    answer = await alice.ask("contact.request", username=bob.username)
    assert answer["contact"]["relation"] == "outgoing"
    await bob.sees_nothing()
    await bob.ask("contact.accept", user=alice.id)
    answer = await alice.ask("contact.request", username=bob.username)
    assert answer["contact"]["relation"] == "friend"
    assert (await bob.ask("contact.accept", user=alice.id))["contact"]["relation"] == "friend"


async def test_declining(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await alice.ask("contact.request", username=bob.username)
    answer = await bob.ask("contact.decline", user=alice.id)
    assert answer["contact"]["relation"] == "none"
    await alice.sees("contact", contact=relation(bob, "none"))
    assert await listed(alice) == await listed(bob) == {}
    answer = await alice.ask("contact.request", username=bob.username)
    assert answer["contact"]["relation"] == "outgoing", "one may ask again"


async def test_taking_a_request_back(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await alice.ask("contact.request", username=bob.username)
    answer = await alice.ask("contact.remove", user=bob.id)
    assert answer["contact"]["relation"] == "none"
    await bob.sees("contact", contact=relation(alice, "none"))
    answer = await bob.answer("contact.accept", user=alice.id)
    assert answer["type"] == "error"
    assert await listed(bob) == {}


async def test_ending_a_friendship(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    answer = await alice.ask("contact.remove", user=bob.id)
    assert answer["contact"]["relation"] == "none"
    await bob.sees("contact", contact=relation(alice, "none"))
    assert await listed(alice) == await listed(bob) == {}


async def test_there_is_nothing_to_accept_or_decline(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    for kind in ("contact.accept", "contact.decline"):
        answer = await alice.answer(kind, user=bob.id)
        assert answer["type"] == "error" or answer["contact"]["relation"] == "none"
        assert answer.get("code", "not_found") in ("not_found", "forbidden")
    await alice.ask("contact.request", username=bob.username)
    answer = await alice.answer("contact.accept", user=bob.id)
    assert answer["type"] == "error" or answer["contact"]["relation"] == "outgoing", "nobody accepts an own request"
    assert await listed(bob) == {alice.id: "incoming"}


@pytest.mark.parametrize(
    "kind", ["contact.accept", "contact.decline", "contact.remove", "contact.block", "contact.unblock"]
)
async def test_people_who_do_not_exist(stage: Stage, kind: str) -> None:
    (alice,) = await stage.people("alice")
    await alice.refused("not_found", kind, user=2**53 - 1)


async def test_names_that_nobody_has(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    for name in ("nobody-at-all", "no name", "", "\u202e", "x" * 1_000):
        answer = await alice.answer("contact.request", username=name)
        assert answer["code"] in ("not_found", "invalid")


async def test_nobody_is_their_own_friend(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    for kind, fields in (
        ("contact.request", {"username": alice.username}),
        ("contact.block", {"user": alice.id}),
        ("direct.open", {"user": alice.id}),
    ):
        answer = await alice.answer(kind, **fields)
        assert answer["code"] in ("invalid", "forbidden", "not_found")


class TestBlocking:
    async def test_ends_the_friendship(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        twin = await alice.another()
        answer = await alice.ask("contact.block", user=bob.id)
        assert answer["contact"]["relation"] == "blocked"
        await twin.sees("contact", contact=relation(bob, "blocked"))
        await bob.sees("contact", contact=relation(alice, "none"))
        assert await listed(alice) == {bob.id: "blocked"}
        assert await listed(bob) == {}

    async def test_keeps_requests_away_without_saying_so(self, stage: Stage) -> None:
        alice, bob = await stage.people("alice", "bob")
        await alice.ask("contact.block", user=bob.id)
        await bob.sees_nothing()
        answer = await bob.ask("contact.request", username=alice.username)
        assert answer["contact"]["relation"] == "outgoing"
        await alice.sees_nothing()
        assert await listed(alice) == {bob.id: "blocked"}

    async def test_unblocking_does_not_bring_it_back(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        await alice.ask("contact.block", user=bob.id)
        answer = await alice.ask("contact.unblock", user=bob.id)
        assert answer["contact"]["relation"] == "none"
        assert await listed(alice) == {}
        assert await listed(bob) == {}
        await alice.befriends(bob)

    async def test_a_request_under_a_block_is_not_there_after_it(self, stage: Stage) -> None:
        alice, bob = await stage.people("alice", "bob")
        await alice.ask("contact.block", user=bob.id)
        await bob.ask("contact.request", username=alice.username)
        await alice.ask("contact.unblock", user=bob.id)
        assert await listed(alice) == {}

    async def test_both_ways(self, stage: Stage) -> None:
        alice, bob = await stage.people("alice", "bob")
        await alice.ask("contact.block", user=bob.id)
        await bob.ask("contact.block", user=alice.id)
        await alice.ask("contact.unblock", user=bob.id)
        answer = await alice.ask("contact.request", username=bob.username)
        assert answer["contact"]["relation"] == "outgoing"
        await bob.sees_nothing()
        assert await listed(bob) == {alice.id: "blocked"}

    async def test_keeps_the_blocked_from_inviting(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await bob.founds("trap")
        await alice.ask("contact.block", user=bob.id)
        answer = await bob.answer("group.invite", conv=conv, user=alice.id)
        assert answer["code"] in ("forbidden", "not_found")

    async def test_of_one_who_has_asked_drops_the_request(self, stage: Stage) -> None:
        alice, bob = await stage.people("alice", "bob")
        await bob.ask("contact.request", username=alice.username)
        await alice.ask("contact.block", user=bob.id)
        assert await listed(alice) == {bob.id: "blocked"}


class TestDirect:
    async def test_is_the_same_for_both_and_for_ever(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        answer = await alice.ask("direct.open", user=bob.id)
        conversation = answer["conversation"]
        assert conversation["kind"] == "direct"
        assert conversation["peer"] == bob.id
        assert conversation["title"] == bob.ready["user"]["display_name"]
        assert (conversation["from"], conversation["head"], conversation["unread"]) == (1, 1, 0)
        assert conversation["peer_read"] == (await bob.conversation(conversation["conv"]))["read"]
        assert await bob.opens(alice) == conversation["conv"]
        assert await alice.opens(bob) == conversation["conv"]
        await alice.ask("contact.remove", user=bob.id)
        await alice.befriends(bob)
        assert await alice.opens(bob) == conversation["conv"]

    async def test_the_peer_hears_of_it_before_the_first_entry(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        twin = await alice.another()
        conv = await alice.opens(bob)
        ack = await alice.says(conv, "hello")
        for other in (bob, twin):
            await other.sees_next("conversation", conversation={"conv": conv, "kind": "direct"})
            await other.sees_next("entry", conv=conv, seq=ack["seq"])

    async def test_is_named_with_the_contact(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        for one in (alice, bob):
            again = await one.another()
            assert again.ready["friends"][0]["conv"] == conv

    async def test_is_for_friends(self, stage: Stage) -> None:
        alice, bob = await stage.people("alice", "bob")
        answer = await alice.answer("direct.open", user=bob.id)
        assert answer["code"] in ("forbidden", "not_found")
        await alice.ask("contact.request", username=bob.username)
        answer = await alice.answer("direct.open", user=bob.id)
        assert answer["code"] in ("forbidden", "not_found")
        await alice.refused("not_found", "direct.open", user=2**53 - 1)

    @pytest.mark.parametrize("how", ["contact.remove", "contact.block"])
    async def test_is_read_only_after_the_friendship(self, stage: Stage, how: str) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        ack = await alice.says(conv, "hello")
        await alice.ask(how, user=bob.id)
        for one in (alice, bob):
            await one.refused(
                "forbidden", "message.send", conv=conv, cid="3d594650-3436-453a-8ab3-2f1ec5f3a3a3", text="still there?"
            )
            assert len(await one.history(conv)) == 2
            assert (await one.conversation(conv))["head"] == ack["seq"]
        await bob.ask("read.mark", conv=conv, seq=ack["seq"])

    async def test_can_be_written_to_again_by_friends(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        await alice.ask("contact.remove", user=bob.id)
        await bob.befriends(alice)
        await alice.says(conv, "again")

    async def test_group_requests_do_not_apply(self, stage: Stage) -> None:
        alice, bob, carol = await stage.friends("alice", "bob", "carol")
        conv = await alice.opens(bob)
        for kind, fields in (
            ("group.invite", {"user": carol.id}),
            ("group.remove", {"user": bob.id}),
            ("group.ban", {"user": bob.id}),
            ("group.role", {"user": bob.id, "role": "admin"}),
            ("group.update", {"title": "x"}),
            ("group.leave", {}),
            ("group.join", {}),
        ):
            answer = await alice.answer(kind, conv=conv, **fields)
            assert answer["type"] == "error", kind
        assert [entry["kind"] for entry in await alice.history(conv)] == ["create"]


class TestFinding:
    async def test_by_a_part_of_either_name_without_case(self, stage: Stage) -> None:
        someone = await stage.stranger()
        await someone.registers("quetzal.coatl", display_name="Feathered Schlange")
        (alice,) = await stage.people("alice")
        for query in ("quetzal", "ETZAL", "coatl", "feathered", "SCHLANGE", "red sch"):
            users = (await alice.ask("user.search", query=query, limit=10))["users"]
            assert [user["user"] for user in users] == [someone.id], query
            assert users == [someone.ready["user"]]

    async def test_wildcards_are_letters_like_others(self, stage: Stage) -> None:
        (alice,) = await stage.people("alice")
        for query in ("%", "a%e", "'", "\\", '"', "\x00"):
            assert (await alice.ask("user.search", query=query, limit=10))["users"] == [], query
        odd = await stage.stranger()
        await odd.ask("account.register", username="percentage", password=PASSWORD, display_name="100%_sure\\'\"")
        for query in ("0%_s", "%_", "\\'", "'\""):
            assert len((await alice.ask("user.search", query=query, limit=10))["users"]) == 1, query

    async def test_of_other_scripts(self, stage: Stage) -> None:
        someone = await stage.stranger()
        await someone.registers("scripted", display_name="ＷＩＤＥ 小明 Ärger")
        (alice,) = await stage.people("alice")
        for query in ("小明", "明", "wide", "ärger", "ÄRGER"):
            users = (await alice.ask("user.search", query=query, limit=10))["users"]
            assert someone.id in [user["user"] for user in users], query

    async def test_within_its_limit(self, stage: Stage) -> None:
        people = await stage.people("crowd", "crowd", "crowd")
        assert len((await people[0].ask("user.search", query="crowd", limit=2))["users"]) == 2
        await people[0].refused("invalid", "user.search", query="crowd", limit=0)
        await people[0].refused("invalid", "user.search", query="crowd", limit=201)
        answer = await people[0].answer("user.search", query="x" * 257, limit=1)
        assert answer["code"] in ("invalid", "too_large")
