"""Where keys lead on the main screen: the lists on a narrow terminal, and messages that are scrolled to."""

from __future__ import annotations

import pytest

from mrccsc_tui.ui.widgets.rows import RowList
from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay
from tests.ui.test_reading import hears


@pytest.mark.parametrize("key", ["f2", "f3"])
async def test_newest_leads_out_of_a_list_that_covers_the_conversation(show: Show, replay: Replay, key: str) -> None:
    async with show((60, 20)) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("h", key, "ctrl+end", "i")
        assert stage.main.panel == "chat"
        await stage.sees("│ hi")


async def test_newest_leads_out_of_a_list_beside_the_conversation(show: Show, replay: Replay) -> None:
    async with show((100, 30)) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.press("f2", "ctrl+end", "f2")
        await stage.until(lambda: stage.app.focused.id == "sidebar", "the list, by one key")


async def test_pages_of_a_list_that_covers_the_conversation(show: Show, replay: Replay) -> None:
    async with show((60, 10)) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        timeline, rows = stage.main.chat.timeline, stage.main.query_one("#sidebar", RowList)
        before = timeline.scroll_offset
        await stage.press("f2")
        last = rows.cursor
        keys = [row.key for row in rows.rows if row.key is not None]
        await stage.press("ctrl+home")
        assert rows.cursor == keys[0]
        await stage.press("pagedown")
        assert rows.cursor not in (keys[0], keys[1], last)
        await stage.press("pagedown", "pagedown")
        assert rows.cursor == keys[-1]
        await stage.press("pageup", "pageup", "pageup")
        assert rows.cursor == keys[0]
        assert timeline.scroll_offset == before
        await stage.press("f3", "pageup", "pagedown", "ctrl+home")
        assert timeline.scroll_offset == before


async def test_pages_beside_a_list_scroll_the_conversation(show: Show, replay: Replay) -> None:
    async with show((100, 20)) as stage:
        await long(stage, replay)
        await stage.press("f2")
        before = stage.main.query_one("#sidebar", RowList).cursor
        await stage.press("pageup")
        assert not stage.main.chat.timeline.following
        assert stage.main.query_one("#sidebar", RowList).cursor == before


async def long(stage: Stage, replay: Replay) -> int:
    """A conversation of many pages, at its newest; the seq of that."""
    conv = replay.recording.conv("lunch")
    await stage.opens(conv)
    first = hears(stage, replay, conv, *(f"news {number}" for number in range(100)))
    await stage.press("ctrl+end")
    await stage.sees("news 99")
    return first + 99


async def test_the_message_one_has_scrolled_to_is_selected(show: Show, replay: Replay) -> None:
    async with show((100, 20)) as stage:
        newest = await long(stage, replay)
        timeline = stage.main.chat.timeline
        await stage.press("pageup", "pageup", "pageup")
        top, lowest = timeline.scroll_offset, timeline.bottom_seq()
        assert lowest < newest - 5
        await stage.press("up")
        assert stage.main.selected.seq == lowest
        assert abs(timeline.scroll_offset.y - top.y) <= 3, "no jump"
        await stage.press("k")
        assert stage.main.selected.seq == lowest - 1


async def test_a_selection_that_is_out_of_view_begins_anew_in_view(show: Show, replay: Replay) -> None:
    async with show((100, 20)) as stage:
        newest = await long(stage, replay)
        timeline = stage.main.chat.timeline
        for key in ("k", "j"):
            await stage.press("ctrl+end", "up")
            assert stage.main.selected.seq == newest
            await stage.press("pageup", "pageup", "pageup")
            lowest = timeline.bottom_seq()
            await stage.press(key)
            assert stage.main.selected.seq == lowest
        await stage.press("ctrl+end", "up", "k", "j", "j")
        await stage.until(lambda: stage.app.focused is stage.main.chat.composer, "the composer, below the last")
