"""The full-screen client: it holds the client, the screens and the look together, and does nothing else."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

from textual import events
from textual.app import App
from textual.events import Event

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options
from mrccsc_tui.ui.bridge import Bridge, Changed
from mrccsc_tui.ui.glyphs import glyphs
from mrccsc_tui.ui.keymap import EVERYWHERE, bindings, install_legacy_alt, unknown_ids
from mrccsc_tui.ui.palette import Everything
from mrccsc_tui.ui.screens.main import MainScreen
from mrccsc_tui.ui.screens.signin import SignInScreen
from mrccsc_tui.ui.themes import DEFAULT, OWN, names

_THEME = "theme"
"""The setting that remembers the theme."""


class ChatApp(App[None]):
    """One account's client on the whole terminal. It starts the client when it starts and stops it when it ends."""

    TITLE = "MRCCSC"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS = bindings(EVERYWHERE)
    COMMANDS = {Everything}  # noqa: RUF012
    COMMAND_PALETTE_BINDING = "f24"
    PAUSE_GC_ON_SCROLL = True

    def __init__(self, client: ChatClient, options: Options, *, zone: tzinfo | None = None) -> None:
        super().__init__()
        self._client = client
        self._options = options
        self._glyphs = glyphs(ascii_only=options.ascii)
        self._zone = zone
        self._bridge: Bridge | None = None
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
        self.set_keymap(dict(self._options.keys))
        self._bridge = Bridge(self, self._client, self._pass_on)
        await self._client.start()
        remembered = self._client.recall(_THEME)
        wanted = self._options.theme or remembered or DEFAULT
        self.theme = wanted if wanted in self.available_themes else DEFAULT
        self._show_screen()
        for wrong in unknown_ids(self._options.keys)[:3]:
            self.notify(f"The configuration changes an unknown key:\n{wrong}", severity="warning", markup=False)
        gc.collect()
        gc.freeze()

    async def on_event(self, event: Event) -> None:
        """See to it, before the next key is looked at, that what is typed beside the composer arrives in it."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded and self.screen_stack:
            screen = self.screen
            if isinstance(screen, MainScreen):
                screen.take_typing(event)
        await super().on_event(event)

    async def on_unmount(self) -> None:
        """The session stays; the next start resumes it."""
        if self._bridge is not None:
            self._bridge.close()
        await self._client.stop()

    def watch_theme(self, theme: str) -> None:
        """The choice is kept for the next start, unless the configuration says otherwise."""
        if self._bridge is not None and self._options.theme is None:
            self._client.remember(_THEME, theme)

    def _pass_on(self, changed: Changed) -> None:
        if not self.screen_stack:
            return  # The program is ending.
        if changed.digest.signed_in or changed.digest.signed_out:
            self._show_screen()
        self.screen_stack[1 if len(self.screen_stack) > 1 else 0].post_message(changed)

    def _show_screen(self) -> None:
        """The main screen for whoever has a session, else the one to sign in."""
        wanted = MainScreen if self._client.has_token else SignInScreen
        stack = self.screen_stack
        if len(stack) > 1 and isinstance(stack[1], wanted):
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if wanted is MainScreen:
            self.push_screen(MainScreen(self._client, self._options, self._glyphs, self._zone))
        else:
            self.push_screen(SignInScreen(self._client))


def run(client: ChatClient, options: Options) -> int:
    """Show the client on the terminal until the person quits; the exit code of the process."""
    install_legacy_alt()
    app = ChatApp(client, options)
    app.run()
    return app.return_code or 0
