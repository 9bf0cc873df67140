"""``--linear``: one panel, no boxes, plain lines, on every screen and at every size."""

from __future__ import annotations

import unicodedata

from mrccsc_tui.config import Options
from mrccsc_tui.ui.widgets.members import Members
from mrccsc_tui.ui.widgets.sidebar import Sidebar
from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay

Size = tuple[int, int]
LINEAR = Options(linear=True)


def assert_plain(stage: Stage) -> None:
    """Nothing on the screen is drawn, and what the client itself says is ASCII."""
    drawn = {char for char in stage.text if 0x2500 <= ord(char) < 0x25A0}
    assert not drawn, f"{drawn}\n{stage.text}"
    assert "---" not in stage.text, stage.text
    # The ellipsis is of Textual's own command palette.
    signs = {char for char in stage.text if not char.isascii() and not unicodedata.category(char).startswith("L")}
    assert not signs - set("👍😂。…"), f"{signs}\n{stage.text}"


async def test_panels_stand_alone_and_without_boxes(show: Show, replay: Replay, size: Size) -> None:
    async with show(size, options=LINEAR, toasts=True) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.sees("new since", "projector", "wants to add you")
        main = stage.main
        panels = main.chat, main.query_one(Sidebar), main.query_one(Members)
        for key, shown in (("escape", 0), ("f2", 1), ("f3", 2)):
            await stage.press(key)
            await stage.until(lambda shown=shown: panels[shown].size.width == size[0], "having all the width")
            assert [panel.display for panel in panels].count(True) == 1 or key == "escape"
            assert_plain(stage)


async def test_picture(show: Show, replay: Replay, size: Size) -> None:
    async with show(size, options=LINEAR) as stage:
        await stage.opens(replay.recording.conv("Bob Novak"))
        await stage.sees("Thank you")
        assert await stage.picture()


async def test_dialogs_have_no_boxes_and_keep_their_titles(show: Show, replay: Replay, size: Size) -> None:
    async with show(size, options=LINEAR) as stage:
        await stage.opens(replay.recording.conv("Bob Novak"))
        for keys, words in (
            (("ctrl+g",), "Go to"),
            (("ctrl+f",), "Search in Bob Novak"),
            (("f1",), "Keys and commands"),
            (("ctrl+p",), "Search for commands"),
            (("up", "d"), "Delete for everybody?"),
            (("f2", "c"), "Create a group"),
        ):
            await stage.press(*keys)
            await stage.sees(words)
            assert_plain(stage)
            await stage.press("escape", "escape")
            await stage.until(lambda: stage.app.screen is stage.main, "coming back")


async def test_signing_in_has_no_box(show: Show, size: Size) -> None:
    async with show(size, signed_in=False, options=LINEAR) as stage:
        await stage.sees("MRCCSC", "User name")
        assert_plain(stage)
