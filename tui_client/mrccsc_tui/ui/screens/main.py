"""The main screen: its panels, and the desk that the acts of the person happen on."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from mrccsc_shared.errors import Refusal
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Options
from mrccsc_tui.state.models import Message, Pending
from mrccsc_tui.ui.bridge import Changed, Digest
from mrccsc_tui.ui.commands.table import BY_NAME, Call, Unknown, read
from mrccsc_tui.ui.desk import Complaint
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import COMPOSER, MAIN, MEMBERS, MESSAGE, SIDEBAR, bindings
from mrccsc_tui.ui.notify import Herald
from mrccsc_tui.ui.screens import routes
from mrccsc_tui.ui.screens.forms import ConfirmScreen, Field, FormScreen
from mrccsc_tui.ui.screens.picker import Picker, PickerScreen
from mrccsc_tui.ui.widgets.chat import ChatPanel
from mrccsc_tui.ui.widgets.composer import Composer
from mrccsc_tui.ui.widgets.members import Members
from mrccsc_tui.ui.widgets.rows import RowList
from mrccsc_tui.ui.widgets.sidebar import Sidebar
from mrccsc_tui.ui.widgets.status import HintLine, StatusLine
from mrccsc_tui.ui.widgets.timeline import Timeline
from mrccsc_tui.ui.widgets.typing import TypingLine
from mrccsc_tui.ui.words import has_unread, ordered

if TYPE_CHECKING:
    from mrccsc_tui.ui.app import ChatApp

_OPEN = "open"
"""The setting that remembers which conversation was open."""


class MainScreen(Screen[None]):
    """Friends and groups, the chat, the members; one, two or three panels by the width of the terminal.

    It is the :class:`~mrccsc_tui.ui.desk.Desk` of the acts.
    """

    app: ChatApp
    BINDINGS = bindings(MAIN)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (120, "-wide")]  # noqa: RUF012
    AUTO_FOCUS = "#composer"

    def __init__(self, client: ChatClient, options: Options, glyphs: Glyphs, zone: tzinfo | None) -> None:
        super().__init__()
        self.client = client
        self.glyphs = glyphs
        self.zone = zone
        self._options = options
        self._herald = Herald(client.store)
        self._panel = "chat"
        self._older_refused = False
        self._loading_older = False

    def compose(self) -> ComposeResult:
        """Three panels over two lines."""
        with Horizontal(id="panels"):
            yield Sidebar(self.client.store, self.glyphs)
            yield ChatPanel(self.client, self.glyphs, self.zone, self.app.theme_names)
            yield Members(self.client.store, self.glyphs)
        with Vertical(id="foot"):
            yield StatusLine(self.client, self.glyphs)
            yield HintLine(self._options.keys)

    def on_mount(self) -> None:
        """Show the last state at once; it may be old."""
        self.set_class(self._options.ascii, "-ascii")
        self.show_panel("chat")
        self._refresh_lists()
        self.query_one(StatusLine).refresh_words()
        self._look()
        remembered = self.client.recall(_OPEN)
        conv = int(remembered) if remembered and remembered.isdigit() else None
        if conv in self.client.store.conversations:
            self.open_conversation(conv)
        else:
            self._chat.refresh_facts()

    # -- what has changed -------------------------------------------------------------------------------------------

    def on_changed(self, event: Changed) -> None:
        """Take in a batch of what the client has learnt."""
        digest = event.digest
        for conv, user in digest.typing:
            self.query_one(TypingLine).began(conv, user)
        if digest.lists or digest.names:
            self._refresh_lists()
        if digest.status or digest.logs:
            self._older_refused = self._older_refused and not digest.status
            self.query_one(StatusLine).refresh_words()
        self._look()
        self._chat.take(digest.logs.get(self.conv or 0), names=digest.names)
        if self.conv in digest.members or digest.lists:
            self._refresh_members()
        if digest.signed_in:
            self._after_sign_in()
        for gone in digest.gone:
            if gone.reason in ("removed", "banned", "closed"):
                self.say("A group was closed." if gone.reason == "closed" else f"You were {gone.reason} from a group.")
        self._tell(digest)

    def _after_sign_in(self) -> None:
        if self.conv is not None:
            self._load_members()
        self._chat.want_older()

    def _tell(self, digest: Digest) -> None:
        notices = self._herald.messages(digest)
        for contact in self._herald.requests(digest):
            self.say(f"{contact.person.display_name} (@{contact.person.username}) wants to add you: F2 shows it.")
        if notices and self._options.notify and not self.app.app_focus:
            self.app.bell()
            for notice in notices[-3:]:
                self.notify(notice.text, title=notice.title, markup=False)

    def _refresh_lists(self) -> None:
        self.query_one(Sidebar).refresh_rows()

    def _refresh_members(self) -> None:
        conversation = self._chat.conversation
        members = None if self.conv is None else self.client.store.members(self.conv)
        direct = conversation is None or conversation.kind == "direct"
        self.set_class(not direct, "-group")
        self.query_one(Members).show(None if members is None else list(members.values()), direct=direct)

    # -- the desk ---------------------------------------------------------------------------------------------------

    @property
    def conv(self) -> int | None:
        """The open conversation."""
        return self._chat.conv

    @property
    def selected(self) -> Message | Pending | None:
        """The selected message."""
        return self._chat.timeline.selected

    @property
    def theme_names(self) -> Sequence[str]:
        """The themes there are; the one in use first."""
        return sorted(self.app.theme_names, key=lambda name: name != self.app.theme)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the person something, for some seconds."""
        self.notify(text, severity="error" if bad else "information", markup=False, timeout=6 if bad else 4)

    def open_conversation(self, conv: int, *, seq: int | None = None) -> None:
        """Show a conversation, with the message ``seq`` selected and in view."""
        if conv not in self.client.store.conversations:
            raise Complaint("That conversation is not on your list any more.")
        if conv != self.conv or seq is None:
            self._chat.open(conv)
            self.client.remember(_OPEN, str(conv))
        self.query_one(Sidebar).open_row(conv)
        self.show_panel("chat")
        self._older_refused = False
        self._refresh_members()
        self._load_members()
        self._chat.want_older()
        if seq is not None and not self._select(seq):
            self.act(self._reach(conv, seq))

    def begin_reply(self, message: Message) -> None:
        """What is sent next answers ``message``."""
        self.show_panel("chat")
        self._chat.begin("reply", message)

    def begin_edit(self, message: Message, text: str | None = None) -> None:
        """What is sent next replaces the text of ``message``."""
        self.show_panel("chat")
        self._chat.begin("edit", message, text)

    def type_text(self, text: str) -> None:
        """Put text into the composer, behind what is there."""
        composer = self._chat.composer
        composer.focus()
        composer.insert_text(text)

    def mark_unread(self, message: Message) -> None:
        """Show everything from ``message`` on as unread."""
        self._chat.keep_unread(message)

    def show_help(self, command: str = "") -> None:
        """Show the keys and commands, or say how one command is written."""
        row = BY_NAME.get(command.lower())
        if row is not None:
            self.say(f"{row.usage}\n{row.help}.")
        elif command:
            raise Complaint(f"There is no command /{command}.")
        else:
            from mrccsc_tui.ui.screens.help import HelpScreen  # noqa: PLC0415 - seldom seen, so not in the first import

            self.app.push_screen(HelpScreen(self._options.keys))

    def show_panel(self, panel: str) -> None:
        """Show ``chat``, ``sidebar`` or ``members`` and put the cursor there."""
        self._panel = panel
        for name in ("chat", "sidebar", "members"):
            self.set_class(name == panel, f"-{name}")
        if panel == "sidebar":
            self.query_one(Sidebar).rest_on_current()
            self.query_one(Sidebar).focus()
        elif panel == "members":
            self.query_one(Members).focus()
        else:
            self._chat.composer.focus()
        self._look()

    def set_theme(self, name: str) -> None:
        """Paint in another theme."""
        if name not in self.app.theme_names:
            raise Complaint(f"There is no theme {name}. /theme shows them.")
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
        """Carry out an act beside the screen; a refusal is told, and what was ``typed`` comes back."""
        self.run_worker(self._carry_out(doing, typed), group="acts", exit_on_error=False)

    def try_(self, doing: Any, *args: Any) -> None:
        """Carry out an act that is done at once; a refusal is told."""
        try:
            doing(*args)
        except (RequestError, Complaint, Refusal) as error:
            self.say(str(error), bad=True)

    async def _carry_out(self, doing: Awaitable[None], typed: str) -> None:
        try:
            await doing
        except (RequestError, Complaint, Refusal) as error:
            self.say(str(error), bad=True)
        except Exception:  # noqa: BLE001 - the one funnel: a person never sees a traceback
            self.say("That did not work. Please try again.", bad=True)
        else:
            return
        if typed and not self._chat.composer.text:
            self._chat.composer.put(typed)

    @on(Composer.Submitted)
    def submit(self, event: Composer.Submitted) -> None:
        """Send, or carry out a command. A text that cannot be sent stays where it is."""
        match read(event.text):
            case Call(command, words):
                self._chat.leave_mode()
                self._chat.accept_text(event.text)
                self.act(command.handler(self, words), event.text)
            case Unknown(name):
                self.say(f"There is no command /{name}. To send it as text, begin with //.", bad=True)
            case plain if self._chat.conversation is None:
                del plain
                self.say("Open a conversation first: F2 shows friends and groups.", bad=True)
            case plain:
                self.try_(self._chat.say, plain.text)

    @on(ChatPanel.OlderWanted)
    def load_older(self) -> None:
        """Lengthen the history that is held, unless that was refused a moment ago."""
        conv = self.conv
        if conv is None or self._loading_older or self._older_refused:
            return
        self._loading_older = True
        self.run_worker(self._load_older(conv), group="history", exit_on_error=False)

    async def _load_older(self, conv: int) -> None:
        try:
            await self.client.load_older(conv)
        except RequestError:
            self._older_refused = True
        finally:
            self._loading_older = False

    def _select(self, seq: int) -> bool:
        if self._chat.select(seq):
            self._chat.timeline.focus()
            return True
        return False

    async def _reach(self, conv: int, seq: int) -> None:
        """Load as far back as a message, and select it."""
        if not await self.client.load_until(conv, seq):
            from mrccsc_tui.ui.screens.excerpt import ExcerptScreen  # noqa: PLC0415

            page = await self.client.load_around(conv, seq)
            self.app.push_screen(ExcerptScreen(self.client.store, page, seq, self.glyphs, self.zone))
        elif self.conv == conv:
            self._chat.timeline.take_in()
            self._select(seq)

    def _load_members(self) -> None:
        conversation = self._chat.conversation
        if conversation is not None and conversation.kind == "group" and self.client.status.online:
            self.run_worker(self._fetch_members(conversation.conv), group="members", exit_on_error=False)

    async def _fetch_members(self, conv: int) -> None:
        try:
            await self.client.load_members(conv)
        except RequestError:
            return
        self._refresh_members()

    # -- keys and clicks --------------------------------------------------------------------------------------------

    @on(RowList.Chosen, "#sidebar")
    def open_row(self, event: RowList.Chosen) -> None:
        """Open what was chosen on the left, or answer the request."""
        self.act(routes.open_row(self, event.key))

    @on(RowList.Chosen, "#members")
    def write_to_member(self, event: RowList.Chosen) -> None:
        """Write to the member."""
        self.act(routes.member(self, "message", routes.user_of(event.key)))

    @on(Sidebar.Acted)
    def act_on_row(self, event: Sidebar.Acted) -> None:
        """A key on the left panel."""
        self.act(routes.sidebar(self, event.what, event.user, event.conv))

    @on(Members.Acted)
    def act_on_member(self, event: Members.Acted) -> None:
        """A key on the right panel."""
        self.act(routes.member(self, event.what, event.user))

    @on(Timeline.Acted)
    def act_on_message(self, event: Timeline.Acted) -> None:
        """A key on the selected message."""
        self.act(routes.message(self, event.action, event.item))

    @on(Timeline.LinkOpened)
    def open_link(self, event: Timeline.LinkOpened) -> None:
        """A click on a link."""
        self.app.open_url(event.url)

    @on(Timeline.SelectionLeft)
    def back_to_composer(self) -> None:
        """Below the last message is the composer."""
        self._chat.composer.focus()

    @on(Composer.Emptied)
    def select_last(self) -> None:
        """↑ from an empty composer."""
        if self.conv is not None:
            self._chat.timeline.focus()
            self._chat.timeline.action_select(-1)

    def begin_command(self, name: str) -> None:
        """Put a command into the composer, to be completed."""
        composer = self._chat.composer
        composer.put(f"/{name} ")
        composer.focus()

    def run_command(self, name: str) -> None:
        """Carry out a command without words."""
        self.act(routes.command(self, name))

    def action_editor(self) -> None:
        """Edit what is being typed in the person's own editor."""
        from mrccsc_tui.ui.editor import edit  # noqa: PLC0415 - seldom used

        composer = self._chat.composer
        with self.app.suspend():
            self.try_(lambda: composer.put(edit(composer.text)))
        self.app.refresh()

    def action_help(self) -> None:
        """F1."""
        self.show_help()

    def action_palette(self) -> None:
        """Ctrl+P."""
        self.app.action_command_palette()

    def action_sidebar(self) -> None:
        """F2."""
        self.show_panel("chat" if self._panel == "sidebar" else "sidebar")

    def action_members(self) -> None:
        """F3."""
        self.show_panel("chat" if self._panel == "members" else "members")

    def action_search_here(self) -> None:
        """Ctrl+F."""
        self.act(routes.command(self, "search"))

    def action_search_everywhere(self) -> None:
        """F4."""
        self.act(routes.command(self, "searchall"))

    def action_switch(self) -> None:
        """Ctrl+G."""
        self.act(routes.switch(self))

    def action_step(self, step: int) -> None:
        """The next or the previous conversation."""
        listed = [conversation.conv for conversation in ordered(self.client.store)]
        if listed:
            place = listed.index(self.conv) + step if self.conv in listed else (0 if step > 0 else -1)
            self.open_conversation(listed[place % len(listed)])

    def action_next_unread(self) -> None:
        """The next conversation with something unread; mentions first."""
        listed = ordered(self.client.store)
        place = next((n for n, conversation in enumerate(listed) if conversation.conv == self.conv), -1)
        turned = [*listed[place + 1 :], *listed[: place + 1]]
        waiting = [conversation for conversation in turned if has_unread(conversation) and not conversation.muted]
        waiting.sort(key=lambda conversation: not conversation.mentions)
        if waiting:
            self.open_conversation(waiting[0].conv)
        else:
            self.say("Nothing is unread.")

    def action_first_unread(self) -> None:
        """The "new since" line."""
        self._chat.first_unread()

    def action_numbered(self, number: int) -> None:
        """The conversation of a number, from the top of the list."""
        listed = ordered(self.client.store)
        if number <= len(listed):
            self.open_conversation(listed[number - 1].conv)

    def action_page(self, direction: int) -> None:
        """Scroll, wherever the focus is."""
        self._chat.timeline.page(direction)

    def action_newest(self) -> None:
        """Go to the newest message."""
        self._chat.timeline.newest()
        self._chat.composer.focus()

    def action_oldest(self) -> None:
        """Go to the oldest message that is held."""
        self._chat.timeline.oldest()

    def action_cancel(self) -> None:
        """Esc: out of the selection, the mode, the panel; never of what was typed."""
        chat = self._chat
        if chat.timeline.selected is not None:
            chat.timeline.select_row(None)
        elif self._panel == "chat" and chat.composer.has_focus:
            chat.leave_mode()
        self.show_panel("chat")

    # -- where the person looks -------------------------------------------------------------------------------------

    @property
    def _chat(self) -> ChatPanel:
        return self.query_one(ChatPanel)

    def _look(self) -> None:
        """Whether the conversation is being seen now."""
        covered = self.has_class("-narrow") and self._panel != "chat"
        self._chat.attentive = self.app.app_focus and self.is_current and not covered
        self._chat.mark_seen()

    @on(events.DescendantFocus)
    def hint(self) -> None:
        """Say which keys work here."""
        places = {"composer": COMPOSER, "timeline": MESSAGE, "sidebar": SIDEBAR, "members": MEMBERS}
        focused = self.focused.id if self.focused is not None else None
        self.query_one(HintLine).show_place(places.get(focused or "", COMPOSER))

    def on_screen_resume(self) -> None:
        """A dialog has gone."""
        self._look()

    def on_screen_suspend(self) -> None:
        """A dialog covers the conversation."""
        self._look()

    def on_app_focus(self) -> None:
        """The terminal has the focus."""
        self._look()

    def on_resize(self) -> None:
        """Names on the left are cut to the new width."""
        self.call_after_refresh(self._refresh_lists)
        self.call_after_refresh(self._refresh_members)
        self.call_after_refresh(self._look)
