"""Links are opened in a browser with a window of its own, or copied; no browser gets the terminal."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest

from mrccsc_tui.ui.acts.messages import open_url
from tests.client.party import Party, direct, settled
from tests.ui.conftest import Show, Stage
from tests.ui.test_finding import far_back

LINK = "https://example.org/tea?a=1&b=2"

Install = Callable[[str, int], None]


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """What the browsers of this test were started with."""
    return tmp_path / "opened"


@pytest.fixture
def install(tmp_path: Path, opened: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a browser into an otherwise empty PATH: it writes down what it shall open, and ends with a status."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("TERM", "xterm")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "KDE_FULL_SESSION", "GNOME_DESKTOP_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    # It looks for browsers once in a process.
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})

    def put(name: str, status: int) -> None:
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {opened}\nexit {status}\n')
        program.chmod(0o755)

    return put


@pytest.mark.parametrize("browser", ["w3m", "lynx", "elinks", "www-browser", None])
async def test_where_no_window_can_be_the_link_is_copied(
    show: Show, install: Install, opened: Path, browser: str | None
) -> None:
    if browser is not None:
        install(browser, 0)
    async with show(toasts=True) as stage:
        await open_url(stage.main, LINK)
        await stage.sees("No browser could be opened here", LINK)
        assert stage.app.clipboard == LINK
    assert not opened.exists()


@pytest.mark.parametrize("way", ["helper", "variable", "command"])
async def test_a_browser_with_a_window_is_opened(
    show: Show, install: Install, opened: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    install("xdg-open" if way == "helper" else "wslview", 0)
    if way == "helper":
        monkeypatch.setenv("DISPLAY", ":7")
    else:
        monkeypatch.setenv("BROWSER", "wslview" if way == "variable" else "wslview --new %s")
    async with show(toasts=True) as stage:
        await open_url(stage.main, LINK)
        assert stage.app.clipboard == ""
    assert opened.read_text().split()[-1] == LINK


async def test_a_browser_that_fails_is_told_of(
    show: Show, install: Install, opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("xdg-open", 3)
    monkeypatch.setenv("DISPLAY", ":7")
    async with show(toasts=True) as stage:
        await open_url(stage.main, LINK)
        await stage.sees("No browser could be opened here", LINK)
        assert stage.app.clipboard == LINK
    assert opened.read_text().split() == [LINK]


async def clicks(stage: Stage) -> None:
    # In the message: what is told above it names the link too, and goes when it is clicked.
    stage.app.clear_notifications()
    await stage.pilot.pause()
    line = next(number for number, text in enumerate(stage.text.splitlines()) if f"see {LINK}" in text)
    await stage.pilot.click(offset=(stage.text.splitlines()[line].index(LINK) + 3, line))


async def test_by_key_and_by_click_here_and_far_back(
    party: Party, play: Show, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, f"see {LINK}")
    await settled(ann)
    async with play(ann) as stage:

        async def copied() -> None:
            await stage.until(lambda: stage.app.clipboard == LINK, "the link being copied")
            stage.app.copy_to_clipboard("")

        await stage.opens(conv)
        await clicks(stage)
        await copied()
        await stage.press("up", "o")
        await copied()
        await far_back(stage, conv, stage.client.store.timeline(conv)[-1].seq, monkeypatch)
        await stage.press("o")
        await copied()
        await clicks(stage)
        await copied()
