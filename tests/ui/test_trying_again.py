"""A search that has failed can be asked for again, and a log that begins anew is told of like any other."""

from __future__ import annotations

from mrccsc_tui.config import Options
from mrccsc_tui.profile import Session, save_session
from mrccsc_tui.ui.app import ChatApp
from tests.client.fakes import conversation, entry, message
from tests.client.party import Party, direct, finds, settled
from tests.client.world import World
from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay
from tests.ui.test_groups import Cable


async def test_enter_asks_again_when_the_line_is_back(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for text in ("tea at five", "tea at six"):
        bob.send(conv, text)
    await settled(bob)
    await finds(ann, "tea", "tea at six", "tea at five")
    cable = Cable()
    async with play(ann, connect=cable.dial) as stage:
        cable.cut()
        await stage.until(lambda: not stage.client.status.online, "being offline")
        await stage.press("f4")
        await stage.type("tea")
        await stage.sees("Not connected to the server")
        cable.mend()
        stage.client.reconnect_now()
        await stage.until(lambda: stage.client.status.online, "being online")
        await stage.press("enter")
        await stage.sees("tea at five", "tea at six")
        assert "Not connected" not in stage.text
        await stage.press("down", "enter")
        await stage.until(lambda: stage.main.conv == conv, "its conversation")


async def test_enter_asks_again_what_was_refused(show: Show, replay: Replay) -> None:
    async with show() as stage:
        replay.refuse["search.messages"] = ("forbidden", "You may not search.")
        await stage.press("f4")
        await stage.type("window")
        await stage.sees("You may not search.")
        replay.refuse.clear()
        await stage.press("enter")
        await stage.sees("Booked, four seats")


async def test_messages_are_told_of_though_their_seqs_were_there_before() -> None:
    world = World()
    save_session("ann", Session("chat.example", 443, True, 1, "ann", "token"))
    app = ChatApp(world.client, Options())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        stage = Stage(app, world.client, pilot, None)
        line = await world.network.line(0)
        await line.signs_in(conversations=[conversation(head=9, read=9)])
        await stage.until(lambda: world.client.status.online, "being online")
        await stage.looks(here=False)
        line.deliver(entry(message(10, "before it was set back")))
        await stage.sees("before it was set back")
        line = await world.lose(line)
        await line.signs_in(reset=True, epoch="e2", conversations=[conversation(head=4, read=4)])
        line.deliver(entry(message(5, "the first behind it")))
        await stage.sees("the first behind it")
