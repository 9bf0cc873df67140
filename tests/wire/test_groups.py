"""The life of a group: founding, finding, joining, inviting, roles, leaving, closing."""

from __future__ import annotations

import pytest

from tests.wire.client import ABSENT, Client, cid
from tests.wire.conftest import Stage


async def roles(person: Client, conv: int) -> dict[int, str]:
    members = (await person.ask("group.members", conv=conv, limit=200))["members"]
    return {member["user"]["user"]: member["role"] for member in members}


async def test_founding(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    twin = await alice.another()
    answer = await alice.ask("group.create", cid=cid(), title="Tea 茶", topic="leaves", visibility="private")
    conversation = answer["conversation"]
    assert conversation["kind"] == "group"
    assert (conversation["title"], conversation["topic"]) == ("Tea 茶", "leaves")
    assert (conversation["visibility"], conversation["role"], conversation["members"]) == ("private", "owner", 1)
    assert (conversation["unread"], conversation["mentions"], conversation["muted"]) == (0, 0, False)
    assert "peer" not in conversation
    await twin.sees("conversation", conversation={"conv": conversation["conv"], "role": "owner"})
    history = await alice.history(conversation["conv"])
    assert (history[0]["kind"], history[0]["seq"], history[0]["by"]) == ("create", 1, alice.id)
    assert [entry["seq"] for entry in history] == list(range(1, conversation["head"] + 1))
    await alice.sees_no("entry", kind="create")


async def test_founding_with_a_known_cid_gives_that_group(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    key = cid()
    first = await alice.ask("group.create", cid=key, title="once", visibility="public")
    again = await alice.ask("group.create", cid=key, title="once", visibility="public")
    assert again["conversation"]["conv"] == first["conversation"]["conv"]
    other = await alice.another()
    assert len(other.ready["conversations"]) == 1
    await alice.refused("cid_conflict", "group.create", cid=key, title="twice", visibility="public")
    his = await bob.ask("group.create", cid=key, title="once", visibility="public")
    assert his["conversation"]["conv"] != first["conversation"]["conv"]
    without = [await alice.ask("group.create", title="once", visibility="public") for _ in range(2)]
    assert without[0]["conversation"]["conv"] != without[1]["conversation"]["conv"]


@pytest.mark.parametrize("title", ["", " ", "x" * 65, "a\nb", "a\u202eb", "a\u200bb", "\x1b[0m"], ids=ascii)
async def test_titles_show_what_they_are(stage: Stage, title: str) -> None:
    (alice,) = await stage.people("alice")
    conv = await alice.founds("fine")
    for kind, fields in (("group.create", {"visibility": "public"}), ("group.update", {"conv": conv})):
        answer = await alice.answer(kind, title=title, **fields)
        assert answer["code"] in ("invalid", "too_large")


async def test_topics_have_an_end(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    conv = await alice.founds("fine", topic="😀" * 256)
    for topic in ("😀" * 257, "a\nb", "a\u202eb"):
        answer = await alice.answer("group.update", conv=conv, topic=topic)
        assert answer["code"] in ("invalid", "too_large")
    assert (await alice.conversation(conv))["topic"] == "😀" * 256


async def test_public_groups_can_be_found_and_joined(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("Gärtnerei Löwenzahn", visibility="public", topic="green")
    await alice.says(conv, "welcome")
    for query in ("löwen", "GÄRTNEREI", "ei Lö"):
        groups = (await bob.ask("group.find", query=query, limit=10))["groups"]
        assert [group["conv"] for group in groups] == [conv], query
    (found,) = groups
    assert (found["title"], found["topic"], found["members"], found["visibility"]) == (
        "Gärtnerei Löwenzahn",
        "green",
        1,
        "public",
    )
    assert "role" not in found
    twin = await bob.another()
    key = cid()
    bob.lines.clear()
    joined = (await bob.ask("group.join", conv=conv, cid=key))["conversation"]
    assert (joined["role"], joined["from"], joined["members"]) == ("member", 1, 2)
    kinds = [line["type"] for line in bob.lines]
    assert kinds.index("entry") < kinds.index("conversation"), "the entry comes before the answer"
    entry = await bob.sees("entry", conv=conv, kind="join", user=bob.id, by=bob.id, reason="joined", cid=key)
    assert entry["seq"] == joined["head"]
    await alice.sees("entry", conv=conv, kind="join", user=bob.id)
    told = await twin.sees_next("conversation", conversation={"conv": conv, "role": "member"})
    assert told["conversation"]["head"] == entry["seq"] - 1
    assert told["conversation"]["read"] == entry["seq"] - 1
    await twin.sees_next("entry", conv=conv, seq=entry["seq"])
    assert "welcome" in [entry.get("text") for entry in await bob.history(conv)]


async def test_finding_all_and_none(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    for number in range(3):
        await alice.founds(f"findable {number}", visibility="public")
    secret = await alice.founds("unfindable", visibility="private")
    assert len((await alice.ask("group.find", limit=2))["groups"]) == 2
    everything = (await alice.ask("group.find", limit=200))["groups"]
    assert len(everything) >= 3
    assert secret not in [group["conv"] for group in everything]
    assert (await alice.ask("group.find", query="unfindable", limit=200))["groups"] == []
    assert (await alice.ask("group.find", query="%", limit=200))["groups"] == []
    assert len((await alice.ask("group.find", query="findable", limit=200))["groups"]) == 3
    sizes = [group["members"] for group in everything]
    assert sizes == sorted(sizes, reverse=True)
    for limit in (0, 201):
        await alice.refused("invalid", "group.find", limit=limit)


async def test_joining_twice_writes_once(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    first = (await bob.ask("group.join", conv=conv, cid=cid()))["conversation"]
    again = (await bob.ask("group.join", conv=conv, cid=cid()))["conversation"]
    assert again["head"] == first["head"]


async def test_asking_again_for_what_was_done_is_no_error_for_one_who_has_left_since(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    founding, joining = cid(), cid()
    conv = (await alice.ask("group.create", cid=founding, title="open", visibility="public"))["conversation"]["conv"]
    await bob.ask("group.join", conv=conv, cid=joining)
    await alice.ask("group.role", conv=conv, user=bob.id, role="owner")
    for person in (alice, bob):
        await person.ask("group.leave", conv=conv)
        again = (
            await bob.ask("group.join", conv=conv, cid=joining)
            if person is bob
            else await alice.ask("group.create", cid=founding, title="open", visibility="public")
        )["conversation"]
        assert (again["conv"], again["title"]) == (conv, "open")
        assert "role" not in again
        twin = await person.another()
        assert twin.ready["conversations"] == []


async def test_one_who_has_left_a_private_group_sees_nothing_of_it_by_asking_again(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    key = cid()
    conv = await alice.founds("open", visibility="public")
    await bob.ask("group.join", conv=conv, cid=key)
    await bob.ask("group.leave", conv=conv)
    await alice.ask("group.update", conv=conv, title="secret", visibility="private")
    await bob.refused("not_found", "group.join", conv=conv, cid=key)


async def test_inviting_makes_a_member_at_once(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob)
    await alice.says(conv, "before carol")
    bob.forget()
    alice.lines.clear()
    key = cid()
    assert (await alice.ask("group.invite", conv=conv, user=carol.id, cid=key))["type"] == "ok"
    assert [line["type"] for line in alice.lines][:2] == ["entry", "ok"]
    told = await carol.sees_next("conversation", conversation={"conv": conv, "title": "team", "role": "member"})
    entry = await carol.sees_next(
        "entry", conv=conv, kind="join", user=carol.id, by=alice.id, reason="invited", cid=key
    )
    assert (told["conversation"]["head"], told["conversation"]["read"]) == (entry["seq"] - 1, entry["seq"] - 1)
    assert told["conversation"]["from"] == entry["seq"]
    await bob.sees("entry", conv=conv, seq=entry["seq"], kind="join")
    assert [shown["seq"] for shown in await carol.history(conv)] == [entry["seq"]], (
        "a private group begins with the join"
    )


async def test_inviting_again_and_retries_write_nothing(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team")
    key = cid()
    await alice.ask("group.invite", conv=conv, user=bob.id, cid=key)
    await alice.ask("group.invite", conv=conv, user=bob.id, cid=key)
    await alice.ask("group.invite", conv=conv, user=bob.id, cid=cid())
    joins = [entry for entry in await alice.history(conv) if entry["kind"] == "join" and entry["user"] == bob.id]
    assert len(joins) == 1
    await alice.refused("cid_conflict", "group.update", conv=conv, title="x", cid=key)
    await alice.refused("cid_conflict", "message.send", conv=conv, text="x", cid=key)


async def test_only_friends_can_be_invited(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("team")
    await alice.refused("forbidden", "group.invite", conv=conv, user=bob.id)
    answer = await alice.answer("group.invite", conv=conv, user=2**53 - 1)
    assert answer["code"] in ("not_found", "forbidden")


async def test_leaving(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team", bob)
    twin = await bob.another()
    bob.forget()
    key = cid()
    assert (await bob.ask("group.leave", conv=conv, cid=key))["type"] == "ok"
    for one in (bob, twin):
        await one.sees_next("entry", conv=conv, kind="leave", user=bob.id, by=bob.id, reason="left", cid=key)
        await one.sees_next("conversation.gone", conv=conv, reason="left")
    await alice.sees("entry", conv=conv, kind="leave", user=bob.id)
    await alice.says(conv, "nobody hears this")
    for one in (bob, twin):
        await one.sees_nothing()
        await one.refused("not_found", "history.get", conv=conv, limit=1)
        await one.refused("not_found", "message.send", conv=conv, cid=cid(), text="hello?")
    assert (await alice.conversation(conv))["members"] == 1
    again = await bob.ask("group.leave", conv=conv, cid=key)
    assert again["type"] == "ok", "a retry is answered as the first time"


@pytest.mark.parametrize(("kind", "reason"), [("group.remove", "removed"), ("group.ban", "banned")])
async def test_being_removed_or_banned(stage: Stage, kind: str, reason: str) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob, carol)
    carol.forget()
    bob.forget()
    assert (await alice.ask(kind, conv=conv, user=bob.id, cid=cid()))["type"] == "ok"
    await bob.sees_next("entry", conv=conv, kind="leave", user=bob.id, by=alice.id, reason=reason)
    await bob.sees_next("conversation.gone", conv=conv, reason=reason)
    await carol.sees("entry", conv=conv, kind="leave", user=bob.id, reason=reason)
    await alice.says(conv, "without bob")
    await bob.sees_nothing()
    await bob.refused("not_found", "history.get", conv=conv, limit=1)
    assert bob.id not in await roles(alice, conv)


async def test_the_removed_may_come_back_and_the_banned_may_not(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    await bob.ask("group.join", conv=conv)
    await alice.ask("group.remove", conv=conv, user=bob.id)
    await bob.ask("group.join", conv=conv)
    await alice.ask("group.ban", conv=conv, user=bob.id)
    await bob.refused("forbidden", "group.join", conv=conv)
    await alice.refused("forbidden", "group.invite", conv=conv, user=bob.id)
    assert (await alice.ask("group.unban", conv=conv, user=bob.id))["type"] == "ok"
    await bob.ask("group.join", conv=conv)


async def test_banning_someone_who_is_no_member_keeps_them_out(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("open", visibility="public")
    assert (await alice.ask("group.ban", conv=conv, user=bob.id))["type"] == "ok"
    await bob.refused("forbidden", "group.join", conv=conv)


async def test_a_private_group_cannot_be_joined(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("closed")
    await bob.refused("not_found", "group.join", conv=conv)


async def test_from_is_the_latest_join_of_a_private_group(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("closed", bob)
    await alice.says(conv, "first stay")
    await bob.ask("group.leave", conv=conv)
    await alice.says(conv, "while away")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    await alice.says(conv, "second stay")
    texts = [entry.get("text") for entry in await bob.history(conv)]
    assert texts == [None, "second stay"]
    first = (await bob.conversation(conv))["from"]
    page = await bob.ask("history.get", conv=conv, before=first, limit=10)
    assert (page["entries"], page["more"]) == ([], False)
    page = await bob.ask("history.get", conv=conv, after=0, limit=10)
    assert page["entries"][0]["seq"] == first
    page = await bob.ask("history.get", conv=conv, around=2, limit=10)
    assert all(entry["seq"] >= first for entry in page["entries"])
    again = await bob.another(cursors={str(conv): 1})
    for part in again.ready["missed"]:
        assert all(entry["seq"] >= first for entry in part["entries"])


async def test_what_lies_below_from_cannot_be_answered_reacted_to_or_changed(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("closed")
    hidden = await alice.says(conv, "before bob")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    await alice.ask("group.role", conv=conv, user=bob.id, role="admin")
    for kind, fields in (
        ("message.send", {"text": "x", "reply_to": hidden["seq"]}),
        ("message.react", {"seq": hidden["seq"], "emoji": "x", "on": True}),
        ("message.delete", {"seq": hidden["seq"]}),
    ):
        answer = await bob.answer(kind, conv=conv, cid=cid(), **fields)
        assert answer["type"] == "error", kind
        nothing = await bob.answer(
            kind,
            conv=conv,
            cid=cid(),
            **{key: 1_000 if value == hidden["seq"] else value for key, value in fields.items()},
        )
        assert (answer["code"], answer["message"]) == (nothing["code"], nothing["message"]), "hidden is as if not there"


async def test_an_edit_of_what_lies_below_from_tells_no_text(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("closed")
    hidden = await alice.says(conv, "before bob")
    await alice.ask("group.invite", conv=conv, user=bob.id)
    await bob.sees("entry", kind="join")
    edit = await alice.edits(conv, hidden["seq"], "edited after bob came")
    await bob.sees("entry", seq=edit["seq"], kind="edit", target=hidden["seq"])
    assert hidden["seq"] not in [entry["seq"] for entry in await bob.history(conv)]


async def test_changing_title_topic_and_visibility(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("old", bob)
    bob.forget()
    key = cid()
    assert (await alice.ask("group.update", conv=conv, title="new", topic="t", visibility="public", cid=key))[
        "type"
    ] == "ok"
    await bob.sees("entry", conv=conv, kind="change", by=alice.id, cid=key, title="new", topic="t", visibility="public")
    conversation = await bob.conversation(conv)
    assert (conversation["title"], conversation["topic"], conversation["visibility"]) == ("new", "t", "public")
    head = conversation["head"]
    await alice.ask("group.update", conv=conv, title="new", cid=cid())
    await alice.ask("group.update", conv=conv, cid=cid())
    assert (await bob.conversation(conv))["head"] == head, "what changes nothing writes nothing"
    await alice.ask("group.update", conv=conv, topic="only the topic", cid=cid())
    await bob.sees("entry", conv=conv, kind="change", topic="only the topic", title=ABSENT, visibility=ABSENT)


async def test_roles_and_handing_over(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob, carol)
    await alice.ask("group.role", conv=conv, user=bob.id, role="admin", cid=cid())
    await carol.sees("entry", conv=conv, kind="role", user=bob.id, role="admin", by=alice.id)
    assert await roles(carol, conv) == {alice.id: "owner", bob.id: "admin", carol.id: "member"}
    head = (await alice.conversation(conv))["head"]
    await alice.ask("group.role", conv=conv, user=bob.id, role="admin", cid=cid())
    assert (await alice.conversation(conv))["head"] == head
    await alice.refused("forbidden", "group.leave", conv=conv)
    await alice.ask("group.role", conv=conv, user=carol.id, role="owner", cid=cid())
    assert await roles(carol, conv) == {alice.id: "admin", bob.id: "admin", carol.id: "owner"}
    assert (await carol.conversation(conv))["role"] == "owner"
    assert (await alice.conversation(conv))["role"] == "admin"
    await carol.ask("group.role", conv=conv, user=bob.id, role="member", cid=cid())
    await alice.ask("group.leave", conv=conv)
    assert await roles(carol, conv) == {bob.id: "member", carol.id: "owner"}


async def test_a_role_for_someone_who_is_no_member(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team")
    answer = await alice.answer("group.role", conv=conv, user=bob.id, role="admin")
    assert answer["code"] in ("not_found", "forbidden")
    answer = await alice.answer("group.role", conv=conv, user=alice.id, role="member")
    assert answer["type"] == "error", "the owner cannot give the group to nobody"
    assert await roles(alice, conv) == {alice.id: "owner"}


async def test_the_last_ones_leave_closes_the_group(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("short-lived", visibility="public")
    twin = await alice.another()
    assert (await alice.ask("group.leave", conv=conv, cid=cid()))["type"] == "ok"
    for one in (alice, twin):
        gone = await one.sees("conversation.gone", conv=conv)
        assert gone["reason"] in ("left", "closed")
    await bob.refused("not_found", "group.join", conv=conv)
    assert (await bob.ask("group.find", query="short-lived", limit=10))["groups"] == []
    again = await alice.another()
    assert again.ready["conversations"] == []


async def test_members_come_in_pages_with_presence(stage: Stage) -> None:
    people = await stage.friends("alice", "b", "c", "d", "e")
    alice = people[0]
    conv = await alice.founds("team", *people[1:])
    first = await people[3].ask("group.members", conv=conv, limit=2)
    assert first["more"] is True
    rest = await people[3].ask("group.members", conv=conv, after=first["members"][-1]["user"]["user"], limit=3)
    assert rest["more"] is False
    members = first["members"] + rest["members"]
    assert [member["user"]["user"] for member in members] == sorted(person.id for person in people)
    assert {member["presence"]["status"] for member in members} == {"online"}
    assert members[0]["user"] == alice.ready["user"]
    for limit in (0, 201):
        await alice.refused("invalid", "group.members", conv=conv, limit=limit)


async def test_a_removal_that_races_with_sends(stage: Stage) -> None:
    """Each send has a seq below the removal, or is refused."""
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("race", bob)
    sends = [bob.post("message.send", conv=conv, cid=cid(), text=f"{number}") for number in range(50)]
    removal = alice.post("group.remove", conv=conv, user=bob.id, cid=cid())
    sends += [bob.post("message.send", conv=conv, cid=cid(), text=f"{number}") for number in range(50, 100)]
    assert (await alice.wait(removal))["type"] == "ok"
    answers = [await bob.wait(send) for send in sends]
    (leave,) = [entry["seq"] for entry in await alice.history(conv) if entry["kind"] == "leave"]
    acked = [answer["seq"] for answer in answers if answer["type"] == "ack"]
    assert all(seq < leave for seq in acked)
    assert {answer["code"] for answer in answers if answer["type"] == "error"} <= {"not_found"}
    by_bob = [
        entry["seq"] for entry in await alice.history(conv) if entry["by"] == bob.id and entry["kind"] == "message"
    ]
    assert sorted(acked) == by_bob


async def test_joining_and_leaving_in_a_loop_keeps_the_log_whole(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    conv = await alice.founds("door", visibility="public")
    for _ in range(20):
        await bob.ask("group.join", conv=conv, cid=cid())
        await bob.ask("group.leave", conv=conv, cid=cid())
    history = await alice.history(conv)
    assert [entry["seq"] for entry in history] == list(range(1, len(history) + 1))
    kinds = [entry["kind"] for entry in history if entry["by"] == bob.id]
    assert kinds == ["join", "leave"] * 20


async def test_changed_facts_are_told_to_whom_they_concern(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("old", bob)
    bob.forget()
    await alice.ask("group.update", conv=conv, title="new", cid=cid())
    entry = await bob.sees("entry", conv=conv, kind="change", title="new")
    told = await bob.sees("conversation", conversation={"conv": conv, "title": "new", "role": "member"})
    assert told["conversation"]["head"] >= entry["seq"]
    await alice.ask("group.role", conv=conv, user=bob.id, role="admin", cid=cid())
    await bob.sees("entry", conv=conv, kind="role", user=bob.id)
    await bob.sees("conversation", conversation={"conv": conv, "role": "admin"})
