"""The person's own presence, name, devices and colours."""

from __future__ import annotations

import pytest

from mrccsc_tui.config import Options
from mrccsc_tui.ui.widgets.composer import Composer
from tests.client.party import PASSWORD, Party, group, me
from tests.ui.conftest import Show
from tests.waiting import wait_until


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("/away lunch", "away", "lunch"),
        ("/dnd", "dnd", ""),
        ("/back", "online", ""),
        ("/status at the door", "online", "at the door"),
        ("/invisible", "offline", ""),
    ],
)
async def test_presence(party: Party, play: Show, command: str, status: str, text: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    user = me(ann).user
    async with play(ann) as stage:
        await stage.command("/dnd first" if command == "/back" else "/back")
        await stage.command(command)
        if text or status != "online":
            await wait_until(lambda: bob.store.presence(user) and bob.store.presence(user).status == status, status)
        await wait_until(lambda: bob.store.presence(user).text == text, text)


async def test_presence_by_form(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    user = me(ann).user
    async with play(ann) as stage:
        await stage.command("/presence")
        await stage.sees("How others see you", "< online >")
        await stage.press("space", "tab")
        await stage.type("back at two")
        await stage.press("enter")
        await wait_until(lambda: bob.store.presence(user).text == "back at two", "Bob seeing it")
        await stage.sees("(away)")


async def test_status_says_how_the_line_stands(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/status")
        await stage.sees(f"Ann (@{stage.client.store.me.username}), connected to")


async def test_nick(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/nick Ännchen 安")
        await stage.until(lambda: stage.client.store.me.display_name == "Ännchen 安", "the name")
        await stage.sees("Others see you as Ännchen 安.")


async def test_password(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/password")
        await stage.sees("Change the password")
        for word in (PASSWORD, "another one", "another two"):
            await stage.type(word)
            await stage.press("tab")
        await stage.press("enter")
        await stage.sees("The two new passwords differ")
        await stage.command("/password")
        await stage.sees("Change the password")
        for word in (PASSWORD, "another one", "another one"):
            await stage.type(word)
            await stage.press("tab")
        await stage.press("enter")
        await stage.sees("The password is changed")
        assert PASSWORD not in stage.text


async def test_devices(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    other = await party.device(me(ann).username, "other-device")
    async with play(ann) as stage:
        await stage.command("/devices")
        await stage.sees("Your devices", "this one")
        await stage.press("down", "up")
        sessions = await stage.client.sessions()
        place = next(index for index, session in enumerate(sessions) if not session.current)
        await stage.press(*["down"] * place, "enter")
        await stage.sees("Sign out")
        await stage.press("enter")
        await wait_until(lambda: other.status.phase == "stopped", "the other device being out")


async def test_theme_by_name_and_by_looking(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/theme nord")
        assert stage.app.theme == "nord"
        await stage.command("/theme no-such")
        await stage.sees("There is no theme no-such.")
        stage.main.chat.composer.put("")
        await stage.command("/theme")
        await stage.sees("Theme")
        await stage.press("down", "down")
        assert stage.app.theme != "nord", "a look at it"
        await stage.press("escape")
        await stage.until(lambda: stage.app.theme == "nord", "the old one")
    again = await party.again(stage.client) if stage.client in party.clients else None
    assert again is None


async def test_the_theme_is_kept(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/theme gruvbox")
    ann = party.client(stage.client.profile.name)
    async with play(ann) as stage:
        assert stage.app.theme == "gruvbox"


async def test_help(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/help")
        await stage.sees("Keys and commands", "Ctrl+Q")
        for _ in range(12):
            await stage.press("pagedown")
        await stage.sees("Signs")
        await stage.press("escape")
        await stage.command("/help /topic")
        await stage.sees("/topic [TEXT]")
        await stage.command("/help nonsense")
        await stage.sees("There is no command /nonsense.")


async def test_keys_can_be_changed(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    options = Options(keys={"panel-sidebar": "ctrl+t", "composer-send": "ctrl+s", "no-such-key": "x"})
    async with play(ann, options=options) as stage:
        await stage.sees("changes an unknown key:", "no-such-key")
        await stage.opens(conv)
        await stage.sees("Ctrl+S send", "Ctrl+T lists")
        await stage.press("ctrl+t")
        assert stage.main.panel == "sidebar"
        await stage.press("ctrl+t", "f2")
        assert stage.main.panel == "chat"
        await stage.type("sent by another key")
        await stage.press("ctrl+s")
        await stage.sees("✓ sent by another key")


async def test_completion(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann, bob, title="tea time")
    async with play(ann) as stage:
        await stage.opens(conv)
        composer = stage.main.query_one(Composer)

        async def completes(text: str, *expected: str) -> None:
            composer.put(text)
            composer.focus()
            for one in expected:
                await stage.press("tab")
                assert composer.text == one

        await completes("/addc", "/addcontact ")
        await completes("/un", "/unblock", "/unban", "/unmute", "/unread", "/unblock")
        await completes("hello @bo", f"hello @{me(bob).username} ")
        await completes("nice :rock", "nice 🚀 ")
        await completes("/kick bo", f"/kick {me(bob).username} ")
        await completes("/chat #te", "/chat #tea time ")
        await completes(f"/role {me(bob).username} ad", f"/role {me(bob).username} admin ")
        await completes("/theme gruv", "/theme gruvbox ")
        await completes("/react thumbs_u", "/react thumbs_up ")
        await completes("/help topi", "/help topic ")
        await completes("nothing fits th", "nothing fits th")
