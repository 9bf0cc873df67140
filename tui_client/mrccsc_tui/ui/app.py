"""The full-screen client: it holds the client, the screens and the look together, and does nothing else."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import App
from textual.events import Event

from mrccsc_tui import paths
from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options
from mrccsc_tui.exits import HUNG_UP
from mrccsc_tui.ui import hangup
from mrccsc_tui.ui.bridge import Bridge, Changed
from mrccsc_tui.ui.glyphs import LINEAR, glyphs
from mrccsc_tui.ui.keymap import EVERYWHERE, bindings, install_legacy_alt, unknown_ids
from mrccsc_tui.ui.keys import hand_over, only_types, settle, until_mounted
from mrccsc_tui.ui.themes import DEFAULT, OWN, names

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.command import Provider

    from mrccsc_tui.ui.screens.main import MainScreen

log = logging.getLogger(__name__)


def _everything() -> type[Provider]:
    """The command palette's contents, when it is first opened: it is not needed for the first frame."""
    from mrccsc_tui.ui.palette import Everything  # noqa: PLC0415

    return Everything


_THEME = "theme"
"""The setting that remembers the theme."""


class ChatApp(App[None]):
    """One account's client on the whole terminal. It starts the client when it starts and stops it when it ends."""

    TITLE = "MRCCSC"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS = bindings(EVERYWHERE)
    COMMANDS = {_everything}  # noqa: RUF012
    COMMAND_PALETTE_BINDING = "f24"
    PAUSE_GC_ON_SCROLL = True

    def __init__(
        self, client: ChatClient, options: Options, *, zone: tzinfo | None = None, password: str | None = None
    ) -> None:
        super().__init__()
        self._password = password
        """Signs in at once, the first time that somebody must."""
        self._client = client
        self._options = options
        self._glyphs = LINEAR if options.linear else glyphs(ascii_only=options.ascii)
        self._zone = zone
        self._bridge: Bridge | None = None
        self._main: MainScreen | None = None
        self.animation_level = "none"

    @property
    def theme_names(self) -> Sequence[str]:
        """All themes that there are."""
        return names()

    async def on_mount(self) -> None:
        """Begin with the last state, or with signing in."""
        for theme in OWN:
            self.register_theme(theme)
        self.set_class(self._options.ascii, "-ascii")
        self.set_class(self._options.linear, "-linear")
        self.set_keymap(dict(self._options.keys))
        self._bridge = Bridge(self, self._client, self._pass_on)
        await self._client.start()
        remembered = self._client.recall(_THEME)
        wanted = self._options.theme or remembered or DEFAULT
        self.theme = wanted if wanted in self.available_themes else DEFAULT
        self._show_screen()
        if (terminal := hangup.terminal()) is not None and not self.is_headless:
            self.set_interval(hangup.LOOK, lambda: self._leave_when_closed(terminal))
        for wrong in unknown_ids(self._options.keys)[:3]:
            self.notify(f"The configuration changes an unknown key:\n{wrong}", severity="warning", markup=False)
        self.call_after_refresh(self._settle)

    def _leave_when_closed(self, terminal: int) -> None:
        """End when the terminal was closed.

        The system tells a wrapper (``make run``) alone; Textual would read the end of the keys for ever, and the
        profile would be kept from the next start.
        """
        if hangup.is_closed(terminal):
            log.warning("the terminal was closed")
            self.exit(return_code=HUNG_UP)

    async def on_event(self, event: Event) -> None:
        """Keys and pastes are dealt with one after the other, each to its end before the next is looked at."""
        if not isinstance(event, (events.Key, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
            return
        if isinstance(event, events.Key):
            self.app_focus = True  # Whoever types looks here, whatever the terminal says.
        await until_mounted(self.screen)
        main = self._main
        # Not "is_current": that is so behind a dialog, too.
        if main is not None and self.screen_stack[-1:] == [main]:
            main.take_typing(event)
        target = self.focused or self.screen
        if isinstance(event, events.Key) and await self._check_bindings(event.key, priority=True):
            await settle()
        else:
            await hand_over(event, target)
            if not only_types(event, target):
                await settle()

    def watch_app_focus(self) -> None:
        """What came while the person looked elsewhere is seen now, and nothing is from now on."""
        if self._main is not None and self._main.is_mounted:
            self._main.look()

    def _handle_exception(self, error: Exception) -> None:
        """What nobody has foreseen ends the program: the log has it whole, the person is told where."""
        log.critical("the client had to stop", exc_info=error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        if self._exit_renderables:
            self._close_messages_no_wait()  # One has been told already; what follows from it is in the log.
            return
        file = paths.log_file(self._client.profile.name)
        told = (
            "mrccsc-tui: A fault in this program has stopped it. What you typed is kept: start it again to go on.\n"
            f"mrccsc-tui: What happened is written down in {file}"
        )
        self.panic(Text(told))

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """End. What was typed just now is in the draft, though the composer has not told of it yet."""
        if self._main is not None and self._main.is_mounted:
            self._main.chat.save_draft()
        super().exit(result, return_code, message)

    def announce(self, sequence: str) -> None:
        """Write a control sequence that prints nothing to the terminal."""
        if self._driver is not None:
            self._driver.write(sequence)

    async def on_unmount(self) -> None:
        """The session stays; the next start resumes it."""
        if self._bridge is not None:
            self._bridge.close()
        await self._client.stop()

    def watch_theme(self, theme: str) -> None:
        """The choice is kept for the next start, unless the configuration says otherwise."""
        if self._bridge is not None and self._options.theme is None:
            self._client.remember(_THEME, theme)

    def _settle(self) -> None:
        """After the first frame: load what it did without. What is there now stays; no collection looks through it."""
        import mrccsc_tui.ui.screens.main  # noqa: F401, PLC0415

        gc.collect()
        gc.freeze()
        gc.enable()

    def _pass_on(self, changed: Changed) -> None:
        if not self.screen_stack:
            return  # The program is ending.
        if changed.digest.signed_in or changed.digest.signed_out:
            self._show_screen()
        self.screen_stack[1 if len(self.screen_stack) > 1 else 0].post_message(changed)

    def _show_screen(self) -> None:
        """The main screen for whoever has a session, else the one to sign in."""
        signed_in = self._client.has_token
        if len(self.screen_stack) > 1 and signed_in == (self._main is not None):
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        # Each is imported when it is wanted: the first frame shows only one of them.
        if signed_in:
            from mrccsc_tui.ui.screens.main import LinearScreen, MainScreen  # noqa: PLC0415

            kind = LinearScreen if self._options.linear else MainScreen
            self._main = kind(self._client, self._options, self._glyphs, self._zone)
            self.push_screen(self._main)
        else:
            from mrccsc_tui.ui.screens.signin import SignInScreen  # noqa: PLC0415

            self._main = None
            password, self._password = self._password, None
            self.push_screen(SignInScreen(self._client, password))


def run(client: ChatClient, options: Options, password: str | None = None) -> int:
    """Show the client on the terminal until the person quits; the exit code of the process.

    A ``password`` is tried at once, where no session is stored.
    """
    install_legacy_alt()
    app = ChatApp(client, options, password=password)
    app.run()
    return app.return_code or 0
