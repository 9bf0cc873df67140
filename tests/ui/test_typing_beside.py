"""What is typed while the composer has not the focus: a command where it means something, else the first of words."""

from __future__ import annotations

from textual import events

from tests.ui.conftest import Show
from tests.ui.recording import Replay


async def test_words_typed_over_the_lists_arrive_in_the_composer(show: Show, replay: Replay) -> None:
    for size in ((60, 20), (100, 30)):
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            await stage.press("f2")
            await stage.until(lambda stage=stage: stage.app.focused.id == "sidebar", "the lists")
            stage.press_at_once(*"hearts")
            await stage.until(lambda stage=stage: stage.main.chat.composer.text == "hearts", "all letters in order")
            assert stage.main.panel == "chat"
            assert not [one for one in stage.app._notifications if one.severity == "error"]
            stage.main.chat.composer.put("")


async def test_keys_that_mean_nothing_on_a_row_are_letters(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("f2")
        await stage.press("a", "d", "d")
        await stage.until(lambda: stage.main.chat.composer.text == "add", "no request to accept or decline here")
        assert not [one for one in replay.requests if one["type"].startswith("contact.")]


async def test_keys_that_mean_something_stay_commands(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.press("f2")
        await stage.sees("Eve Okafor")
        await stage.press("home", "up", "up", "up", "up", "up", "up", "up", "a")
        await stage.until(lambda: any(one["type"] == "contact.accept" for one in replay.requests), "accepting")
        assert stage.main.chat.composer.text == ""


async def test_words_typed_over_members_and_a_selected_message_arrive(show: Show, replay: Replay) -> None:
    async with show((140, 40)) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("f3", "j", "w", "e", "l", "l")
        await stage.until(lambda: stage.main.chat.composer.text == "well", "the word")
        stage.main.chat.composer.put("")
        await stage.press("up", "k")
        await stage.until(lambda: stage.main.selected is not None, "a selected message")
        await stage.press("t", "h", "e", "n")
        await stage.until(lambda: stage.main.chat.composer.text == "then", "the word")


async def test_a_paste_over_the_lists_arrives_in_the_composer(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("f2")
        stage.app.post_message(events.Paste("two\nlines"))
        await stage.until(lambda: stage.main.chat.composer.text == "two\nlines", "what was pasted")


async def test_what_is_typed_in_a_dialog_stays_there(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("up", "colon")
        await stage.sees("React")
        await stage.type("quick")
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.main, "coming back")
        assert stage.main.focused is stage.main.chat.timeline
        assert stage.main.chat.composer.text == ""
