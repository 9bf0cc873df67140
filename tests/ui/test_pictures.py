"""Every dialog and state that the other modules have no picture of, at three sizes, over the recorded session."""

from __future__ import annotations

import pytest

from mrccsc_tui.ui.screens.excerpt import ExcerptScreen
from tests.ui.conftest import Show, Stage, out_of_reach
from tests.ui.recording import Replay

Size = tuple[int, int]


async def on_row(stage: Stage, text: str) -> None:
    """Put the cursor of the left panel on the row that says so."""
    await stage.press("f2")
    sidebar = stage.main.query_one("#sidebar")
    key = next(row.key for row in sidebar.rows if any(text in piece for piece, _ in row.lines[0]))
    sidebar.move_to(key)


async def fill(stage: Stage, **values: str) -> None:
    for name, value in values.items():
        stage.app.screen.query_one(f"#{name}").value = value


class TestSigningIn:
    async def test_complaint(self, show: Show, size: Size) -> None:
        async with show(size, signed_in=False) as stage:
            await fill(stage, username="A b", password="secret")
            await stage.press("enter")
            await stage.sees("A user name is 2 to 32")
            assert await stage.picture()

    async def test_waiting(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size, signed_in=False) as stage:
            replay.silent.add("session.login")
            await fill(stage, username="ana", password="correct horse")
            await stage.press("enter")
            await stage.sees("Connecting to 127.0.0.1:8000")
            assert await stage.picture()

    async def test_refused(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size, signed_in=False) as stage:
            replay.refuse["session.login"] = ("bad_credentials", "The user name or the password is wrong.")
            await fill(stage, username="ana", password="correct horse")
            await stage.press("enter")
            await stage.sees("password is wrong")
            assert await stage.picture()

    async def test_nobody_there(self, show: Show, size: Size) -> None:
        async with show(size, signed_in=False, online=False) as stage:
            await fill(stage, username="ana", password="correct horse")
            await stage.press("enter")
            await stage.sees("Nothing listens there.")
            assert await stage.picture()

    async def test_on_a_server_of_ones_own(self, show: Show, size: Size) -> None:
        async with show(size, signed_in=False, local=True) as stage:
            await stage.sees("make a new account")
            assert await stage.picture()


class TestMain:
    async def test_welcome_to_somebody_new(self, show: Show, replay: Replay, size: Size) -> None:
        none: dict[str, list[object]] = {"friends": [], "requests": [], "blocked": [], "conversations": []}
        replay.recording.ready |= none
        async with show(size) as stage:
            await stage.sees("Welcome, Ana Lima.", "Friends find you as ana")
            assert await stage.picture()

    async def test_never_online(self, show: Show, size: Size) -> None:
        async with show(size, online=False) as stage:
            await stage.until(lambda: stage.client.status.next_try_at is not None, "waiting for the next try")
            await stage.sees("offline", "once the server is reached")
            assert await stage.picture()

    async def test_connecting_again(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            replay.silent.add("session.resume")
            replay.drop()
            await stage.until(lambda: stage.client.status.next_try_at is not None, "waiting for the next try")
            stage.client.reconnect_now()
            await stage.until(lambda: stage.client.status.phase == "signing_in", "the next try")
            await stage.sees("signing in")
            assert await stage.picture()

    async def test_editing(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("Bob Novak"))
            await stage.press("up", "e")
            await stage.sees("Editing")
            assert await stage.picture()

    async def test_selected(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("Bob Novak"))
            await stage.press("up")
            await stage.until(lambda: stage.main.selected is not None, "the selection")
            assert await stage.picture()

    async def test_told(self, show: Show, replay: Replay, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mrccsc_tui.ui.screens.action_screen.SAID_FOR", 600)
        async with show(size, toasts=True) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            await stage.command("/nonsense")
            await stage.sees("There is no command /nonsense", "wants to add you")
            assert await stage.picture()


class TestQuestions:
    async def test_delete(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("Bob Novak"))
            await stage.press("up", "d")
            await stage.sees("Delete for everybody?")
            assert await stage.picture()

    async def test_remove_friend(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await on_row(stage, "Bob Novak")
            await stage.press("x")
            await stage.sees("from your friends?")
            assert await stage.picture()

    async def test_log_out_with_words_waiting(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("lunch"))
            replay.silent.add("message.send")
            await stage.command("not sent yet")
            await stage.command("/logout")
            await stage.sees("Log out on this device?", "1 unsent message will be lost.")
            assert await stage.picture()


class TestForms:
    async def test_settings_of_a_group(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await on_row(stage, "release 2.0")
            await stage.press("t")
            await stage.sees("Who may join")
            assert await stage.picture()

    async def test_password_with_a_complaint(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.command("/password")
            await stage.sees("Change the password")
            await fill(stage, old="correct horse", new="short")
            await stage.press("enter")
            await stage.sees("A password has")
            assert await stage.picture()

    async def test_status(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.command("/presence")
            await stage.sees("In words")
            assert await stage.picture()


class TestPickers:
    async def test_request(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await on_row(stage, "Eve Okafor")
            await stage.press("enter")
            await stage.sees("Eve Okafor (@eve) wants to add you", "Decline")
            assert await stage.picture()

    async def test_add_a_friend(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.press("f2", "n")
            await stage.type("do")
            await stage.sees("@dora")
            assert await stage.picture()

    async def test_react(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("Bob Novak"))
            await stage.press("up", "k", "colon")
            await stage.sees("thumbs_up")
            assert await stage.picture()

    async def test_themes(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.command("/theme")
            await stage.sees("mrccsc-light")
            assert await stage.picture()

    async def test_devices(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.command("/devices")
            await stage.sees("mrccsc-tui on laptop")
            assert await stage.picture()

    async def test_role(self, show: Show, replay: Replay, size: Size) -> None:
        async with show(size) as stage:
            await stage.opens(replay.recording.conv("release 2.0"))
            await stage.until(lambda: stage.client.store.members(stage.main.conv), "the members")
            await stage.press("f3", "j", "r")
            await stage.until(lambda: stage.app.screen is not stage.main, "the roles")
            assert await stage.picture()

    async def test_told_over_one(self, show: Show, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mrccsc_tui.ui.screens.action_screen.SAID_FOR", 600)
        async with show(size, toasts=True) as stage:
            await stage.press("ctrl+g")
            await stage.sees("Go to", "wants to add you")
            assert await stage.picture()

    async def test_nothing_found(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.press("f4")
            await stage.type("zebra")
            await stage.sees("no message has all of that")
            assert await stage.picture()

    async def test_palette(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.press("ctrl+p")
            await stage.type("group")
            await stage.sees("/creategroup")
            # It shows what it has found so far, in batches.
            await stage.until(lambda: not any(each.is_running for each in stage.app.workers), "the end of the search")
            assert await stage.picture()


class TestReading:
    async def test_excerpt(self, show: Show, replay: Replay, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
        async with show(size) as stage:
            conv = replay.recording.conv("lunch")
            await stage.opens(conv)

            monkeypatch.setattr(stage.client, "load_until", out_of_reach)
            stage.main.act(stage.main.reach(conv, replay.recording.logs[conv][6]["seq"]))
            await stage.until(lambda: isinstance(stage.app.screen, ExcerptScreen), "the excerpt")
            await stage.sees("Earlier in the history", "They do.")
            assert await stage.picture()

    async def test_signs_at_the_end_of_the_help(self, show: Show, size: Size) -> None:
        async with show(size) as stage:
            await stage.press("f1")
            await stage.sees("Keys and commands")
            await stage.press(*["pagedown"] * 20)
            await stage.sees("somebody you have asked")
            assert await stage.picture()
