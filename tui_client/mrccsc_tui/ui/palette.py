"""The command palette: every key and every slash command by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mrccsc_tui.ui.commands.table import ROWS
from mrccsc_tui.ui.keymap import MAIN, SHORTCUTS, show_key
from mrccsc_tui.ui.screens.main import MainScreen


class Everything(Provider):
    """What the main screen can do."""

    async def discover(self) -> Hits:
        """Everything, before a word is typed."""
        for name, text, act in self._entries():
            yield DiscoveryHit(name, act, help=text.replace("[", r"\["))

    async def search(self, query: str) -> Hits:
        """What fits the words."""
        matcher = self.matcher(query)
        for name, text, act in self._entries():
            score = max(matcher.match(name), matcher.match(text))
            if score > 0:
                yield Hit(score, matcher.highlight(name), act, help=text.replace("[", r"\["))

    def _entries(self) -> list[tuple[str, str, Callable[[], object]]]:
        screen = self.screen
        if not isinstance(screen, MainScreen):
            return []
        found: list[tuple[str, str, Callable[[], object]]] = [
            (row.help, row.usage, partial(self._begin, screen, row.name, row.usage)) for row in ROWS
        ]
        for shortcut in SHORTCUTS[MAIN]:
            if not shortcut.id[-1].isdigit() and shortcut.id not in ("app-palette", "app-help-mark"):
                keys = ", ".join(show_key(key) for key in shortcut.keys.split(","))
                found.append((shortcut.text, keys, partial(screen.run_action, shortcut.action)))
        found.append(("Edit in $EDITOR", "the text in the composer", screen.action_editor))
        return found

    @staticmethod
    def _begin(screen: MainScreen, name: str, usage: str) -> None:
        """Carry out a command that needs no words; put one that does into the composer."""
        words = usage.partition(" ")[2]
        if words and not words.startswith("["):
            screen.show_panel("chat")
            screen.begin_command(name)
        else:
            screen.run_command(name)
