"""The log: sending, editing, deleting, reacting; acks, order and idempotent retries."""

from __future__ import annotations

import time

import pytest

from tests.wire.client import ABSENT, Client, cid, cids
from tests.wire.conftest import Stage


async def test_a_message_reaches_everyone_but_the_asking_connection(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    conv = await alice.founds("team", bob, carol)
    twin, device = await alice.another(), await alice.other_device()
    alice.forget()
    before = time.time() * 1000 - 60_000
    ack = await alice.says(conv, "hello, all")
    assert ack["duplicate"] is False
    assert before < ack["at"] < before + 120_000
    for other in (bob, carol, twin, device):
        await other.sees(
            "entry",
            conv=conv,
            seq=ack["seq"],
            rev=ack["seq"],
            kind="message",
            by=alice.id,
            at=ack["at"],
            cid=ack["cid"],
            text="hello, all",
            edited=ABSENT,
            deleted=ABSENT,
            reply_to=ABSENT,
        )
    await alice.sees_nothing()


async def test_seqs_have_no_holes_and_everyone_sees_the_same(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    acks = []
    for number in range(10):
        speaker = (alice, bob)[number % 2]
        acks.append(await speaker.says(conv, f"{number}"))
    assert [ack["seq"] for ack in acks] == list(range(2, 12))
    pages = [await one.history(conv) for one in (alice, bob)]
    assert pages[0] == pages[1]
    assert [entry["kind"] for entry in pages[0]] == ["create"] + ["message"] * 10
    assert [(entry["seq"], entry["at"], entry["cid"]) for entry in pages[0][1:]] == [
        (ack["seq"], ack["at"], ack["cid"]) for ack in acks
    ]


async def test_acks_and_entries_together_leave_in_the_order_of_seq(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await bob.sees("conversation")
    for client in (alice, bob):
        client.lines.clear()
    futures = [
        (one, one.post("message.send", conv=conv, cid=cid(), text=f"{n}")) for n in range(200) for one in (alice, bob)
    ]
    for one, future in futures:
        assert (await one.wait(future))["duplicate"] is False
    for client in (alice, bob):
        await client.settle()
        seqs = [line["seq"] for line in client.lines if line["type"] in ("ack", "entry")]
        assert seqs == list(range(2, 402))


async def test_a_pipelined_sender_keeps_its_order(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    futures = [alice.post("message.send", conv=conv, cid=cid(), text=f"{number}") for number in range(500)]
    seqs = [(await alice.wait(future))["seq"] for future in futures]
    assert seqs == list(range(2, 502))


class TestRetry:
    async def test_on_the_same_connection(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = await alice.says(conv, "once", cid=key)
        again = await alice.says(conv, "once", cid=key)
        assert again == {**first, "re": again["re"], "duplicate": True}
        await bob.sees("entry", seq=first["seq"])
        await bob.sees_no("entry")
        assert len(await alice.history(conv)) == 2

    async def test_on_another_connection_and_device_and_much_later(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = await alice.says(conv, "once", cid=key)
        for _ in range(50):
            await bob.says(conv, "filler")
        for other in (await alice.another(), await alice.other_device()):
            again = await other.says(conv, "once", cid=key)
            assert (again["seq"], again["at"], again["duplicate"]) == (first["seq"], first["at"], True)

    async def test_with_another_content_is_a_conflict(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = await alice.says(conv, "once", cid=key)
        await alice.refused("cid_conflict", "message.send", conv=conv, cid=key, text="twice")
        await alice.refused("cid_conflict", "message.send", conv=conv, cid=key, text="once", reply_to=1)
        await alice.refused("cid_conflict", "message.delete", conv=conv, cid=key, seq=first["seq"])
        await alice.refused("cid_conflict", "message.edit", conv=conv, cid=key, seq=first["seq"], text="once")
        await alice.refused("cid_conflict", "message.react", conv=conv, cid=key, seq=first["seq"], emoji="👍", on=True)
        assert [entry["seq"] for entry in await alice.history(conv)] == [1, first["seq"]]

    async def test_a_cid_belongs_to_its_sender_and_conversation(self, stage: Stage) -> None:
        alice, bob, carol = await stage.friends("alice", "bob", "carol")
        conv, other = await alice.opens(bob), await alice.opens(carol)
        key = cid()
        assert (await alice.says(conv, "one", cid=key))["duplicate"] is False
        assert (await bob.says(conv, "two", cid=key))["duplicate"] is False
        assert (await alice.says(other, "three", cid=key))["duplicate"] is False

    async def test_the_content_is_the_original_one(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = await alice.says(conv, "once", cid=key)
        await alice.edits(conv, first["seq"], "edited")
        assert (await alice.says(conv, "once", cid=key))["duplicate"] is True
        await alice.refused("cid_conflict", "message.send", conv=conv, cid=key, text="edited")
        await alice.deletes(conv, first["seq"])
        again = await alice.says(conv, "once", cid=key)
        assert (again["seq"], again["duplicate"]) == (first["seq"], True)
        await alice.refused("cid_conflict", "message.send", conv=conv, cid=key, text="other")

    async def test_in_one_burst(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        twin = await alice.another()
        key = cid()
        futures = [
            (one, one.post("message.send", conv=conv, cid=key, text="once")) for _ in range(20) for one in (alice, twin)
        ]
        acks = [await one.wait(future) for one, future in futures]
        assert {ack["seq"] for ack in acks} == {2}
        assert sum(not ack["duplicate"] for ack in acks) == 1
        assert len(await bob.history(conv)) == 2

    async def test_two_contents_in_one_burst(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = alice.post("message.send", conv=conv, cid=key, text="this")
        second = alice.post("message.send", conv=conv, cid=key, text="that")
        assert (await alice.wait(first))["type"] == "ack"
        assert (await alice.wait(second))["code"] == "cid_conflict"
        assert [entry.get("text") for entry in await bob.history(conv)] == [None, "this"]

    async def test_of_every_kind_of_change(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "one")
        for kind, fields in (
            ("message.react", {"seq": message["seq"], "emoji": "👍", "on": True}),
            ("message.edit", {"seq": message["seq"], "text": "two"}),
            ("message.delete", {"seq": message["seq"]}),
        ):
            key = cid()
            first = await alice.ask(kind, conv=conv, cid=key, **fields)
            again = await alice.ask(kind, conv=conv, cid=key, **fields)
            assert again == {**first, "re": again["re"], "duplicate": True}
            different = {**fields, "seq": 1}
            await alice.refused("cid_conflict", kind, conv=conv, cid=key, **different)

    async def test_after_the_permission_is_gone_still_says_where_it_is(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        first = await alice.says(conv, "once", cid=key)
        await alice.ask("contact.remove", user=bob.id)
        again = await alice.says(conv, "once", cid=key)
        assert (again["seq"], again["duplicate"]) == (first["seq"], True)
        await alice.refused("forbidden", "message.send", conv=conv, cid=cid(), text="twice")


class TestAfter:
    async def test_a_stored_predecessor_lets_it_pass(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        keys = cids(3)
        futures = [
            alice.post("message.send", conv=conv, cid=key, text=key, **({"after": previous} if previous else {}))
            for previous, key in zip([None, *keys], keys, strict=False)
        ]
        acks = [await alice.wait(future) for future in futures]
        assert [ack["seq"] for ack in acks] == [2, 3, 4]

    async def test_a_missing_predecessor_refuses_it(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        first, second, third = cids(3)
        await alice.refused("unavailable", "message.send", conv=conv, cid=second, text="two", after=first)
        await alice.refused("unavailable", "message.send", conv=conv, cid=third, text="three", after=second)
        await alice.says(conv, "one", cid=first)
        assert (await alice.says(conv, "two", cid=second, after=first))["duplicate"] is False
        assert (await alice.says(conv, "three", cid=third, after=second))["duplicate"] is False
        assert [entry.get("text") for entry in await bob.history(conv)] == [None, "one", "two", "three"]

    async def test_a_refused_predecessor_takes_its_pipeline_with_it(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        first, second, third = cids(3)
        futures = [
            alice.post("message.send", conv=conv, cid=first, text=" "),
            alice.post("message.send", conv=conv, cid=second, text="two", after=first),
            alice.post("message.send", conv=conv, cid=third, text="three", after=second),
        ]
        answers = [await alice.wait(future) for future in futures]
        assert [answer.get("code") for answer in answers] == ["invalid", "unavailable", "unavailable"]
        assert len(await bob.history(conv)) == 1

    async def test_another_senders_message_is_no_predecessor(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        await bob.says(conv, "mine", cid=key)
        await alice.refused("unavailable", "message.send", conv=conv, cid=cid(), text="x", after=key)

    async def test_a_retry_needs_no_predecessor(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        key = cid()
        await alice.says(conv, "one", cid=key)
        again = await alice.answer("message.send", conv=conv, cid=key, text="one", after=cid())
        assert again["type"] == "ack"
        assert again["duplicate"] is True


class TestText:
    @pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u3000\u2003", "\u200b", "\u2800 \u3164"], ids=ascii)
    async def test_blank_is_refused(self, stage: Stage, text: str) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        await alice.refused("invalid", "message.send", conv=conv, cid=cid(), text=text)

    async def test_the_cap_counts_bytes(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        for text in ("x" * 8_192, "😀" * 2_048, "ß" * 4_096):
            ack = await alice.says(conv, text)
            assert (await bob.entry(conv, ack["seq"]))["text"] == text
            await alice.refused("too_large", "message.send", conv=conv, cid=cid(), text=text + "x")
            await alice.refused("too_large", "message.edit", conv=conv, cid=cid(), seq=ack["seq"], text=text + "x")

    @pytest.mark.parametrize(
        "text",
        [
            "a\nb\n",
            "e" + "\u0301" * 3_000,
            "\u202eabc",
            "\x1b]52;c;aGk=\x07",
            "👩‍👩‍👧‍👦🇩🇪",
            "\u200b",
            "'; DROP TABLE--",
            "\ufeff",
            "\u2028x",
            " leading and trailing ",
        ],
        ids=lambda text: ascii(text)[:20],
    )
    async def test_is_stored_as_it_came(self, stage: Stage, text: str) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        answer = await alice.answer("message.send", conv=conv, cid=cid(), text=text)
        if not text.strip("\u200b\ufeff"):
            assert answer.get("code", "invalid") == "invalid", "only invisible: may count as blank"
        else:
            assert (await bob.entry(conv, answer["seq"]))["text"] == text


class TestReply:
    async def test_names_its_message(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        question = await alice.says(conv, "tea?")
        answer = await bob.says(conv, "yes", reply_to=question["seq"])
        await alice.sees("entry", seq=answer["seq"], reply_to=question["seq"])
        assert (await alice.entry(conv, answer["seq"]))["reply_to"] == question["seq"]

    async def test_to_what_is_not_there_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        answer = await alice.answer("message.send", conv=conv, cid=cid(), text="x", reply_to=1_000)
        assert answer.get("code") in ("not_found", "invalid")


class TestEdit:
    async def test_changes_the_text_for_everyone(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "helo")
        await bob.sees("entry", seq=message["seq"])
        edit = await alice.edits(conv, message["seq"], "hello")
        assert edit["seq"] == message["seq"] + 1
        await bob.sees(
            "entry", kind="edit", seq=edit["seq"], target=message["seq"], text="hello", by=alice.id, cid=edit["cid"]
        )
        shown = await bob.entry(conv, message["seq"])
        assert (shown["text"], shown["rev"], shown["edited"]) == ("hello", edit["seq"], edit["at"])
        assert (shown["at"], shown["cid"], shown["by"]) == (message["at"], message["cid"], alice.id)

    async def test_an_edit_that_is_superseded_is_emptied(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "one")
        first = await alice.edits(conv, message["seq"], "two")
        second = await alice.edits(conv, message["seq"], "three")
        assert (await bob.entry(conv, first["seq"]))["text"] == ""
        assert (await bob.entry(conv, second["seq"]))["text"] == "three"
        assert (await bob.entry(conv, message["seq"]))["rev"] == second["seq"]

    async def test_of_anothers_message_is_forbidden(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.founds("team", bob)
        message = await bob.says(conv, "mine")
        await alice.refused("forbidden", "message.edit", conv=conv, cid=cid(), seq=message["seq"], text="yours")

    async def test_of_what_is_no_message_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.founds("team", bob)
        message = await alice.says(conv, "x")
        edit = await alice.edits(conv, message["seq"], "y")
        for seq in (1, 2, edit["seq"], 1_000, 2**53 - 1):
            answer = await alice.answer("message.edit", conv=conv, cid=cid(), seq=seq, text="z")
            assert answer["code"] in ("not_found", "invalid", "forbidden")

    async def test_of_a_deleted_message_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await alice.deletes(conv, message["seq"])
        answer = await alice.answer("message.edit", conv=conv, cid=cid(), seq=message["seq"], text="back")
        assert answer["code"] in ("not_found", "invalid", "forbidden")
        assert "text" not in await bob.entry(conv, message["seq"])

    async def test_a_blank_edit_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await alice.refused("invalid", "message.edit", conv=conv, cid=cid(), seq=message["seq"], text=" ")


class TestDelete:
    async def test_leaves_a_tombstone_and_empties_its_edits(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, f"a secret for @{bob.username}")
        edit = await alice.edits(conv, message["seq"], "another secret")
        await bob.reacts(conv, message["seq"], "👍")
        deletion = await alice.deletes(conv, message["seq"])
        await bob.sees("entry", kind="delete", seq=deletion["seq"], target=message["seq"], by=alice.id)
        shown = await bob.entry(conv, message["seq"])
        assert shown["deleted"] is True
        assert shown["rev"] == deletion["seq"]
        assert (shown["at"], shown["cid"], shown["by"]) == (message["at"], message["cid"], alice.id)
        assert shown.keys().isdisjoint({"text", "reactions", "mentions"})
        assert (await bob.entry(conv, edit["seq"]))["text"] == ""
        assert (await bob.entry(conv, edit["seq"])).get("mentions", []) == []
        assert "secret" not in str(await bob.history(conv))

    async def test_twice_writes_once(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await alice.deletes(conv, message["seq"])
        head = len(await bob.history(conv))
        await alice.answer("message.delete", conv=conv, cid=cid(), seq=message["seq"])
        assert len(await bob.history(conv)) == head

    async def test_of_the_peers_message_is_forbidden(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await bob.says(conv, "mine")
        await alice.refused("forbidden", "message.delete", conv=conv, cid=cid(), seq=message["seq"])

    async def test_of_what_is_no_message_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.founds("team", bob)
        for seq in (1, 2, 1_000, 2**53 - 1):
            answer = await alice.answer("message.delete", conv=conv, cid=cid(), seq=seq)
            assert answer["code"] in ("not_found", "invalid", "forbidden")


class TestReaction:
    async def test_is_seen_and_can_be_taken_back(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "tea?")
        on = await bob.reacts(conv, message["seq"], "👍")
        await alice.sees("entry", kind="reaction", seq=on["seq"], target=message["seq"], emoji="👍", on=True, by=bob.id)
        await alice.reacts(conv, message["seq"], "👍")
        shown = await bob.entry(conv, message["seq"])
        assert {emoji: sorted(users) for emoji, users in shown["reactions"].items()} == {
            "👍": sorted([alice.id, bob.id])
        }
        off = await bob.reacts(conv, message["seq"], "👍", on=False)
        await alice.sees("entry", kind="reaction", seq=off["seq"], target=message["seq"], emoji="👍", on=False)
        shown = await bob.entry(conv, message["seq"])
        assert shown["reactions"] == {"👍": [alice.id]}
        assert shown["rev"] == off["seq"]
        await alice.reacts(conv, message["seq"], "👍", on=False)
        assert (await bob.entry(conv, message["seq"])).get("reactions", {}) == {}

    async def test_that_changes_nothing_names_the_entry_that_made_it_so(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "tea?")
        on = await bob.reacts(conv, message["seq"], "👍")
        again = await bob.reacts(conv, message["seq"], "👍")
        assert (again["seq"], again["at"], again["duplicate"]) == (on["seq"], on["at"], True)
        off = await bob.reacts(conv, message["seq"], "👍", on=False)
        again = await bob.reacts(conv, message["seq"], "👍", on=False)
        assert (again["seq"], again["duplicate"]) == (off["seq"], True)
        assert len(await alice.history(conv)) == 4

    @pytest.mark.parametrize("emoji", ["👍", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤️", "x", "é", "+", "女"])
    async def test_is_one_grapheme(self, stage: Stage, emoji: str) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await bob.reacts(conv, message["seq"], emoji)
        assert (await alice.entry(conv, message["seq"]))["reactions"] == {emoji: [bob.id]}

    @pytest.mark.parametrize("emoji", ["", " ", "👍👍", "ab", "\n", "\x1b", "\u202e", "\u200b", "\ufe0f"], ids=ascii)
    async def test_is_no_other_thing(self, stage: Stage, emoji: str) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await bob.refused("invalid", "message.react", conv=conv, cid=cid(), seq=message["seq"], emoji=emoji, on=True)

    async def test_has_at_most_32_bytes(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        await bob.reacts(conv, message["seq"], "e" + "\u0301" * 15)
        answer = await bob.answer(
            "message.react", conv=conv, cid=cid(), seq=message["seq"], emoji="e" + "\u0301" * 16, on=True
        )
        assert answer["code"] in ("invalid", "too_large")

    async def test_of_at_most_20_kinds(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.opens(bob)
        message = await alice.says(conv, "x")
        for letter in "abcdefghijklmnopqrst":
            await bob.reacts(conv, message["seq"], letter)
        answer = await bob.answer("message.react", conv=conv, cid=cid(), seq=message["seq"], emoji="u", on=True)
        assert answer["code"] in ("too_large", "invalid", "forbidden")
        await alice.reacts(conv, message["seq"], "a")
        await bob.reacts(conv, message["seq"], "b", on=False)
        await bob.reacts(conv, message["seq"], "u")

    async def test_to_what_is_no_message_is_refused(self, stage: Stage) -> None:
        alice, bob = await stage.friends("alice", "bob")
        conv = await alice.founds("team", bob)
        gone = await alice.says(conv, "x")
        await alice.deletes(conv, gone["seq"])
        for seq in (1, 2, gone["seq"], 1_000):
            answer = await alice.answer("message.react", conv=conv, cid=cid(), seq=seq, emoji="x", on=True)
            assert answer["code"] in ("not_found", "invalid", "forbidden")


async def test_a_conversation_that_is_none_and_one_that_is_foreign_answer_alike(stage: Stage) -> None:
    alice, bob, carol = await stage.friends("alice", "bob", "carol")
    direct = await alice.opens(bob)
    group = await alice.founds("private", bob)
    message = await alice.says(direct, "x")
    await alice.says(group, "x")
    for kind, fields in (
        ("message.send", {"cid": cid(), "text": "x"}),
        ("message.edit", {"cid": cid(), "seq": message["seq"], "text": "x"}),
        ("message.delete", {"cid": cid(), "seq": message["seq"]}),
        ("message.react", {"cid": cid(), "seq": message["seq"], "emoji": "x", "on": True}),
        ("history.get", {"limit": 1}),
        ("read.mark", {"seq": 1}),
        ("typing", {}),
        ("search.messages", {"query": "x", "limit": 1}),
        ("conversation.mute", {"muted": True}),
        ("group.members", {"limit": 1}),
        ("group.leave", {}),
        ("group.join", {}),
        ("group.invite", {"user": alice.id}),
        ("group.remove", {"user": alice.id}),
        ("group.ban", {"user": alice.id}),
        ("group.unban", {"user": alice.id}),
        ("group.role", {"user": alice.id, "role": "admin"}),
        ("group.update", {"title": "x"}),
    ):
        answers = []
        for conv in (direct, group, 2**53 - 1):
            answer = await carol.answer(kind, conv=conv, **fields)
            assert answer["type"] == "error", f"{kind} on {conv}: {answer}"
            answers.append((answer["code"], answer["message"]))
        assert len(set(answers)) == 1, f"{kind}: {answers}"
        assert answers[0][0] == "not_found", f"{kind}: {answers}"


async def test_another_users_device_sees_both_sides_of_a_busy_conversation(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    device: Client = await alice.other_device()
    device.lines.clear()
    futures = [
        (one, one.post("message.send", conv=conv, cid=cid(), text="x")) for _ in range(100) for one in (alice, bob)
    ]
    for one, future in futures:
        await one.wait(future)
    await device.sees("entry", seq=201)
    assert [line["seq"] for line in device.lines if line["type"] == "entry"] == list(range(2, 202))
