"""Finding a message, a conversation, a command; and going there."""

from __future__ import annotations

from datetime import UTC

import pytest

from mrccsc_tui.state.models import Message
from mrccsc_tui.ui.screens.excerpt import ExcerptScreen
from mrccsc_tui.ui.words import moment
from tests.client.party import Party, befriend, direct, finds, group, settled
from tests.ui.conftest import SIZES, Show, Stage, out_of_reach
from tests.ui.recording import Replay
from tests.waiting import wait_until

BOTH = pytest.mark.parametrize("way", ["key", "command"])


@BOTH
@pytest.mark.parametrize("where", ["here", "everywhere"])
async def test_search_and_go_there(party: Party, play: Show, way: str, where: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    other = await group(ann, bob, title="other")
    bob.send(conv, "the key is under the mat")
    for number in range(150):
        bob.send(conv, f"and then {number}")
    bob.send(other, "no key here")
    await settled(bob)
    await finds(ann, "key mat", "the key is under the mat")
    async with play(ann) as stage:
        await stage.opens(conv) if where == "here" else None
        if way == "command":
            await stage.command("/search KEY" if where == "here" else "/searchall key")
        else:
            await stage.press("ctrl+f" if where == "here" else "f4")
            await stage.type("key")
        await stage.sees("the key is under the mat")
        assert ("no key here" in stage.text) == (where == "everywhere")
        if where == "everywhere":
            await stage.press("down")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.main.selected, Message), "the message")
        assert stage.main.selected.text == "the key is under the mat"
        assert stage.main.conv == conv
        await stage.sees("the key is under the mat")


async def test_enter_waits_for_the_results_of_what_is_typed(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for text in ("alpha one", "alpha two"):
        bob.send(conv, text)
    await settled(bob)
    await finds(ann, "two", "alpha two")
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.press("ctrl+f")
        await stage.type("alpha one")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.main.selected, Message), "the message")
        assert stage.main.selected.text == "alpha one"


async def test_a_search_that_gives_way_to_the_next_has_not_failed(show: Show, replay: Replay) -> None:
    def asked() -> list[str]:
        return [request["query"] for request in replay.requests if request["type"] == "search.messages"]

    async with show() as stage:
        replay.silent.add("search.messages")
        await stage.press("f4")
        await stage.type("wind")
        # A slow hand, or a slow machine, asks for what it has typed so far.
        await stage.until(lambda: asked()[-1:] == ["wind"], "the first search")
        await stage.type("ow")
        await stage.until(lambda: asked()[-1:] == ["window"], "the second search")
        assert "failed" not in stage.text
        replay.silent.clear()
        await stage.press("space")
        await stage.sees("Booked, four seats")


async def test_a_failed_search_says_so(show: Show, replay: Replay) -> None:
    async with show() as stage:
        replay.refuse["search.messages"] = ("forbidden", "You may not search.")
        await stage.press("f4")
        await stage.type("window")
        await stage.sees("You may not search.")


async def test_what_is_too_far_back_is_shown_apart(show: Show, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with show() as stage:
        conv = replay.recording.conv("lunch")
        await stage.opens(conv)

        monkeypatch.setattr(stage.client, "load_until", out_of_reach)
        stage.main.act(stage.main.reach(conv, replay.recording.logs[conv][6]["seq"]))
        await stage.until(lambda: isinstance(stage.app.screen, ExcerptScreen), "the excerpt")
        await stage.sees("Earlier in the history", "They do.")
        await stage.press("k", "j", "escape")
        await stage.until(lambda: stage.app.screen is stage.main, "coming back")


async def far_back(stage: Stage, conv: int, seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show a message as one that is too far back to be loaded."""

    with monkeypatch.context() as patch:
        patch.setattr(stage.client, "load_until", out_of_reach)
        stage.main.act(stage.main.reach(conv, seq))
        await stage.until(lambda: isinstance(stage.app.screen, ExcerptScreen), "the excerpt")
    await stage.sees("Earlier in the history")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_what_is_far_back_is_answered_edited_and_reacted_to(
    party: Party, play: Show, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    mine = ann.send(conv, "see https://tea.example")
    await settled(ann)
    bob.send(conv, "theirs")
    await settled(bob)
    async with play(ann, size) as stage:
        await stage.opens(conv)
        await stage.until(lambda: len(stage.client.store.timeline(conv)) == 3, "both messages")
        _, own, other = stage.client.store.timeline(conv)
        assert own.cid == mine.cid
        await far_back(stage, conv, own.seq, monkeypatch)
        await stage.sees("r reply  e edit  d delete")
        assert "Enter send" not in stage.text
        await stage.press("y")
        assert stage.app.clipboard == "see https://tea.example"
        await stage.press("plus")
        await stage.sees("[👍 1]")
        await stage.press("e")
        await stage.until(lambda: stage.app.screen is stage.main, "the composer")
        await stage.sees("Editing")
        await stage.press("escape")
        await far_back(stage, conv, other.seq, monkeypatch)
        await stage.press("e")
        await stage.sees("You can edit your own messages only.", "Earlier in the history")
        await stage.press("r")
        await stage.sees("Answering Bob")
        await stage.type("hi")
        await stage.press("enter")
        await stage.until(lambda: stage.client.store.timeline(conv)[-1].reply_to == other.seq, "the answer")
        await far_back(stage, conv, own.seq, monkeypatch)
        await stage.press("d")
        await stage.sees("Delete for everybody?")
        await stage.press("enter")
        await stage.sees("Earlier in the history", "(deleted)")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.main, "coming back")
        await far_back(stage, conv, stage.client.store.timeline(conv)[-1].seq, monkeypatch)
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.main, "going to what was answered")
        await stage.until(lambda: stage.main.selected == stage.client.store.message(conv, other.seq), "its being found")


async def test_hits_say_whom_one_said_it_to(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "the kettle is on")
    await settled(ann)
    await finds(ann, "kettle", "the kettle is on")
    async with play(ann) as stage:
        await stage.press("f4")
        await stage.type("kettle")
        await stage.sees("You to Bob  ")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_switch_by_name_and_number(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.friends("ann", "bob")
    cleo = await party.person("cleo")
    await befriend(ann, cleo)
    tea, milk = await group(ann, title="tea"), await group(ann, title="milk")
    chat = await direct(ann, bob)
    async with play(ann, size) as stage:
        await stage.until(lambda: len(stage.client.store.conversations) == 3)
        for typed, conv in (("tea", tea), ("mk", milk), ("1", chat), ("3", tea)):
            await stage.press("ctrl+g")
            await stage.sees("Go to")
            await stage.type(typed)
            await stage.press("enter")
            await stage.until(lambda conv=conv: stage.main.conv == conv, typed)
        await stage.press("ctrl+g")
        await stage.sees("Cleo")
        await stage.type("cleo")
        await stage.press("enter")
        await stage.until(lambda: stage.main.chat.conversation.title == "Cleo", "a new chat")


async def test_a_name_may_be_a_number(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    convs = [await group(ann, title=title) for title in ("2024 planning", "tea", "milk")]
    async with play(ann) as stage:
        await stage.until(lambda: len(stage.client.store.conversations) == 3, "the groups")
        for typed, conv in (("2024", convs[0]), ("99999", None), ("2024", convs[0]), ("0", convs[0])):
            await stage.opens(convs[1])
            await stage.press("ctrl+g")
            await stage.sees("Go to")
            await stage.type(typed)
            if conv is None:
                await stage.sees("nothing has that name")
                await stage.press("enter", "escape")
            else:
                await stage.press("enter")
                await stage.until(lambda conv=conv: stage.main.conv == conv, "the group of that name")


async def test_keys_between_conversations(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    chat = await direct(ann, bob)
    milk, tea = await group(ann, bob, title="milk"), await group(ann, bob, title="tea")
    async with play(ann) as stage:
        await stage.until(lambda: len(stage.client.store.conversations) == 3)
        walk = (
            ("alt+down", chat),
            ("f8", milk),
            ("alt+down", tea),
            ("f8", chat),
            ("alt+up", tea),
            ("f7", milk),
            ("alt+3", tea),
            ("alt+1", chat),
            ("alt+9", chat),
        )
        for key, conv in walk:
            await stage.press(key)
            assert stage.main.conv == conv, key
        await stage.press("alt+a")
        await stage.sees("Nothing is unread.")
        bob.send(milk, "moo")
        await stage.until(lambda: stage.client.store.conversations[milk].unread == 1)
        await stage.press("alt+a")
        assert stage.main.conv == milk
        await stage.command("/chat 3")
        assert stage.main.conv == tea
        await stage.command("/chat #milk")
        assert stage.main.conv == milk


async def test_first_unread(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for number in range(120):
        bob.send(conv, f"news {number}")
    await settled(bob)
    async with play(ann) as stage:
        stage.main.open_conversation(conv)
        await stage.sees("new since", "news 0")
        await stage.press("ctrl+end")
        await stage.sees("news 119")
        for key in ("f5", "alt+u"):
            await stage.press("ctrl+end", key)
            await stage.sees("new since", "news 0")


async def test_palette_has_everything(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.press("ctrl+p")
        await stage.type("create a")
        await stage.press("escape")
        await stage.press("ctrl+p")
        await wait_until(lambda: "Ask somebody to be a friend" in stage.text)
        await stage.sees("/addcontact [NAME]")
        await stage.type("rename")
        await stage.sees("Rename the group", "/title TEXT")
        await stage.press("enter")
        await stage.until(lambda: stage.main.chat.composer.text == "/title ", "the beginning of the command")


class TestPictures:
    async def test_search(self, show: Show, replay: Replay, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            await stage.press("f4")
            await stage.type("window")
            # Only a hit has its day beside its author; the text is in the chat behind, too.
            await stage.sees(moment(replay.recording.found["window"][0]["at"], UTC))
            assert await stage.picture()

    async def test_switch(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.press("ctrl+g")
            await stage.sees("Go to")
            assert await stage.picture()

    async def test_help(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.press("f1")
            await stage.sees("Keys and commands")
            assert await stage.picture()

    async def test_form(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.press("f2", "c")
            await stage.sees("Create a group")
            assert await stage.picture()

    async def test_find_groups(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.press("f2", "f")
            await stage.sees("climbing")
            assert await stage.picture()

    async def test_question(self, show: Show, replay: Replay, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            await stage.command("/leave")
            await stage.sees("Leave lunch?")
            assert await stage.picture()

    async def test_selected_and_answering(self, show: Show, replay: Replay, size: tuple[int, int]) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("release 2.0"))
            await stage.press("up", "k", "r")
            await stage.sees("Answering Bob Novak")
            assert await stage.picture()
