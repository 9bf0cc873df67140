"""Screens in memory: over a recorded session, for pictures, and over a real server, for what people do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual import events
from textual.pilot import Pilot

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options, Profile
from mrccsc_tui.link.transport import Dial, dial
from mrccsc_tui.profile import Session, save_session
from mrccsc_tui.ui.app import ChatApp
from mrccsc_tui.ui.screens.main import MainScreen
from tests.client.fakes import FakeClock
from tests.client.party import Party
from tests.ui.recording import Recording, Replay
from tests.waiting import wait_until
from tests.wire.server import Server

SIZES = ((60, 20), (100, 30), (140, 40))

Show = Callable[..., AbstractAsyncContextManager["Stage"]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of this test's clients are its own."""
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture(autouse=True)
async def undebugged() -> None:
    """Screens on a loop as users have it: in debug mode each of the thousands of callbacks records its whole stack."""
    asyncio.get_running_loop().set_debug(False)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The sizes of terminals that every screen is drawn at."""
    return request.param


_KEYS = {" ": "space", "/": "slash", "@": "at", "#": "number_sign", ":": "colon", "-": "minus", ".": "full_stop"}
_KEYS |= {"?": "question_mark", "!": "exclamation_mark", "_": "underscore"}


class Stage:
    """A running client on a screen in memory."""

    def __init__(self, app: ChatApp, client: ChatClient, pilot: Pilot[None], snapshot: SnapshotAssertion) -> None:
        self.app = app
        self.client = client
        self.pilot = pilot
        self._snapshot = snapshot

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever is above it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MainScreen))

    @property
    def text(self) -> str:
        """Everything that is on the terminal, one line a row."""
        width, height = self.app.size
        return (
            "\n".join(
                "".join(segment.text for segment in strip)
                for strip in self.app.screen._compositor.render_strips(self.app.size)
                if strip.cell_length <= width
            )
            if height
            else ""
        )

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text, key by key."""
        await self.pilot.press(*(_KEYS.get(char, char) for char in text))

    async def command(self, text: str) -> None:
        """Type into the composer and press Enter."""
        self.main.chat.composer.focus()
        self.main.chat.composer.put(text)
        await self.pilot.press("enter")

    def press_at_once(self, *keys: str) -> None:
        """The terminal delivers all these keys in one piece: the program has them before it has seen to the first."""
        for key in keys:
            self.app.post_message(events.Key(_KEYS.get(key, key), key if len(key) == 1 else None))

    async def pastes(self, text: str) -> None:
        """The terminal says that this was pasted."""
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def looks(self, *, here: bool) -> None:
        """The terminal says that the person looks at it, or elsewhere."""
        self.app.post_message(events.AppFocus() if here else events.AppBlur())
        await self.until(lambda: self.app.app_focus == here, "the terminal's word")

    async def until(self, condition: Callable[[], object], what: str = "the condition") -> None:
        await wait_until(condition, what)
        await self.pilot.pause()

    async def sees(self, *texts: str) -> None:
        """All of these are on the screen."""
        for text in texts:
            try:
                await wait_until(lambda text=text: text in self.text)
            except AssertionError:
                raise AssertionError(f"{text!r} is not on the screen:\n{self.text}") from None

    async def opens(self, conv: int) -> None:
        """Open a conversation and wait until its newest history is shown."""
        await self.until(lambda: conv in self.client.store.conversations, "the conversation")
        self.main.open_conversation(conv)
        await self.until(lambda: self.client.store.timeline(conv), "the history")
        await self.until(lambda: self.main.chat.timeline.rows, "its being shown")

    async def picture(self) -> bool:
        """Whether the screen looks as it did when somebody accepted its picture."""
        await self.pilot.pause()
        return self._snapshot == self.app.export_screenshot()


async def out_of_reach(*_: object) -> bool:
    """In place of ``ChatClient.load_until``: every message is too far back to be loaded."""
    return False


@pytest.fixture
def replay() -> Replay:
    """The recorded morning of Ana."""
    return Replay(Recording.load("morning"))


@pytest.fixture
def clock(replay: Replay) -> FakeClock:
    """A minute after the last thing that was recorded; it stands still."""
    clock = FakeClock()
    clock.time = max(log[-1]["at"] for log in replay.recording.logs.values()) / 1_000 + 60
    return clock


@pytest.fixture
def show(replay: Replay, clock: FakeClock, snapshot: SnapshotAssertion) -> Show:
    """Show a client of the recorded session: ``async with show((100, 30)) as stage``."""
    picture = snapshot.use_extension(SVGImageExtension)

    @asynccontextmanager
    async def start(
        size: tuple[int, int] = (100, 30),
        *,
        signed_in: bool = True,
        online: bool = True,
        options: Options | None = None,
        local: bool = False,
        toasts: bool = False,
    ) -> AsyncIterator[Stage]:
        profile = Profile("ana", "127.0.0.1", 8000, local=local)
        if signed_in:
            save_session("ana", Session("127.0.0.1", 8000, False, 1, "ana", "token"))
        replay.down = replay.down or not online
        client = ChatClient(profile, connect=replay.dial, clock=clock, chance=lambda: 0.5)
        app = ChatApp(client, options or Options(), zone=UTC)
        async with app.run_test(size=size, notifications=toasts) as pilot:
            if signed_in and online:
                await wait_until(lambda: client.status.online, "being online")
            await pilot.pause()
            yield Stage(app, client, pilot, picture)

    return start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The module's real server."""
    server = Server(tmp_path_factory.mktemp("server"), "--unlimited", limits="presence_grace = 0.3").start()
    yield server
    server.stop()


@pytest.fixture
async def party(server: Server) -> AsyncIterator[Party]:
    """People with the real client on the module's server."""
    party = Party(server)
    yield party
    await party.close()


@pytest.fixture
def play(party: Party, snapshot: SnapshotAssertion) -> Show:
    """Show the client of somebody of the party: ``async with play(ann) as stage``. It is a second start of theirs."""

    @asynccontextmanager
    async def start(
        person: ChatClient, size: tuple[int, int] = (100, 30), options: Options | None = None, connect: Dial = dial
    ) -> AsyncIterator[Stage]:
        await party.stop(person)
        client = ChatClient(person.profile, connect=connect)
        app = ChatApp(client, options or Options(), zone=UTC)
        async with app.run_test(size=size, notifications=True) as pilot:
            await wait_until(lambda: client.status.online, "being online")
            await pilot.pause()
            yield Stage(app, client, pilot, snapshot)

    return start
