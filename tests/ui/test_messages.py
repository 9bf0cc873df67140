"""What is said and done to it, by key and by slash command, on a real server."""

from __future__ import annotations

import pytest

from mrccsc_tui.state.models import Message
from tests.client.party import Party, direct, group, me, sees, settled
from tests.ui.conftest import SIZES, Show, Stage
from tests.waiting import wait_until

BOTH = pytest.mark.parametrize("way", ["key", "command"])


def messages(stage: Stage, conv: int) -> list[Message]:
    return [row for row in stage.client.store.timeline(conv) if isinstance(row, Message)]


async def stored(stage: Stage, conv: int, *texts: str) -> None:
    """The last messages are these, and all are on the server."""
    await stage.until(
        lambda: (
            not stage.client.store.pending(conv)
            and [message.text for message in messages(stage, conv)][-len(texts) :] == list(texts)
        ),
        f"having {texts}",
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_two_people_talk(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann, size) as stage:
        await stage.opens(conv)
        await stage.type("are you there?")
        await stage.press("enter")
        await sees(bob, conv, "are you there?")
        await stage.sees("✓ are you there?")
        bob.mark_read(conv, bob.store.conversations[conv].head)
        await stage.sees("✓✓ are you there?")
        bob.send(conv, "yes")
        await stage.sees("Bob", "yes")
        await wait_until(lambda: bob.store.conversations[conv].peer_read == bob.store.conversations[conv].head)


async def test_several_lines_and_an_escaped_slash(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.type("one")
        await stage.press("ctrl+j")
        await stage.type("two")
        await stage.press("alt+enter")
        await stage.type("three")
        await stage.press("enter")
        await stored(stage, conv, "one\ntwo\nthree")
        await stage.type("//etc is a folder")
        await stage.press("enter")
        await stored(stage, conv, "/etc is a folder")


async def test_an_unknown_command_is_not_sent(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.type("/jion lunch")
        await stage.press("enter")
        await stage.sees("There is no command /jion.")
        assert stage.main.chat.composer.text == "/jion lunch"
        assert messages(stage, conv) == []


@BOTH
async def test_reply(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    bob.send(conv, "tea or coffee?")
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "tea or coffee?")
        if way == "command":
            await stage.command("/reply tea")
        else:
            await stage.press("up", "r")
            await stage.sees("Answering Bob")
            await stage.type("tea")
            await stage.press("enter")
        await stored(stage, conv, "tea or coffee?", "tea")
        question, answer = messages(stage, conv)
        assert answer.reply_to == question.seq
        await stage.sees("│ Bob: tea or coffee?")
        await stage.press("up", "enter")
        await stage.until(lambda: stage.main.selected == question, "going to what was answered")


@BOTH
async def test_edit(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "at for")
    await settled(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "at for")
        await stage.type("a draft")
        if way == "command":
            stage.main.chat.composer.put("")
            await stage.command("/edit at four")
        else:
            await stage.press(*["backspace"] * len("a draft"))
            await stage.press("up", "e")
            await stage.sees("Editing")
            assert stage.main.chat.composer.text == "at for"
            await stage.press("backspace")
            await stage.type("ur")
            await stage.press("enter")
        await stored(stage, conv, "at four")
        await stage.sees("at four  (edited)")
        await sees(bob, conv, "at four")


async def test_leaving_an_edit_brings_the_draft_back(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    ann.send(conv, "first")
    await settled(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "first")
        await stage.command("/edit")
        await stage.type(" try")
        await stage.press("escape")
        assert stage.main.chat.composer.text == ""
        await stage.press("ctrl+up")
        assert stage.main.chat.composer.text == "first try", "Esc destroys nothing"


@BOTH
async def test_delete_asks_first(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "oops")
    await settled(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "oops")
        if way == "command":
            await stage.command("/delete")
        else:
            await stage.press("up", "d")
        await stage.sees('Delete for everybody? "oops"')
        await stage.press("enter")
        await stage.sees("(deleted)")
        await wait_until(lambda: bob.store.timeline(conv)[-1].deleted, "Bob seeing it")


@BOTH
async def test_react(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    bob.send(conv, "done!")
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "done!")

        def reactions() -> list[str]:
            return [reaction.emoji for reaction in messages(stage, conv)[-1].reactions]

        if way == "command":
            await stage.command("/react party")
            await stage.until(lambda: reactions() == ["🎉"], "the party")
            await stage.command("/react 🎉")
            await stage.until(lambda: reactions() == [], "the party being over")
        else:
            await stage.press("up", "plus")
            await stage.sees("[👍 1]")
            await stage.press("colon")
            await stage.type("rocket")
            await stage.press("enter")
            await stage.until(lambda: sorted(reactions()) == ["👍", "🚀"], "both")
            await stage.press("plus")
            await stage.until(lambda: reactions() == ["🚀"], "the thumb going")


async def test_copy_quote_and_unread(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for text in ("one", "two\nlines", "three"):
        bob.send(conv, text)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "one", "two\nlines", "three")
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 0, "being read")
        await stage.press("up", "k", "y")
        assert stage.app.clipboard == "two\nlines"
        await stage.press("greater_than_sign")
        assert stage.main.chat.composer.text == "> two\n> lines\n"
        stage.main.chat.composer.put("")
        await stage.press("up", "k", "u")
        second = messages(stage, conv)[1].seq
        await stage.until(lambda: stage.client.store.conversations[conv].unread_from == second, "the mark")
        await stage.sees("new since")
        await stage.press("escape", "j")
        assert stage.client.store.conversations[conv].unread_from == second, "it stays while the chat is open"
        stage.main.open_conversation(conv)
        await stage.until(lambda: stage.client.store.conversations[conv].unread_from is None, "being read again")


async def test_me_sends_what_one_does(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.command("/me waves")
        await stored(stage, conv, "* Ann waves")


async def test_names_of_emoji_are_replaced_in_every_text(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    bob.send(conv, "hello")
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "hello")
        await stage.command("/me goes :wave:")
        await stored(stage, conv, "* Ann goes 👋")
        await stage.command("/reply :wave: too")
        await stored(stage, conv, "👋 too")
        await stage.command("/edit :tea: time")
        await stored(stage, conv, "🍵 time")
        await stage.command(f"/msg {me(bob).username} :party:")
        await stored(stage, conv, "🎉")


async def test_the_hints_know_what_may_be_done(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "oops")
    await settled(ann)
    async with play(ann, (140, 40)) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "oops")
        await stage.press("up")
        await stage.sees("e edit  d delete")
        await stage.press("d", "enter")
        await stage.sees("(deleted)")
        await stage.until(lambda: "e edit" not in stage.text, "no hint to edit what is deleted")
        await bob.remove_contact(me(stage.client).user)
        await stage.command("to nobody")
        await stage.sees("not sent:")
        await stage.press("up")
        await stage.sees("t try again  x discard")


async def test_only_own_messages_are_edited(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    bob.send(conv, "mine")
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "mine")
        await stage.press("up", "e")
        await stage.sees("You can edit your own messages only.")
        await stage.press("d")
        await stage.sees("You can delete your own messages only.")


async def test_mentions_are_counted_and_shown(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann, bob)
    async with play(ann) as stage:
        await stage.until(lambda: conv in stage.client.store.conversations)
        bob.send(conv, f"hello @{stage.client.store.me.username}")
        bob.send(conv, "and all others")
        await stage.sees(" @1 tea", "2 unread messages")
        await stage.press("f6")
        await stage.until(lambda: stage.main.conv == conv, "going there")
        await stage.sees("new since", "and all others")
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 0, "being read")


async def test_what_is_all_in_view_has_nothing_newer_below(party: Party, play: Show) -> None:
    """On a narrow terminal the list has the screen until a conversation is opened."""
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann, (60, 30)) as stage:
        bob.send(conv, "first")
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 1, "the message")
        await stage.opens(conv)
        await stage.sees("new since", "first")
        await stage.until(lambda: stage.main.chat.timeline.following, "standing at the end")
        await stage.until(lambda: "goes to the newest" not in stage.text, "saying so")
        bob.send(conv, "second")
        await stage.sees("second")
        assert stage.text.index("new since") < stage.text.index("first"), "who looks on is told of nothing new"


async def test_nothing_is_read_while_the_terminal_looks_elsewhere(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.looks(here=False)
        bob.send(conv, "psst")
        await stage.sees("psst", "new since")
        assert stage.client.store.conversations[conv].unread == 1
        await stage.looks(here=True)
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 0, "being read")
        await stage.sees("new since")


async def test_who_has_said_it_is_not_typing_any_more_wherever_one_looks(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann) as stage:
        heard: list[object] = []
        stage.client.subscribe(heard.extend)
        bob.typing(conv)
        await wait_until(lambda: any(type(change).__name__ == "Typing" for change in heard), "Ann hearing it")
        bob.send(conv, "there")
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 1, "the message")
        await stage.opens(conv)
        await stage.sees("there")
        assert "is typing" not in stage.text


async def test_typing_is_told_both_ways(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        bob.typing(conv)
        await stage.sees("Bob is typing")
        bob.send(conv, "there")
        await stage.until(lambda: "is typing" not in stage.text, "having typed")
        heard: list[object] = []
        bob.subscribe(heard.extend)
        await stage.type("h")
        await wait_until(lambda: any(type(change).__name__ == "Typing" for change in heard), "Bob hearing it")


async def test_drafts_stay_with_their_conversation(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    tea, milk = await group(ann, title="tea"), await group(ann, title="milk")
    async with play(ann) as stage:
        await stage.opens(tea)
        await stage.type("half a")
        await stage.opens(milk)
        assert stage.main.chat.composer.text == ""
        await stage.type("none")
        await stage.opens(tea)
        assert stage.main.chat.composer.text == "half a"


async def test_what_a_draft_answers_stays_with_it(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv, other = await direct(ann, bob), await group(ann, title="milk")
    bob.send(conv, "tea or coffee?")
    await settled(bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "tea or coffee?")
        await stage.press("up", "r")
        await stage.type("my answer")
        stage.main.open_conversation(other)
        await stage.until(lambda: "Answering" not in stage.text, "answering nothing there")
        stage.main.open_conversation(conv)
        await stage.sees("Answering Bob", "my answer")
        stage.main.chat.composer.put("")
        await stage.command("/status")
        await stage.sees("connected to", "Answering Bob")
    async with play(party.client(ann.profile.name)) as stage:
        await stage.opens(conv)
        await stage.sees("Answering Bob")
        await stage.type("tea")
        await stage.press("enter")
        await stored(stage, conv, "tea or coffee?", "tea")
        question, answer = messages(stage, conv)
        assert answer.reply_to == question.seq
        assert "Answering" not in stage.text
        await stage.command("and biscuits")
        await stored(stage, conv, "tea", "and biscuits")
        assert messages(stage, conv)[-1].reply_to is None


async def test_what_a_draft_answers_comes_back_after_an_edit(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "first")
    await settled(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stored(stage, conv, "first")
        await stage.press("up", "r")
        await stage.sees("Answering yourself")
        await stage.press("up", "e")
        await stage.sees("Editing")
        await stage.press("escape")
        await stage.sees("Answering yourself")
        await stage.press("escape")
        await stage.until(lambda: "Answering" not in stage.text, "answering nothing")


async def test_the_warning_of_a_long_text_stays_with_it(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    tea, milk = await group(ann, title="tea"), await group(ann, title="milk")
    async with play(ann) as stage:
        await stage.opens(tea)
        stage.main.chat.composer.insert_text("é" * 3_500)
        await stage.sees("7000 of 8192 bytes")
        await stage.opens(milk)
        await stage.until(lambda: "bytes" not in stage.text, "nothing to warn of")
        await stage.opens(tea)
        await stage.sees("7000 of 8192 bytes")
        await stage.press("enter")
        await stage.until(lambda: "bytes" not in stage.text, "being sent")
        await stage.press("up", "e")
        await stage.type("x")
        await stage.sees("7001 of 8192 bytes")


async def test_all_history_is_reached_by_scrolling(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for number in range(450):
        bob.send(conv, f"message {number}")
    await settled(bob)
    async with play(ann) as stage:
        stage.main.open_conversation(conv)
        await stage.until(lambda: len(messages(stage, conv)) > 50, "the newest")
        stage.main.chat.timeline.newest()
        await stage.sees("message 449")
        for _ in range(400):
            await stage.press("pageup")
            if not stage.client.store.conversations[conv].more_before and stage.main.chat.timeline.scroll_y == 0:
                break
        await stage.sees("message 0", "The chat begins here")
        assert len(messages(stage, conv)) == 450
        await stage.press("ctrl+end")
        await stage.sees("message 449")
