"""Signing in, registering, coming back, and leaving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

import pytest
from syrupy.assertion import SnapshotAssertion

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options, Profile
from mrccsc_tui.ui.app import ChatApp
from mrccsc_tui.ui.screens.main import MainScreen
from mrccsc_tui.ui.screens.signin import SignInScreen
from tests.client.party import PASSWORD, Party, group, me
from tests.ui.conftest import SIZES, Show, Stage
from tests.waiting import wait_until
from tests.wire.server import Server


@asynccontextmanager
async def stranger(
    server: Server,
    snapshot: SnapshotAssertion,
    profile: str,
    size: tuple[int, int] = (100, 30),
    port: int = 0,
    *,
    local: bool = False,
) -> AsyncIterator[Stage]:
    """A client without a session."""
    client = ChatClient(Profile(profile, "127.0.0.1", port or server.port, local=local))
    app = ChatApp(client, Options(), zone=UTC)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield Stage(app, client, pilot, snapshot)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_register_then_come_back(server: Server, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    name = f"newcomer-{size[0]}"
    async with stranger(server, snapshot, name, size) as stage:
        assert isinstance(stage.app.screen, SignInScreen)
        await stage.press("shift+tab", "shift+tab", "shift+tab", "shift+tab", "space")
        await stage.sees("make a new account", "Display name")
        await stage.press("tab", "tab", "tab", "tab")
        await stage.type(name)
        await stage.press("tab")
        await stage.type(PASSWORD)
        await stage.press("tab")
        await stage.type("New Comer")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, MainScreen), "the main screen")
        await stage.sees("Welcome, New Comer.", "connected to")
    async with stranger(server, snapshot, name, size) as stage:
        assert isinstance(stage.app.screen, MainScreen), "the stored token signs in"
        await stage.sees("connected to")


async def test_a_server_of_ones_own_begins_with_a_new_account(
    server: Server, party: Party, snapshot: SnapshotAssertion
) -> None:
    async with stranger(server, snapshot, "own", local=True) as stage:
        await stage.sees("make a new account", "Display name")
        await stage.type("owner")
        await stage.press("tab")
        await stage.type(PASSWORD)
        await stage.press("enter")
        await stage.sees("Welcome, owner.")
        await stage.command("/logout")
        await stage.sees("Log out on this device?")
        await stage.press("enter")
        await stage.sees("I have an account", "owner")


async def test_sign_in_with_a_wrong_then_the_right_password(
    server: Server, party: Party, snapshot: SnapshotAssertion
) -> None:
    ann = await party.person("ann")
    async with stranger(server, snapshot, "second-device") as stage:
        await stage.type(me(ann).username)
        await stage.press("tab")
        await stage.type("not the password")
        await stage.press("enter")
        await stage.sees("is wrong")
        stage.app.screen.query_one("#password").value = PASSWORD
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, MainScreen), "the main screen")


async def test_every_mistake_is_said_at_its_field(server: Server, snapshot: SnapshotAssertion) -> None:
    async with stranger(server, snapshot, "clumsy") as stage:
        screen = stage.app.screen
        await stage.press("enter")
        await stage.sees("A user name is 2 to 32")
        screen.query_one("#username").value = "clumsy"
        await stage.press("enter")
        await stage.sees("A password is needed.")
        assert screen.focused.id == "password"
        screen.query_one("#port").value = "0"
        await stage.press("enter")
        await stage.sees("A port is a number from 1 to 65535.")
        screen.query_one("#host").value = ""
        await stage.press("enter")
        await stage.sees("Which host?")


async def test_an_unreachable_server_is_said(server: Server, snapshot: SnapshotAssertion, unused_tcp_port: int) -> None:
    async with stranger(server, snapshot, "lost", port=unused_tcp_port) as stage:
        await stage.type("somebody")
        await stage.press("tab")
        await stage.type(PASSWORD)
        await stage.press("enter")
        await stage.sees("127.0.0.1")
        await stage.until(lambda: stage.app.screen.query_one("#say").has_class("-bad"), "the complaint")


async def test_logout_asks_and_forgets(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    await group(ann)
    async with play(ann) as stage:
        await stage.command("/logout")
        await stage.sees("Log out on this device?")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, SignInScreen), "signing in again")
        assert not stage.client.has_token
        assert not stage.client.store.conversations


async def test_a_session_ended_elsewhere_says_why(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    other = await party.device(me(ann).username, "other")
    async with play(ann) as stage:
        sessions = await other.sessions()
        mine = next(session for session in sessions if not session.current)
        await other.revoke_session(mine.session)
        await stage.until(lambda: isinstance(stage.app.screen, SignInScreen), "signing in again")
        await stage.sees("ended from elsewhere")


async def test_quit_by_key_and_by_command(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.press("ctrl+q")
        await wait_until(lambda: stage.app._exit, "the end")
    bob = await party.person("bob")
    async with play(bob) as stage:
        await stage.command("/quit")
        await wait_until(lambda: stage.app._exit, "the end")


class TestPictures:
    async def test_sign_in(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size, signed_in=False) as stage:
            assert await stage.picture()

    async def test_register(self, show: Show, size: tuple[int, int]) -> None:
        async with show(size, signed_in=False) as stage:
            await stage.press("shift+tab", "shift+tab", "shift+tab", "shift+tab", "space", "tab")
            assert await stage.picture()
