"""What is typed goes where it was meant to go, or stays with whom typed it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from pathlib import Path

import pytest

from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.link.transport import Address, Transport, dial
from mrccsc_tui.state.models import Message
from tests.client.party import Party, direct, me, settled, texts
from tests.ui.conftest import Show, out_of_reach
from tests.ui.test_finding import far_back
from tests.waiting import wait_until
from tests.wire.server import COMMAND, Server


async def two_chats(party: Party) -> tuple[ChatClient, int, int]:
    """Somebody, and what they have with two friends, Bob and Cy, who have said one thing each."""
    ann, bob, cy = await party.friends("ann", "bob", "cy")
    convs = [await direct(ann, bob), await direct(ann, cy)]
    for friend, conv in zip((bob, cy), convs, strict=True):
        friend.send(conv, "hello")
        await settled(friend)
        await wait_until(lambda conv=conv: texts(ann, conv) == ["hello"], "the word arriving")
    return ann, *convs


def message(client: ChatClient, conv: int, text: str) -> Message:
    return next(row for row in client.store.timeline(conv) if isinstance(row, Message) and row.text == text)


async def test_what_is_typed_before_a_conversation_is_open_comes_along(party: Party, play: Show) -> None:
    ann, bob, cy = await two_chats(party)
    async with play(ann) as stage:
        await stage.until(lambda: {bob, cy} <= set(stage.client.store.conversations), "the conversations")
        stage.client.set_draft(cy, "begun before")
        composer = stage.main.chat.composer
        await stage.type("a thought")
        await stage.press("enter")
        await stage.sees("Open a conversation first")
        stage.main.open_conversation(cy)
        assert composer.text == "begun before"
        await stage.press("ctrl+up")
        assert composer.text == "a thought"
        await stage.press("ctrl+down")
        stage.main.open_conversation(bob)
        assert composer.text == ""
        stage.main.chat.open(None)
        await stage.type("another")
        stage.main.open_conversation(bob)
        assert (composer.text, stage.client.draft(bob)) == ("another", "another")


async def test_a_refused_command_does_not_come_back_elsewhere(
    party: Party, play: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cy = await two_chats(party)
    refuses = asyncio.Event()

    async def slowly(*_: object, **__: object) -> None:
        await refuses.wait()
        raise RequestError("rate_limited", "Too often.", 1)

    async with play(ann) as stage:
        await stage.opens(bob)
        monkeypatch.setattr(stage.client, "set_presence", slowly)
        await stage.command("/away lunch")
        stage.main.open_conversation(cy)
        refuses.set()
        await stage.sees("Too often.")
        assert (stage.main.chat.composer.text, stage.client.draft(cy)) == ("", "")
        await stage.press("ctrl+up")
        assert stage.main.chat.composer.text == "/away lunch"


async def test_who_went_elsewhere_is_not_shown_what_they_had_looked_for(
    party: Party, play: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cy = await two_chats(party)

    async with play(ann) as stage:
        await stage.opens(bob)
        seq = message(stage.client, bob, "hello").seq
        load_around, goes_on = stage.client.load_around, asyncio.Event()

        async def slowly(conv: int, seq: int) -> object:
            await goes_on.wait()
            return await load_around(conv, seq)

        monkeypatch.setattr(stage.client, "load_until", out_of_reach)
        monkeypatch.setattr(stage.client, "load_around", slowly)
        reaching = asyncio.create_task(stage.main.reach(bob, seq))
        await stage.pilot.pause()
        stage.main.open_conversation(cy)
        goes_on.set()
        await reaching
        assert stage.app.screen is stage.main


async def test_an_answer_goes_to_the_conversation_of_what_it_answers(
    party: Party, play: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cy = await two_chats(party)

    async with play(ann) as stage:
        await stage.opens(bob)
        hello = message(stage.client, bob, "hello")
        await far_back(stage, bob, hello.seq, monkeypatch)
        stage.main.open_conversation(cy)
        await stage.press("r")
        await stage.sees("Answering")
        await stage.type("hello to you")
        await stage.press("enter")
        await settled(stage.client)
        assert (texts(stage.client, bob), texts(stage.client, cy)) == (["hello", "hello to you"], ["hello"])
        assert message(stage.client, bob, "hello to you").reply_to == hello.seq


async def test_the_text_of_an_editor_is_kept(
    party: Party, play: Show, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ann, bob, _ = await two_chats(party)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho 'a long text' > $1\n")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    async with play(ann) as stage:
        # A screen in memory has no terminal to give away.
        monkeypatch.setattr(type(stage.app), "suspend", lambda _: contextlib.nullcontext())
        await stage.opens(bob)
        stage.main.action_editor()
        assert stage.client.draft(bob) == "a long text"


async def test_each_conversation_is_loaded_though_another_was_left_while_it_loaded(party: Party, play: Show) -> None:
    """On a device that holds no history yet."""
    ann, bob, cy = await two_chats(party)
    for conv in (bob, cy):
        ann.mark_read(conv, ann.store.conversations[conv].head)
        await wait_until(lambda conv=conv: not ann.store.conversations[conv].unread, "its being read")
    held: list[asyncio.Event] = []

    class Held:
        """A line whose answers wait while ``held`` says so."""

        def __init__(self, inner: Transport) -> None:
            self._inner = inner

        async def read(self) -> bytes:
            data = await self._inner.read()
            if held:
                await held[0].wait()
            return data

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    async def hold(address: Address) -> Transport:
        return Held(await dial(address))

    phone = await party.device(me(ann).username, "phone")
    async with play(phone, connect=hold) as stage:
        await stage.until(lambda: {bob, cy} <= set(stage.client.store.conversations), "the conversations")
        held.append(asyncio.Event())
        stage.main.open_conversation(bob)
        await stage.pilot.pause()
        stage.main.open_conversation(cy)
        await stage.pilot.pause()
        held.pop().set()
        await stage.until(lambda: texts(stage.client, cy) == ["hello"], "the second one's history")


async def test_what_names_a_message_by_its_place_ends_with_the_log_that_it_was_in(
    server: Server, party: Party, play: Show
) -> None:
    """In a log that was set back to a backup the same place may have another message."""
    ann, bob, cy = await two_chats(party)
    for conv in (bob, cy):
        ann.send(conv, "mine")
    await settled(ann)
    async with play(ann) as stage:
        await stage.opens(cy)
        stage.main.begin_reply(message(stage.client, cy, "hello"))
        await stage.opens(bob)
        await stage.type("draft")
        stage.main.begin_edit(message(stage.client, bob, "mine"))
        await stage.sees("Editing")
        await stage.type(" changed")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        operate = [COMMAND, "new-epoch", "--data-dir", str(server.folder / "data")]
        subprocess.run(operate, check=True, timeout=60, capture_output=True)
        server.start(server.port)
        await stage.until(lambda: stage.client.status.online, "being back")
        await stage.sees("set back to a backup")
        assert "Editing" not in stage.text
        assert stage.client.draft_reply(cy) is None
        composer = stage.main.chat.composer
        assert composer.text == "draft"
        await stage.press("ctrl+up")
        assert composer.text == "mine changed"
