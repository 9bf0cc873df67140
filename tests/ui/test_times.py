"""When something was said, and by whom: on every page, however long one person speaks."""

from __future__ import annotations

import random
import re

from mrccsc_tui.state.models import Message, Notice, Pending
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.widgets.timeline import RowRenderer
from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay

Size = tuple[int, int]
MINUTE = 60_000


def hears(replay: Replay, conv: int, start: int, *said: tuple[float, str]) -> None:
    """Bob says some things, so many minutes after ``start``."""
    bob = replay.recording.user("bob")
    for minutes, text in said:
        replay.deliver(replay.next_entry(conv, "message", bob, text=text) | {"at": start + int(minutes * MINUTE)})


def start_of(replay: Replay, conv: int) -> int:
    """The full hour after all that was said: 00:00 is far enough to be another day."""
    hour = 60 * MINUTE
    return (replay.recording.logs[conv][-1]["at"] // hour + 1) * hour


def panel(stage: Stage) -> list[str]:
    """The lines of the timeline."""
    timeline = stage.main.chat.timeline
    return [timeline.render_line(y).text for y in range(timeline.size.height)]


def times(lines: list[str]) -> dict[str, str]:
    """The time that stands beside or last above each text."""
    time = ""
    found = {}
    for line in lines:
        beside = re.match(r" (\d\d:\d\d)", line)
        time = beside[1] if beside else time
        found[line[10:].strip()] = time
    return found


async def test_a_message_minutes_later_has_its_own_time(show: Show, replay: Replay, size: Size) -> None:
    conv = replay.recording.conv("release 2.0")
    start = start_of(replay, conv)
    async with show(size) as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(replay, conv, start, (1, "one"), (1.4, "the same minute"), (3, "two minutes later"), (4.9, "and more"))
        await stage.sees("and more")
        said = times(panel(stage))
        assert [said[text][-2:] for text in ("one", "two minutes later", "and more")] == ["01", "03", "04"]
        assert said["one"] == said["the same minute"]


async def test_a_bot_that_speaks_every_four_minutes_is_timed_all_night(show: Show, replay: Replay, size: Size) -> None:
    conv = replay.recording.conv("release 2.0")
    start = start_of(replay, conv)
    async with show(size) as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(replay, conv, start, *((4 * number, f"beat {number}") for number in range(60)))
        await stage.sees("beat 59")
        for _ in range(6):
            beats = {text: time for text, time in times(panel(stage)).items() if text.startswith("beat") and time}
            assert beats
            for text, time in beats.items():
                assert int(time[3:]) == 4 * int(text.split()[1]) % 60
            await stage.press("pageup")


async def test_every_page_of_a_long_speech_says_whose_it_is_and_when(show: Show, replay: Replay, size: Size) -> None:
    conv = replay.recording.conv("release 2.0")
    start = start_of(replay, conv)
    async with show(size) as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(replay, conv, start, *((number / 200, f"word {number}") for number in range(120)))
        await stage.sees("word 119")
        while "word 0 " not in stage.text:
            page = panel(stage)
            assert any("Bob Novak" in line and re.match(r" \d\d:00", line) for line in page), "\n".join(page)
            await stage.press("pageup")


def test_heights_and_lines_are_in_step() -> None:
    chance = random.Random(7)
    store = Store()
    for spacious in (True, False):
        for width in (9, 31, 72):
            renderer = RowRenderer(store, 1, width=width, spacious=spacious, divider=40)
            before: Message | Notice | Pending | None = None
            for seq in range(1, 400):
                at = seq * chance.choice((1_000, 40_000))
                text = "word " * chance.randrange(1, 30)
                kind = chance.randrange(8)
                item: Message | Notice | Pending
                if kind == 0:
                    item = Notice(1, seq, 2, at, None, "join", user=3)
                elif kind == 1:
                    item = Pending(str(seq), 1, "send", at, text, text)
                else:
                    by = chance.choice((0, 2, 2, 2, 3))
                    item = Message(1, seq, by, at, None, text, text, seq, reply_to=chance.choice((None, None, 1)))
                assert renderer.height(item, before) == len(renderer.lines(item, before))
                before = item
