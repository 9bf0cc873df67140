"""Keys that come in one piece: each acts on what those before it have done."""

from __future__ import annotations

import contextlib

import pytest
from syrupy.assertion import SnapshotAssertion
from textual import events
from textual.widgets import Input

from mrccsc_tui.client import ChatClient
from mrccsc_tui.ui.screens.forms import Field, FormScreen
from mrccsc_tui.ui.screens.main import MainScreen
from mrccsc_tui.ui.screens.picker import Option, Picker, PickerScreen
from tests.client.party import PASSWORD, Party, direct, settled, texts
from tests.ui.conftest import Show
from tests.ui.recording import Replay
from tests.ui.test_sign_in import stranger
from tests.waiting import wait_until
from tests.wire.server import Server


def said(replay: Replay) -> list[str]:
    return [one["text"] for one in replay.requests if one["type"] == "message.send"]


CORRECTED = {
    "backspace": (("t", "e", "h", "backspace", "backspace", "h", "e"), "the"),
    "left": (("t", "e", "left", "h", "end", "m"), "them"),
    "home and delete": (("x", "t", "h", "e", "home", "delete", "end", "n"), "then"),
    "a word": ((*"one two", "ctrl+w", *"three"), "one three"),
    "the line": ((*"wrong", "ctrl+u", *"right"), "right"),
    "the rest": ((*"right wrong", *("left",) * 6, "ctrl+k"), "right"),
    "a new line": ((*"one", "ctrl+j", *"two", "up", "end", "!"), "one!\ntwo"),
}


@pytest.mark.parametrize("case", CORRECTED)
async def test_corrections_are_made_where_they_were_typed(show: Show, replay: Replay, case: str) -> None:
    keys, text = CORRECTED[case]
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        stage.press_at_once(*keys, "enter", *"and")
        await stage.until(lambda: stage.main.chat.composer.text == "and", "the beginning of the next")
        await stage.until(lambda: said(replay) == [text], "what was sent")


async def test_a_paste_stays_between_its_keys(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        stage.press_at_once(*"see ")
        stage.app.post_message(events.Paste("this"))
        stage.press_at_once("backspace", *"at")
        await stage.until(lambda: stage.main.chat.composer.text == "see thiat", "all of it")


async def test_blank_lines_around_a_text_are_not_sent(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        stage.app.post_message(events.Paste(" \n\n    if tea:\n\n        drink()  \n\n"))
        stage.press_at_once("enter")
        await stage.until(lambda: said(replay) == ["    if tea:\n\n        drink()"], "what was sent")


async def test_a_corrected_command_is_carried_out(show: Show, replay: Replay) -> None:
    async with show(toasts=True) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        stage.press_at_once(*"/hepl", "backspace", "backspace", *"lp kikc", "backspace", "backspace", *"ck", "enter")
        await stage.sees("/kick")
        assert stage.main.chat.composer.text == ""


async def test_what_leads_away_comes_after_what_was_typed(show: Show, replay: Replay) -> None:
    lunch, release = replay.recording.conv("lunch"), replay.recording.conv("release 2.0")
    async with show() as stage:
        await stage.opens(lunch)
        stage.press_at_once(*"half a", "f8")
        await stage.until(lambda: stage.main.conv != lunch, "the next conversation")
        assert stage.main.chat.composer.text == ""
        await stage.opens(release)
        await stage.opens(lunch)
        assert stage.main.chat.composer.text == "half a"


async def test_the_list_is_where_the_keys_after_f2_go(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        before = stage.main.conv
        stage.press_at_once("f2", "down", "enter")
        await stage.until(lambda: stage.main.conv != before, "another conversation")


async def test_the_selected_message_is_what_the_keys_after_it_mean(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        stage.press_at_once("up", "k", "r")
        await stage.sees("Answering")
        assert stage.main.chat.composer.text == ""


async def test_a_picker_narrows_by_what_was_meant(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("ctrl+g")
        await stage.until(lambda: isinstance(stage.app.screen, PickerScreen), "the picker")
        await stage.sees("Go to")
        stage.press_at_once("b", "x", "backspace", "o", "enter")
        await stage.until(lambda: stage.main.conv == replay.recording.conv("Bob Novak"), "Bob's chat")


async def test_a_picker_moves_in_what_is_narrowed(show: Show, replay: Replay) -> None:
    chosen: list[str | None] = []
    options = [Option(name, name, (((name, "text"),),)) for name in ("ant", "bee", "bat", "bug")]
    async with show() as stage:
        stage.app.push_screen(PickerScreen(Picker("Animals", options=options)), chosen.append)
        await stage.sees("Animals", "ant")
        stage.press_at_once("b", "down", "enter")
        await stage.until(lambda: chosen == ["bat"], "the second that has the letter")


async def test_a_form_takes_each_key_in_its_field(show: Show) -> None:
    async with show() as stage:
        filled: list[dict[str, str] | None] = []
        fields = (
            Field("title", "Title"),
            Field("seen", "Seen by", choices=("all", "few", "none")),
            Field("why", "Why"),
        )
        stage.app.push_screen(FormScreen("Group", fields, "makes it"), filled.append)
        await stage.sees("Seen by")
        stage.press_at_once(*"tae", "backspace", "backspace", *"ea", "tab", " ", " ", "left", "tab", *"so", "enter")
        await stage.until(lambda: filled == [{"title": "tea", "seen": "few", "why": "so"}], "what was filled in")


async def test_a_field_is_selected_before_the_first_key_in_it(show: Show) -> None:
    async with show() as stage:
        filled: list[dict[str, str] | None] = []
        fields = (Field("title", "Title"), Field("topic", "Topic", "old"))
        stage.app.push_screen(FormScreen("Group", fields, "changes it"), filled.append)
        await stage.sees("Topic")
        stage.press_at_once("tab", "n")
        await stage.press("e", "w", "enter")
        await stage.until(lambda: filled == [{"title": "", "topic": "new"}], "the new word in place of the old")


async def test_a_new_account_is_made_by_keys_in_one_piece(server: Server, snapshot: SnapshotAssertion) -> None:
    async with stranger(server, snapshot, "hasty") as stage:
        keys = [*("shift+tab",) * 4, " ", *("tab",) * 4, *"hasyt", "backspace", "backspace", *"ty", "tab", *PASSWORD]
        stage.press_at_once(*keys, "tab", *"Hasty", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, MainScreen), "the main screen")
        await stage.sees("Welcome, Hasty.")


async def test_the_way_through_the_fields_does_not_wait_for_their_layout(
    server: Server, snapshot: SnapshotAssertion
) -> None:
    async with stranger(server, snapshot, "quick") as stage:
        await stage.press("shift+tab", "shift+tab", "shift+tab", "shift+tab")
        screen = stage.app.screen
        with stage.app.batch_update():
            stage.press_at_once(" ")
            await wait_until(lambda: screen.query_one("#display", Input).parent.display, "the new fields")
            stage.press_at_once(*("tab",) * 4, *"quick", *("tab",) * 2, *"Quick", "tab", *"code")
            names = ("port", "username", "display", "invite")
            filled = [str(server.port), "quick", "Quick", "code"]
            fields = [screen.query_one(f"#{name}", Input) for name in names]
            await wait_until(lambda: [field.value for field in fields] == filled, "each word in its field")


async def two_chats(party: Party) -> tuple[ChatClient, int, int]:
    """Somebody, and their conversations with two friends: Bob and Cy."""
    ann, bob, cy = await party.friends("ann", "bob", "cy")
    return ann, await direct(ann, bob), await direct(ann, cy)


WAYS = {
    "the next conversation": (("f8",), ()),
    "the list": (("f2", "up", "up", "down", "down"), ("enter",)),
    "the switcher": (("ctrl+g", *"cy"), ("enter",)),
    "a command": (tuple("/chat Cy"), ("enter",)),
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_sent_goes_where_one_is(party: Party, play: Show, way: str) -> None:
    ann, bob, cy = await two_chats(party)
    ahead = [key for keys in WAYS[way] for key in keys]
    async with play(ann) as stage:
        await stage.until(lambda: {bob, cy} <= set(stage.client.store.conversations), "the conversations")
        stage.main.open_conversation(bob)
        await stage.pilot.pause()
        stage.press_at_once(*"for Bob", "enter", *ahead, *"for Cy", "enter", *"to")
        await stage.until(lambda: stage.main.chat.composer.text == "to", "the last key")
        assert stage.main.conv == cy
        await settled(stage.client)
        assert (texts(stage.client, bob), texts(stage.client, cy)) == (["for Bob"], ["for Cy"])


ON_A_MESSAGE = {
    "an answer": (("r", *"yes", "enter"), ["mine", "yes"]),
    "a change": (("e", *" too", "enter"), ["mine too"]),
    "a quotation": (("greater_than_sign", *"true", "enter"), ["mine", "> mine\ntrue"]),
    "its end": (("d", "enter"), [""]),
}


@pytest.mark.parametrize("case", ON_A_MESSAGE)
async def test_keys_on_a_message_act_before_what_follows(party: Party, play: Show, case: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "mine")
    await settled(ann)
    keys, expected = ON_A_MESSAGE[case]
    async with play(ann) as stage:
        await stage.opens(conv)
        stage.press_at_once("up", *keys, *"so")
        await stage.until(lambda: stage.main.chat.composer.text == "so", "the last key")
        with contextlib.suppress(AssertionError):
            await wait_until(lambda: texts(stage.client, conv) == expected, "what was done", 5)
        assert texts(stage.client, conv) == expected


async def test_what_is_typed_just_before_the_end_is_kept(party: Party, play: Show) -> None:
    ann, bob, _ = await two_chats(party)
    async with play(ann) as stage:
        stage.main.open_conversation(bob)
        await stage.pilot.pause()
        stage.press_at_once(*"precious", "ctrl+q")
        await stage.until(lambda: not stage.app.is_running or stage.app._exit, "the end")
    again = ChatClient(ann.profile)
    await again.start()
    party.clients.append(again)
    assert again.draft(bob) == "precious"
