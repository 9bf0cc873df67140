"""A client meets a server of a later version: what it does not know costs it neither the line nor a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from mrccsc_shared.entry import KINDS, Entry
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Profile
from mrccsc_tui.state.models import Message, Notice
from mrccsc_tui.ui.widgets.timeline.notices import describe
from tests.client.newer import Change, NewerServer
from tests.client.party import Party, befriend, direct, finds, group, me, sees, settled
from tests.waiting import wait_until
from tests.wire.server import Server

Meet = Callable[[Change], Awaitable[NewerServer]]


@pytest.fixture
async def meet(server: Server) -> AsyncIterator[Meet]:
    """The module's server, saying things as a later version would."""
    met: list[NewerServer] = []

    async def meet(change: Change) -> NewerServer:
        newer = NewerServer(server.port, change)
        await newer.start()
        met.append(newer)
        return newer

    yield meet
    for newer in met:
        await newer.stop()


async def beside(party: Party, newer: NewerServer, name: str) -> ChatClient:
    """Somebody new who talks with the newer server."""
    known = await party.person(name)
    username, profile = me(known).username, f"{known.profile.name}-newer"
    client = ChatClient(Profile(profile, "127.0.0.1", newer.port))
    party.clients.append(client)
    await client.start()
    await client.login(username, "correct horse")
    return client


def pins(found: dict[str, Any]) -> None:
    """Messages that say so are entries of a kind that there is not yet."""
    if found.get("kind") == "message" and found.get("text", "").startswith("pin"):
        entry = {name: found[name] for name in ("type", "conv", "seq", "by", "at", "cid") if name in found}
        found.clear()
        found.update(entry, kind="pin", target={"of": [1, None]})


def rows(client: ChatClient, conv: int) -> list[str]:
    return [
        row.text if isinstance(row, Message) else describe(row, lambda user: f"{user}")
        for row in client.store.timeline(conv)
        if isinstance(row, Message) or row.kind == "unknown"
    ]


QUIET = "Something that this version cannot show"


async def test_an_entry_of_a_kind_that_came_later_is_a_quiet_notice_and_the_log_goes_on(
    party: Party, meet: Meet
) -> None:
    newer = await meet(pins)
    bob = await party.person("bob")
    ann = await beside(party, newer, "ann")
    await befriend(bob, ann)
    conv = await direct(bob, ann)
    for text in ("one", "pin it", "two"):
        bob.send(conv, text)
    await sees(ann, conv, "one", "two")
    assert rows(ann, conv) == ["one", QUIET, "two"]
    assert ann.store.gap(conv) is None
    ann.send(conv, "three")
    await settled(ann)
    assert rows(ann, conv)[-1] == "three"
    assert newer.lines == 1


async def test_one_that_was_missed_does_not_keep_a_client_out(party: Party, meet: Meet) -> None:
    newer = await meet(pins)
    bob = await party.person("bob")
    ann = await beside(party, newer, "ann")
    await befriend(bob, ann)
    conv = await direct(bob, ann)
    bob.send(conv, "one")
    await sees(ann, conv, "one")
    for missed in ("pin it", "pin that"):
        profile = ann.profile
        await party.stop(ann)
        bob.send(conv, missed)
        await settled(bob)
        ann = ChatClient(profile)
        party.clients.append(ann)
        await ann.start()
        await wait_until(lambda ann=ann: ann.status.online, "being online")
        await wait_until(lambda ann=ann: rows(ann, conv)[-1:] == [QUIET], "what was missed")
    # What was kept on disk reads the same as what comes over the line.
    await ann.load_older(conv)
    assert rows(ann, conv) == ["one", QUIET, QUIET]
    last = ann.store.conversations[conv].last
    assert isinstance(last, Notice)
    assert last.kind == "unknown"
    assert newer.lines == 3


async def test_one_in_a_page_of_history_and_among_what_is_found_is_passed_over(party: Party, meet: Meet) -> None:
    newer = await meet(pins)
    bob = await party.person("bob")
    ann = await beside(party, newer, "ann")
    await befriend(bob, ann)
    conv = await direct(bob, ann)
    for text in ("pin it", "then this"):
        bob.send(conv, text)
    await sees(ann, conv, "then this")
    page = await ann.load_after(conv, 0)
    assert [entry.kind for entry in page if isinstance(entry, Notice)] == ["create", "unknown"]
    await finds(bob, "pin", "pin it")
    assert (await ann.search("pin")).hits == ()
    assert newer.lines == 1


def every_word(found: dict[str, Any]) -> None:
    """Each word of a fixed list is one that there is not yet, save the kinds of entries."""
    for name in ("role", "visibility", "relation", "status", "reason", "registration", "code"):
        is_sentence = name == "reason" and found.get("type") == "closing"
        if isinstance(found.get(name), str) and not is_sentence:
            found[name] = "novel"
    if found.get("kind") in ("direct", "group"):
        found["kind"] = "novel"


async def test_words_that_came_later_cost_nobody_the_line(party: Party, meet: Meet) -> None:
    newer = await meet(every_word)
    bob = await party.person("bob")
    ann = await beside(party, newer, "ann")
    await bob.request_contact(me(ann).username)
    await ann.accept_contact(me(bob).user)
    await wait_until(lambda: bob.store.contacts[me(ann).user].relation == "friend", "the friendship")
    tea = await group(bob, ann)
    with pytest.raises(RequestError) as refused:
        await ann.remove_member(tea, me(bob).user)
    assert (refused.value.code, refused.value.retryable) == ("novel", False)
    held = ann.store.conversations[tea]
    assert (held.kind, held.role, held.visibility) == ("group", "member", "private")
    await ann.load_members(tea)
    await bob.set_role(tea, me(ann).user, "admin")
    await bob.update_group(tea, title="coffee", visibility="public")
    await wait_until(lambda: ann.store.conversations[tea].title == "coffee", "the new title")
    await bob.set_presence("dnd", "not now")
    await wait_until(lambda: _text(ann, me(bob).user) == "not now", "the presence")
    found = ann.store.presence(me(bob).user)
    assert found is not None
    assert found.status == "away"
    await bob.remove_member(tea, me(ann).user)
    await wait_until(lambda: tea not in ann.store.conversations, "being removed")
    assert ann.store.contacts == {}
    assert newer.lines == 1


def _text(client: ChatClient, user: int) -> str:
    presence = client.store.presence(user)
    return "" if presence is None else presence.text


async def test_a_reason_to_close_that_came_later_is_obeyed(party: Party, meet: Meet) -> None:
    newer = await meet(every_word)
    ann = await beside(party, newer, "ann")
    other = await party.device(me(ann).username, "other")
    for session in await other.sessions():
        if not session.current:
            await other.revoke_session(session.session)
    await wait_until(lambda: ann.status.phase == "stopped", "the end")
    assert ann.status.reason == "This session was ended from elsewhere; sign in again."
    assert newer.lines == 1


def test_a_refusal_that_came_later_may_be_repeated_when_it_says_when() -> None:
    refusal = {"type": "error", "code": "novel", "message": "Not yet."}
    assert not RequestError.of(refusal).retryable
    assert RequestError.of({**refusal, "retry_after": 5}).retryable
    assert not RequestError.of({**refusal, "code": "forbidden", "retry_after": 5}).retryable


def test_the_kinds_that_are_known_are_those_of_the_entries() -> None:
    schema = TypeAdapter(Entry).json_schema()
    assert set(schema["discriminator"]["mapping"]) == KINDS
