"""The terminal changes its size under a running client; and what a person sees when the client has a fault."""

from __future__ import annotations

import logging

import pytest

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options, Profile
from mrccsc_tui.paths import log_file
from mrccsc_tui.ui.app import ChatApp
from tests.ui.conftest import Show
from tests.ui.recording import Replay

HALVED = (
    ((140, 40), (60, 40)),
    ((121, 30), (60, 30)),
    ((121, 30), (61, 30)),
    ((100, 30), (32, 30)),
    ((140, 40), (20, 10)),
)


@pytest.mark.parametrize("title", ["lunch", "Bob Novak"])
@pytest.mark.parametrize("sizes", HALVED, ids=lambda sizes: f"{sizes[0][0]}-{sizes[1][0]}")
async def test_a_terminal_is_halved_and_made_whole(
    show: Show, replay: Replay, sizes: tuple[tuple[int, int], tuple[int, int]], title: str
) -> None:
    whole, half = sizes
    async with show(whole) as stage:
        await stage.opens(replay.recording.conv(title))
        before = stage.text
        for size in (half, whole):
            await stage.pilot.resize_terminal(*size)
            await stage.until(lambda size=size: stage.app.screen.size == size, "the new size")
        await stage.until(lambda: stage.text == before, "the same picture as before")


async def stops(app: ChatApp, fault: Exception) -> None:
    """The program runs, and comes upon a fault."""

    def fail() -> None:
        raise fault

    async with app.run_test() as pilot:
        app.call_later(fail)
        await pilot.pause()


async def test_a_fault_is_in_the_log_and_told_in_words(
    replay: Replay, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    app = ChatApp(ChatClient(Profile("ana", "127.0.0.1", 8000), connect=replay.dial), Options())
    fault = RuntimeError("a secret in a local variable")
    with caplog.at_level(logging.CRITICAL, "mrccsc_tui"), pytest.raises(RuntimeError):
        await stops(app, fault)
    assert app.return_code == 1
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [fault]
    told = capsys.readouterr().err
    assert "A fault in this program has stopped it." in told
    assert str(log_file("ana")) in told.replace("\n", "")
    for kept_back in ("Traceback", "secret"):
        assert kept_back not in told
