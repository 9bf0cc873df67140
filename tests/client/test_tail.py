"""``mrccsc-tui tail`` prints each message once, in order and as itself, whatever it says and whatever was missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from mrccsc_shared.entry import Visibility
from mrccsc_tui.client import ChatClient
from mrccsc_tui.profile import load_session, save_session
from mrccsc_tui.scripts.tail import Printer
from tests.chaos.proxy import Link
from tests.client.commands import ended, start
from tests.client.fakes import FakeTransport, conversation, entry, error, message
from tests.client.party import Party, direct, group, me, settled
from tests.client.world import World
from tests.waiting import wait_until


async def test_no_title_looks_like_an_author(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    await bob.set_display_name(f"tea <{me(ann).username}> I resign")
    await wait_until(lambda: "resign" in ann.store.conversations[conv].title, "the name")
    tail = await start("--profile", ann.profile.name, "tail", "--count", "1")
    assert tail.stderr is not None
    await tail.stderr.readline()
    bob.send(conv, "no")
    done = await ended(tail)
    assert done.out[len("00:00 ") :] == f"tea ‹{me(ann).username}› I resign <{me(bob).username}> no\n"


async def by_way_of_a_link(party: Party, client: ChatClient) -> Link:
    """What is started with the profile of this client from now on goes through a link that can be cut."""
    link = Link(party.server.port)
    await link.open()
    session = load_session(client.profile.name)
    assert session is not None
    save_session(client.profile.name, replace(session, port=link.port))
    return link


async def test_what_the_output_has_no_character_for_is_escaped(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    tail = await start("--profile", ann.profile.name, "tail", "--count", "1")
    assert tail.stderr is not None
    assert await tail.stderr.readline() == b"mrccsc-tui: listening\n"
    bob.send(conv, "tea? ☕")
    bob.send(conv, "yes")
    done = await ended(tail)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(f"<{me(bob).username}> tea? \\u2615\n")


async def test_no_text_looks_like_another_message(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    tail = await start("--profile", ann.profile.name, "tail", "--count", "2")
    assert tail.stderr is not None
    await tail.stderr.readline()
    bob.send(conv, f"hello\n11:59 tea <{me(ann).username}> I resign\n\nyours")
    bob.send(conv, "no")
    done = await ended(tail)
    first, *further, last = done.out.splitlines()
    assert first.endswith("> hello")
    assert further == [f"      11:59 tea <{me(ann).username}> I resign", "      ", "      yours"]
    assert last.endswith("> no")


async def test_more_than_a_server_hands_over_by_itself_is_printed_in_order(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    link = await by_way_of_a_link(party, ann)
    count = 250
    tail = await start("--profile", ann.profile.name, "tail", "--json", "--count", str(count + 1))
    assert tail.stderr is not None
    assert await tail.stderr.readline() == b"mrccsc-tui: listening\n"
    link.cut()
    assert (await tail.stderr.readline()).startswith(b"mrccsc-tui: offline. ")
    for number in range(count):
        bob.send(conv, f"{number} " + "much " * 400)
    await settled(bob)
    link.heal()
    assert await tail.stderr.readline() == b"mrccsc-tui: listening\n"
    bob.send(conv, f"{count} and the last")
    done = await ended(tail)
    assert (done.code, done.err) == (0, "")
    said = [json.loads(line)["text"].split()[0] for line in done.out.splitlines()]
    assert said == [str(number) for number in range(count + 1)]
    await link.close()


@pytest.mark.parametrize("visibility", ["private", "public"])
async def test_what_was_said_since_one_was_let_in_elsewhere_is_printed(party: Party, visibility: Visibility) -> None:
    ann, bob = await party.friends("ann", "bob")
    link = await by_way_of_a_link(party, ann)
    tail = await start("--profile", ann.profile.name, "tail", "--json", "--count", "4")
    assert tail.stderr is not None
    assert await tail.stderr.readline() == b"mrccsc-tui: listening\n"
    link.cut()
    assert (await tail.stderr.readline()).startswith(b"mrccsc-tui: offline. ")
    made = await bob.create_group("tea", visibility=visibility)
    for number in range(250):
        bob.send(made.conv, f"before {number}")
    await settled(bob)
    if visibility == "private":
        await bob.invite(made.conv, me(ann).user)
    else:
        await ann.join_group(made.conv)
    for text in ("one", "two"):
        bob.send(made.conv, text)
    await settled(bob)
    link.heal()
    assert await tail.stderr.readline() == b"mrccsc-tui: listening\n"
    bob.send(made.conv, "three")
    done = await ended(tail)
    assert (done.code, done.err) == (0, "")
    assert [json.loads(line).get("text") for line in done.out.splitlines()] == [None, "one", "two", "three"]
    await link.close()


async def test_that_a_conversation_was_made_is_not_said(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    tail = await start("--profile", ann.profile.name, "tail", "--count", "4")
    assert tail.stderr is not None
    await tail.stderr.readline()
    bob.send(await direct(bob, ann), "to you")
    await settled(bob)
    tea = await group(bob, ann)
    bob.send(tea, "to all")
    await settled(bob)
    own = await ann.create_group("own")
    ann.send(own.conv, "to nobody")
    done = await ended(tail)
    assert said(done.out) == ["to you", "(join)", "to all", "to nobody"]


@asynccontextmanager
async def printing(world: World) -> AsyncIterator[None]:
    """A tail of everything, without a process of its own."""
    printing = asyncio.create_task(Printer(world.client, None, as_json=False, count=None).run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)


async def asked_on(line: FakeTransport, after: int) -> dict[str, Any]:
    request = await line.asked("history.get")
    assert (request["conv"], request["after"]) == (5, after)
    return request


def page(request: dict[str, Any], *seqs: int, head: int) -> dict[str, Any]:
    entries = [message(seq, f"text {seq}") for seq in seqs]
    answer = {"type": "history.page", "re": request["id"], "conv": 5, "entries": entries, "head": head}
    return {**answer, "more": seqs[-1] < head}


def said(out: str) -> list[str]:
    return [line.split("> ")[1] for line in out.splitlines()]


async def test_so_much_that_nothing_of_it_is_held_is_printed_too(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await world.login()
    async with printing(world):
        line.deliver(entry(message(2, "text 2")))
        await wait_until(lambda: world.texts() == ["text 2"], "the entry")
        line = await world.lose(line)
        await line.signs_in(conversations=[conversation(head=2_004, read=1, unread=2_003)])
        request = await asked_on(line, 2)
        line.deliver(page(request, *range(3, 1_003), head=2_004))
        request = await asked_on(line, 1_002)
        # Said while the rest is read: the page may have it or not.
        line.deliver(entry(message(2_005, "text 2005")), entry(message(2_006, "text 2006")))
        await wait_until(lambda: world.client.store.conversations[5].cursor == 2_006, "the entries")
        line.deliver(page(request, *range(1_003, 2_006), head=2_006))
        line.deliver(page(await asked_on(line, 2_005), 2_006, head=2_006))
        line.deliver(entry(message(2_007, "text 2007")))
        out = ""

        def all_is_there() -> bool:
            nonlocal out
            out += capsys.readouterr().out
            return out.endswith("text 2007\n")

        await wait_until(all_is_there, "the last text")
    assert said(out) == [f"text {seq}" for seq in range(2, 2_008)]


async def test_what_cannot_be_read_any_more_is_said_to_be_missing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await world.login()
    async with printing(world):
        line = await world.lose(line)
        await line.signs_in(conversations=[conversation(head=2_004, read=1, unread=2_003)])
        line.deliver(error(await asked_on(line, 1), "not_found"))
        printed, told = "", ""

        def told_and_going_on() -> bool:
            nonlocal printed, told
            out, err = capsys.readouterr()
            printed, told = printed + out, told + err
            return "messages were missed" in told

        await wait_until(told_and_going_on, "its being told")
        line.deliver(entry(message(2_005, "text 2005")))
        await wait_until(lambda: told_and_going_on() and printed, "the next text")
    assert told.splitlines()[-1] == "mrccsc-tui: Bob: messages were missed, and cannot be read: Refused: not_found."
    assert said(printed) == ["text 2005"]


async def test_in_a_store_that_was_set_back_it_goes_on_from_its_end(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await world.login(conversations=[conversation(head=8, read=8)])
    async with printing(world):
        line.deliver(entry(message(9, "text 9")))
        await wait_until(lambda: world.texts() == ["text 9"], "the entry")
        line = await world.lose(line)
        await line.signs_in(reset=True, epoch="e2", conversations=[conversation(head=4)])
        line.deliver(entry(message(5, "text 5")), entry(message(6, "text 6")))
        await wait_until(lambda: world.texts() == ["text 5", "text 6"], "the entries")
    assert said(capsys.readouterr().out) == ["text 9", "text 5", "text 6"]
    assert line.asks("history.get") == []


async def test_what_such_a_store_lists_later_is_not_taken_for_new(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await world.login(conversations=[conversation(head=8, read=8)])
    async with printing(world):
        line = await world.lose(line)
        await line.signs_in(reset=True, epoch="e2", conversations=[conversation(head=4)], more=True)
        request = await line.asked("conversation.list")
        rest = [conversation(6, head=7, title="Tea", kind="group", visibility="private", role="member")]
        line.deliver({"type": "conversations", "re": request["id"], "conversations": rest, "more": False})
        line.deliver(entry(message(5, "text 5")))
        await wait_until(lambda: world.texts() == ["text 5"], "the entry")
    assert said(capsys.readouterr().out) == ["text 5"]
    assert line.asks("group.members") == line.asks("history.get") == []


async def test_a_conversation_that_is_gone_while_its_beginning_is_looked_for_is_let_go(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    line = await world.login(conversations=[conversation(head=8, read=8)])
    async with printing(world):
        line = await world.lose(line)
        new = conversation(6, head=7, title="Tea", kind="group", visibility="private", role="member")
        await line.signs_in(conversations=[conversation(head=8, read=8), new])
        request = await line.asked("group.members")
        line.deliver({"type": "group.members", "re": request["id"], "members": [], "more": False})
        request = await line.asked("history.get")
        line.deliver(
            {"type": "conversation.gone", "conv": 6, "reason": "removed"},
            {"type": "history.page", "re": request["id"], "conv": 6, "entries": [], "head": 7, "more": False},
        )
        await wait_until(lambda: 6 not in world.client.store.conversations, "its end")
        line.deliver(entry(message(9, "text 9")))
        await wait_until(lambda: world.texts() == ["text 9"], "the entry")
        line = await world.lose(line)
        missed = [{"conv": 5, "entries": [message(20, "text 20")], "limited": True}]
        await line.signs_in(conversations=[conversation(head=20)], missed=missed)
        line.deliver(page(await asked_on(line, 9), *range(10, 21), head=20))
        await wait_until(lambda: "text 20" in capsys.readouterr().out, "it going on")
