"""People who use the client on a real server. Each test reads like what they did."""

from __future__ import annotations

import pytest

from mrccsc_tui.client import RequestError
from mrccsc_tui.state.models import Message, Notice
from tests.client.party import Party, befriend, direct, finds, group, me, sees, settled, texts
from tests.waiting import wait_until


async def test_two_friends_talk_and_read(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    sent = ann.send(conv, "Hello Bob")
    assert sent.state == "waiting"
    await sees(bob, conv, "Hello Bob")
    await settled(ann)
    assert texts(ann, conv) == ["Hello Bob"]
    assert bob.store.conversations[conv].unread == 1
    bob.mark_read(conv, bob.store.conversations[conv].head)
    assert bob.store.conversations[conv].unread == 0
    await wait_until(lambda: ann.store.conversations[conv].peer_read == ann.store.conversations[conv].head, "the mark")
    bob.send(conv, "Hello Ann", reply_to=2)
    await sees(ann, conv, "Hello Bob", "Hello Ann")


async def test_editing_deleting_and_reacting_reach_the_other(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "one")
    ann.send(conv, "two")
    await sees(bob, conv, "one", "two")
    await settled(ann)
    first, second = (row.seq for row in ann.store.timeline(conv) if isinstance(row, Message))
    ann.edit(conv, first, "one and a half")
    ann.delete(conv, second)
    bob.react(conv, first, "👍")
    await wait_until(lambda: (m := ann.store.message(conv, first)) is not None and m.reactions, "the reaction")
    await settled(ann)
    await settled(bob)
    for one in (ann, bob):
        await wait_until(lambda one=one: one.store.conversations[conv].cursor == second + 3, "all changes")
        edited, deleted = one.store.message(conv, first), one.store.message(conv, second)
        assert edited is not None
        assert deleted is not None
        assert (edited.text, edited.edited is not None) == ("one and a half", True)
        assert [(r.emoji, r.users) for r in edited.reactions] == [("👍", (me(bob).user,))]
        assert (deleted.text, deleted.deleted) == ("", True)
    bob.react(conv, first, "👍")
    await wait_until(lambda: (m := ann.store.message(conv, first)) is not None and not m.reactions, "its end")


async def test_a_group_with_roles_titles_and_removals(party: Party) -> None:
    ann, bob, cat = await party.friends("ann", "bob", "cat")
    conv = await group(ann, bob, cat, title="tea")
    assert [one.role for one in await bob.load_members(conv)] == ["owner", "member", "member"]
    await ann.set_role(conv, me(bob).user, "admin")
    await wait_until(lambda: bob.store.conversations[conv].role == "admin", "the role")
    await bob.update_group(conv, title="coffee", topic="beans")
    await wait_until(lambda: cat.store.conversations[conv].title == "coffee", "the title")
    assert cat.store.conversations[conv].topic == "beans"
    with pytest.raises(RequestError) as refused:
        await cat.update_group(conv, title="milk")
    assert refused.value.code == "forbidden"
    await bob.remove_member(conv, me(cat).user)
    await wait_until(lambda: conv not in cat.store.conversations, "being removed")
    members = bob.store.members(conv)
    assert members is not None
    await wait_until(lambda: set(members) == {me(ann).user, me(bob).user}, "the member leaving")
    assert isinstance(ann.store.timeline(conv)[-1], Notice)
    with pytest.raises(RequestError) as gone:
        cat.send(conv, "hello?")
    assert gone.value.code == "not_found"


async def test_a_public_group_is_found_and_joined(party: Party) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    made = await ann.create_group("Chess club 象棋", visibility="public")
    ann.send(made.conv, "e4")
    await settled(ann)
    found = await bob.find_groups("象棋")
    assert made.conv in [one.conv for one in found]
    joined = await bob.join_group(made.conv)
    assert joined.role == "member"
    await bob.load_older(made.conv)
    assert texts(bob, made.conv) == ["e4"]
    await wait_until(lambda: bob.store.conversations[made.conv].cursor == 3, "the own joining")
    bob.send(made.conv, "e5")
    await sees(ann, made.conv, "e4", "e5")
    await bob.leave_group(made.conv)
    await wait_until(lambda: made.conv not in bob.store.conversations, "having left")


async def test_mentions_are_counted_and_shown_to_their_author(party: Party) -> None:
    ann, bob, cat = await party.friends("ann", "bob", "cat")
    conv = await group(ann, bob, cat)
    bob.send(conv, f"@{me(cat).username} look at this, @{me(ann).username}.")
    await sees(
        cat,
        conv,
        texts(bob, conv)[-1] if texts(bob, conv) else f"@{me(cat).username} look at this, @{me(ann).username}.",
    )
    assert cat.store.conversations[conv].mentions == 1
    await settled(bob)
    last = bob.store.timeline(conv)[-1]
    await wait_until(
        lambda: (m := bob.store.message(conv, last.seq)) is not None and m.mentions == (me(ann).user, me(cat).user),
        "the author knowing who was mentioned",
    )
    cat.mark_read(conv, cat.store.conversations[conv].head)
    assert cat.store.conversations[conv].mentions == 0


async def test_two_devices_see_each_others_words_marks_and_settings(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    phone = await party.device(me(ann).username, "phone")
    ann.send(conv, "from the desk")
    await sees(phone, conv, "from the desk")
    phone.send(conv, "from the road")
    await sees(ann, conv, "from the desk", "from the road")
    bob.send(conv, "both?")
    await sees(phone, conv, "both?")
    phone.mark_read(conv, phone.store.conversations[conv].head)
    await wait_until(lambda: ann.store.conversations[conv].unread == 0, "the mark on the other device")
    await ann.mute(conv)
    await wait_until(lambda: phone.store.conversations[conv].muted, "the muting on the other device")
    ann.mark_read(conv, 2, unread=True)
    await wait_until(lambda: phone.store.conversations[conv].unread_from == 2, "the unread line")


async def test_presence_goes_to_friends_and_is_unknown_offline(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    await bob.set_presence("dnd", "in a meeting")
    there = me(bob).user
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "dnd", "the presence")
    assert ann.store.contacts[there].presence == ann.store.presence(there)
    assert bob.store.my_presence is not None
    assert bob.store.my_presence.text == "in a meeting"
    await party.stop(bob)
    await wait_until(lambda: (p := ann.store.presence(there)) is not None and p.status == "offline", "bob going")


async def test_searching_finds_words_and_people(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "the quick brown fox")
    ann.send(conv, "今天天气很好")
    await sees(bob, conv, "the quick brown fox", "今天天气很好")

    await finds(bob, "QUICK fox", "the quick brown fox")
    await finds(bob, "天气", "今天天气很好")
    assert me(ann) in await bob.search_users(me(ann).username)


async def test_history_is_read_back_and_around(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for number in range(300):
        ann.send(conv, f"message {number}")
    await settled(ann)
    await sees(bob, conv, "message 299")
    reader = await party.device(me(bob).username, "reader")
    assert not reader.store.timeline(conv)
    assert await reader.load_older(conv, 50) is True
    assert texts(reader, conv) == [f"message {number}" for number in range(250, 300)]
    assert await reader.load_until(conv, 30) is True
    assert texts(reader, conv)[-271:] == [f"message {number}" for number in range(29, 300)]
    page = await reader.load_around(conv, 150, 20)
    assert 150 in [row.seq for row in page.rows]
    while await reader.load_older(conv):
        pass
    assert texts(reader, conv) == [f"message {number}" for number in range(300)]
    assert not reader.store.conversations[conv].more_before


async def test_contacts_in_every_relation(party: Party) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    await ann.request_contact(me(bob).username)
    await wait_until(lambda: me(ann).user in bob.store.contacts, "the request")
    assert bob.store.contacts[me(ann).user].relation == "incoming"
    await bob.decline_contact(me(ann).user)
    await wait_until(lambda: me(bob).user not in ann.store.contacts, "the refusal")
    await befriend(ann, bob)
    await ann.remove_contact(me(bob).user)
    await wait_until(lambda: me(ann).user not in bob.store.contacts, "the end")
    await ann.block(me(bob).user)
    assert ann.store.contacts[me(bob).user].relation == "blocked"
    await ann.unblock(me(bob).user)
    assert me(bob).user not in ann.store.contacts


async def test_typing_is_shown_to_the_other(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    seen = []
    bob.subscribe(seen.extend)
    ann.typing(conv)
    ann.typing(conv)
    await wait_until(lambda: any(type(one).__name__ == "Typing" for one in seen), "the typing")


async def test_a_refused_message_stays_until_retried_or_discarded(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    await bob.remove_contact(me(ann).user)
    first = ann.send(conv, "still there?")
    second = ann.send(conv, "hello?")
    await wait_until(lambda: [one.state for one in ann.store.pending(conv)] == ["failed", "failed"], "the refusals")
    assert ann.store.pending(conv)[0].code == "forbidden"
    ann = await party.again(ann)
    assert [one.state for one in ann.store.pending(conv)] == ["failed", "failed"]
    await befriend(ann, bob)
    ann.discard(first.cid)
    renewed = ann.retry(second.cid)
    assert renewed.cid != second.cid
    await sees(bob, conv, "hello?")
    await wait_until(lambda: not ann.store.pending(conv), "the acknowledgement")


async def test_signing_out_forgets_everything(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "secret")
    ann.set_draft(conv, "half a thou")
    await sees(bob, conv, "secret")
    username = me(ann).username
    await ann.logout()
    assert ann.store.me is None
    assert not ann.store.conversations
    assert ann.status.phase == "stopped"
    assert not ann.has_token
    await ann.login(username, "correct horse")
    assert ann.draft(conv) == ""
    await ann.load_older(conv)
    assert texts(ann, conv) == ["secret"]


async def test_a_wrong_password_is_refused_and_leaves_no_line(party: Party) -> None:
    ann = await party.person("ann")
    other = party.client("other")
    await other.start()
    with pytest.raises(RequestError) as refused:
        await other.login(me(ann).username, "wrong password")
    assert refused.value.code == "bad_credentials"
    assert other.status.phase == "stopped"
    assert not other.has_token


async def test_a_revoked_device_is_signed_out_for_good(party: Party) -> None:
    ann = await party.person("ann")
    phone = await party.device(me(ann).username, "phone")
    listed = await ann.sessions()
    assert len(listed) == 2
    token_when_told: list[bool] = []
    phone.subscribe(lambda _: token_when_told.append(phone.has_token) if phone.status.phase == "stopped" else None)
    await ann.revoke_session(next(one.session for one in listed if not one.current))
    await wait_until(lambda: phone.status.phase == "stopped", "being signed out")
    assert not any(token_when_told)
    assert not phone.has_token
    assert phone.status.reason
