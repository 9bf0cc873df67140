"""The main screen at three sizes, as a recorded session of a real server fills it."""

from __future__ import annotations

from tests.client.fakes import FakeClock
from tests.ui.conftest import Show
from tests.ui.recording import Replay

Size = tuple[int, int]


async def test_group_with_unread(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.sees("new since", "projector")
        assert await stage.picture()


async def test_direct_chat_shows_what_the_other_has_read(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("Bob Novak"))
        await stage.sees("✓✓", "Thank you")
        assert await stage.picture()


async def test_nothing_open(show: Show, size: Size) -> None:
    async with show(size) as stage:
        await stage.sees("Welcome, Ana Lima.", "Eve Okafor wants to add you.")
        assert await stage.picture()


async def test_lists(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        await stage.press("f2")
        await stage.sees("REQUESTS 1", "FRIENDS", "GROUPS")
        assert await stage.picture()


async def test_members(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        await stage.press("f3")
        await stage.sees("OWNER", "MEMBERS 2")
        assert await stage.picture()


async def test_offline_with_words_waiting(show: Show, replay: Replay, clock: FakeClock, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        replay.down = True
        replay.drop()
        await stage.until(lambda: stage.client.status.next_try_at is not None, "waiting for the next try")
        await stage.command("I can review it at two")
        await stage.command("or at three")
        await stage.sees("2 messages waiting", "(waiting)")
        assert await stage.picture()


async def test_refused_message_says_why(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        replay.refuse["message.send"] = ("forbidden", "You may not do that.")
        await stage.command("let me in")
        await stage.sees("not sent: You may not do that")
        assert await stage.picture()


async def test_typing_and_scrolled_up(show: Show, replay: Replay, size: Size) -> None:
    async with show(size) as stage:
        conv = replay.recording.conv("lunch")
        await stage.opens(conv)
        replay.deliver({"type": "typing", "conv": conv, "user": replay.recording.user("dora")})
        await stage.press("ctrl+home")
        await stage.sees("Dora Ito is typing")
        assert await stage.picture()


async def test_in_ascii_only(show: Show, replay: Replay, size: Size) -> None:
    from mrccsc_tui.config import Options  # noqa: PLC0415

    async with show(size, options=Options(ascii=True)) as stage:
        await stage.opens(replay.recording.conv("release 2.0"))
        assert await stage.picture()
        own = stage.text.replace("千代", "")
        assert own.isascii(), sorted(set(own) - set(map(chr, range(128))))


async def test_light_theme(show: Show, replay: Replay) -> None:
    from mrccsc_tui.config import Options  # noqa: PLC0415

    async with show((100, 30), options=Options(theme="mrccsc-light")) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        await stage.sees("projector")
        assert await stage.picture()


async def test_a_wide_terminal_becomes_narrow_at_once(show: Show, replay: Replay) -> None:
    async with show((140, 40)) as stage:
        await stage.opens(replay.recording.conv("lunch"))
        for width, height in ((60, 20), (140, 40), (20, 10), (140, 40), (1, 1), (100, 30)):
            await stage.pilot.resize_terminal(width, height)
        await stage.sees("projector", "Message lunch")
