"""What was sent before, what was being typed, and what was taken away: nothing typed is lost."""

from __future__ import annotations

from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay


async def says(stage: Stage, replay: Replay, *texts: str) -> None:
    for text in texts:
        await stage.command(text)
    await stage.until(lambda: len([one for one in replay.requests if one["type"] == "message.send"]) == len(texts))


def typed(stage: Stage) -> str:
    return stage.main.chat.composer.text


async def test_a_changed_line_is_kept(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await says(stage, replay, "first", "second")
        await stage.type("third")
        await stage.press("ctrl+up", "ctrl+up")
        await stage.type(" one")
        await stage.press("ctrl+up")
        assert typed(stage) == "first one", "there is nothing before it"
        await stage.press("ctrl+down")
        assert typed(stage) == "second"
        await stage.press("ctrl+down")
        assert typed(stage) == "first one"
        await stage.press("ctrl+down")
        assert typed(stage) == "third"
        await stage.press("ctrl+down")
        assert typed(stage) == "third"


async def test_what_was_being_typed_stays_when_a_line_is_sent_again(show: Show, replay: Replay) -> None:
    async with show() as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await says(stage, replay, "first")
        await stage.type("half a")
        await stage.press("ctrl+up", "enter", "ctrl+up")
        assert typed(stage) == "first"
        await stage.press("ctrl+up")
        assert typed(stage) == "half a"


async def test_drafts_stay_with_their_conversation_while_one_looks_back(show: Show, replay: Replay) -> None:
    lunch, release = replay.recording.conv("lunch"), replay.recording.conv("release 2.0")
    async with show() as stage:
        await stage.opens(lunch)
        await says(stage, replay, "first")
        await stage.type("for lunch")
        await stage.press("ctrl+up")
        await stage.opens(release)
        await stage.type("for the release")
        await stage.press("ctrl+down")
        assert typed(stage) == "for the release"
        await stage.opens(lunch)
        assert typed(stage) == "for lunch"
        await stage.press("ctrl+up")
        await stage.type(" again")
        await stage.opens(release)
        assert typed(stage) == "for the release"
        await stage.opens(lunch)
        assert typed(stage) == "first again", "what was typed last"
        await stage.press("ctrl+up")
        assert typed(stage) == "for lunch", "and what was typed before is kept"


async def test_the_draft_is_what_was_being_typed(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("lunch")
    async with show() as stage:
        await stage.opens(conv)
        await says(stage, replay, "first", "second")
        await stage.type("third")
        await stage.press("ctrl+up")
        await stage.type("!")
        await stage.until(lambda: stage.client.draft(conv) == "second!", "the changed line")
        await stage.press("ctrl+up")
        await stage.until(lambda: stage.client.draft(conv) == "third", "what is still being typed")


async def test_a_text_is_cleared_and_comes_back(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("lunch")
    pasted = "\n".join(f"line {number}" for number in range(300))
    async with show() as stage:
        await stage.opens(conv)
        stage.press_at_once(*"see ")
        await stage.pastes(pasted)
        await stage.press("ctrl+l")
        assert typed(stage) == ""
        await stage.until(lambda: stage.client.draft(conv) == "", "no draft")
        await stage.press("ctrl+up")
        assert typed(stage) == f"see {pasted}"
        await stage.press("ctrl+l", "ctrl+l", "ctrl+up")
        assert typed(stage) == f"see {pasted}"
