"""The main screen as the acts see it: it opens conversations, asks, tells, and carries acts out beside the keys."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Literal, cast

from textual import on
from textual.screen import Screen

from mrccsc_shared.errors import Refusal
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Options
from mrccsc_tui.state.models import Message, Pending
from mrccsc_tui.ui.action_context import ActionError
from mrccsc_tui.ui.commands.table import BY_NAME
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.screens.forms import ConfirmScreen, Field, FormScreen
from mrccsc_tui.ui.screens.picker import Picker, PickerScreen
from mrccsc_tui.ui.widgets.chat import ChatPanel
from mrccsc_tui.ui.widgets.members import Members
from mrccsc_tui.ui.widgets.rows import RowList
from mrccsc_tui.ui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from mrccsc_tui.ui.app import ChatApp

log = logging.getLogger(__name__)

SAID_FOR = 4
"""Seconds for which the person is told something; two more for what went wrong."""

OPEN = "open"
"""The setting that remembers which conversation was open."""


class ActionScreen(Screen[None]):
    """A :class:`~mrccsc_tui.ui.action_context.ActionContext` over the panels of the main screen."""

    def __init__(self, client: ChatClient, options: Options, glyphs: Glyphs, zone: tzinfo | None) -> None:
        super().__init__()
        self.client = client
        self.glyphs = glyphs
        self.zone = zone
        self.options = options
        self.panel = "chat"
        """The panel where the cursor is: ``chat``, ``sidebar`` or ``members``."""
        self.older_refused = False
        """History could not be loaded; it is not asked for again until the line has changed."""
        self._loading_older: set[int] = set()

    @property
    def chat(self) -> ChatPanel:
        """The middle."""
        return self.query_one(ChatPanel)

    def look(self) -> None:
        """See whether the conversation is in view now, and mark what is seen as read."""
        self.chat.attentive = self.app.app_focus and self.app.screen is self and self.covering is None
        self.chat.mark_seen()

    @property
    def covering(self) -> RowList | None:
        """The list that stands in place of the conversation, on a narrow terminal."""
        if self.panel == "chat" or not self.has_class("-narrow"):
            return None
        return self.query_one(f"#{self.panel}", RowList)

    def refresh_members(self) -> None:
        """Show who is in the open group."""
        conversation = self.chat.conversation
        members = None if self.conv is None else self.client.store.members(self.conv)
        direct = conversation is None or conversation.kind == "direct"
        self.set_class(not direct, "-group")
        self.query_one(Members).show(None if members is None else list(members.values()), direct=direct)

    # -- what the acts ask for --------------------------------------------------------------------------------------

    @property
    def conv(self) -> int | None:
        """The open conversation."""
        return self.chat.conv

    @property
    def selected(self) -> Message | Pending | None:
        """The selected message."""
        return self.chat.timeline.selected

    @property
    def theme_names(self) -> Sequence[str]:
        """The themes there are; the one in use first."""
        return sorted(self._chat_app.theme_names, key=lambda name: name != self.app.theme)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the person something, for some seconds."""
        severity: Literal["error", "information"] = "error" if bad else "information"
        self.notify(text, severity=severity, markup=False, timeout=SAID_FOR + 2 * bad)

    def open_conversation(self, conv: int, *, seq: int | None = None) -> None:
        """Show a conversation, with the message ``seq`` selected and in view."""
        if conv not in self.client.store.conversations:
            raise ActionError("That conversation is not on your list any more.")
        if conv != self.conv or seq is None:
            self.chat.open(conv)
            self.client.remember(OPEN, str(conv))
        self.query_one(Sidebar).open_row(conv)
        self.show_panel("chat")
        self.older_refused = False
        self.refresh_members()
        self.load_members()
        self.chat.want_older()
        if seq is not None and not self._select(seq):
            self.act(self.reach(conv, seq))

    def begin_reply(self, message: Message) -> None:
        """What is sent next answers ``message``, in its conversation."""
        self._come_to(message.conv)
        self.chat.begin("reply", message)

    def begin_edit(self, message: Message, text: str | None = None) -> None:
        """What is sent next replaces the text of ``message``."""
        self._come_to(message.conv)
        self.chat.begin("edit", message, text)

    def _come_to(self, conv: int) -> None:
        """Show a conversation and put the cursor into the composer."""
        if conv == self.conv:
            self.show_panel("chat")
        else:
            self.open_conversation(conv)

    def type_text(self, text: str) -> None:
        """Put text into the composer, behind what is there."""
        composer = self.chat.composer
        composer.focus()
        composer.insert_text(text)

    def mark_unread(self, message: Message) -> None:
        """Show everything from ``message`` on as unread."""
        self.chat.keep_unread(message)

    def show_help(self, command: str = "") -> None:
        """Show the keys and commands, or say how one command is written."""
        row = BY_NAME.get(command.lower())
        if row is not None:
            self.say(f"{row.usage}\n{row.help}.")
        elif command:
            raise ActionError(f"There is no command /{command}.")
        else:
            from mrccsc_tui.ui.screens.help import HelpScreen  # noqa: PLC0415 - seldom seen, so not in the first import

            self.app.push_screen(HelpScreen(self.options.keys, self.glyphs))

    def show_panel(self, panel: str) -> None:
        """Show ``chat``, ``sidebar`` or ``members`` and put the cursor there at once: the next key finds it there."""
        self.panel = panel
        for name in ("chat", "sidebar", "members"):
            self.set_class(name == panel, f"-{name}")
        if panel == "sidebar":
            self.query_one(Sidebar).rest_on_current()
            self.set_focus(self.query_one(Sidebar))
        elif panel == "members":
            self.set_focus(self.query_one(Members))
        else:
            self.set_focus(self.chat.composer)
        self.look()

    def set_theme(self, name: str) -> None:
        """Paint in another theme."""
        if name not in self._chat_app.theme_names:
            raise ActionError(f"There is no theme {name}. /theme shows them.")
        self.app.theme = name

    async def confirm(self, question: str, yes: str) -> bool:
        """Ask before something that cannot be taken back."""
        return await self.app.push_screen_wait(ConfirmScreen(question, yes))

    async def pick(self, picker: Picker) -> str | None:
        """Let the person choose."""
        return await self.app.push_screen_wait(PickerScreen(picker, bar=self.glyphs.bar))

    async def fill(self, title: str, fields: Sequence[Field], submit: str) -> dict[str, str] | None:
        """Let the person fill in fields."""
        return await self.app.push_screen_wait(FormScreen(title, fields, submit))

    def copy(self, text: str) -> None:
        """Put text on the clipboard of the terminal."""
        self.app.copy_to_clipboard(text)
        self.say("Copied.")

    def quit(self) -> None:
        """End the program."""
        self.app.exit()

    # -- carrying out -----------------------------------------------------------------------------------------------

    def act(self, doing: Awaitable[None], typed: str = "") -> None:
        """Carry out an act beside the screen; a refusal is told, and what was ``typed`` comes back to where it was."""
        self.run_worker(self._carry_out(doing, typed, self.conv), group="acts", exit_on_error=False)

    def attempt(self, doing: Callable[[], object]) -> bool:
        """Carry out an act that is done at once; whether it was. A refusal is told."""
        try:
            doing()
        except (RequestError, ActionError, Refusal) as error:
            self.say(str(error), bad=True)
            return False
        return True

    async def _carry_out(self, doing: Awaitable[None], typed: str, conv: int | None) -> None:
        try:
            await doing
        except (RequestError, ActionError, Refusal) as error:
            self.say(str(error), bad=True)
        except Exception:  # the one funnel: a person never sees a traceback
            log.exception("an act failed")
            self.say("That did not work. Please try again.", bad=True)
        else:
            return
        if typed and self.conv == conv and not self.chat.composer.text.strip():
            self.chat.composer.give_back(typed)

    @on(ChatPanel.OlderWanted)
    def load_older(self) -> None:
        """Lengthen the history that is held, unless that was refused a moment ago."""
        conv = self.conv
        if conv is None or conv in self._loading_older or self.older_refused:
            return
        self._loading_older.add(conv)
        self.run_worker(self._load_older(conv), group="history", exit_on_error=False)

    async def _load_older(self, conv: int) -> None:
        try:
            await self.client.load_older(conv)
        except RequestError:
            self.older_refused = True
        finally:
            self._loading_older.discard(conv)

    @on(ChatPanel.UnreadWanted)
    def load_unread(self, event: ChatPanel.UnreadWanted) -> None:
        """Lengthen the history that is held up to the first unread message."""
        self.run_worker(self._load_unread(event.conv, event.seq), group="unread", exit_on_error=False)

    async def _load_unread(self, conv: int, seq: int) -> None:
        try:
            await self.client.load_until(conv, seq)
        except RequestError:
            self.older_refused = True
        finally:
            self.chat.arrive(conv)

    def _select(self, seq: int) -> bool:
        if self.chat.select(seq):
            self.chat.timeline.focus()
            return True
        return False

    async def reach(self, conv: int, seq: int) -> None:
        """Load as far back as a message, and select it, unless the person has gone elsewhere meanwhile."""
        held = await self.client.load_until(conv, seq)
        page = None if held or self.conv != conv else await self.client.load_around(conv, seq)
        if self.conv != conv:
            return
        if page is not None:
            from mrccsc_tui.ui.screens.excerpt import ExcerptScreen  # noqa: PLC0415

            self.app.push_screen(ExcerptScreen(self, page, seq))
        else:
            self.chat.timeline.take_in()
            self._select(seq)

    def load_members(self) -> None:
        """Ask who is in the open group, once for each group."""
        conversation = self.chat.conversation
        if conversation is not None and conversation.kind == "group" and self.client.status.online:
            self.run_worker(self._fetch_members(conversation.conv), group="members", exit_on_error=False)

    async def _fetch_members(self, conv: int) -> None:
        try:
            await self.client.load_members(conv)
        except RequestError:
            return
        self.refresh_members()

    @property
    def _chat_app(self) -> ChatApp:
        return cast("ChatApp", self.app)
