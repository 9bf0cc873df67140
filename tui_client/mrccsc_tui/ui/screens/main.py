"""The main screen: its panels, what changes on them, and its keys."""

from __future__ import annotations

import os
from datetime import tzinfo

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Options
from mrccsc_tui.state.changes import ConversationGone
from mrccsc_tui.ui.acts import messages
from mrccsc_tui.ui.bridge import Changed, Digest
from mrccsc_tui.ui.commands.table import Call, Unknown, read
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import MAIN, bindings, hints
from mrccsc_tui.ui.notify import NotificationPolicy, osc
from mrccsc_tui.ui.screens import routes
from mrccsc_tui.ui.screens.action_screen import OPEN, ActionScreen
from mrccsc_tui.ui.widgets.chat import ChatPanel
from mrccsc_tui.ui.widgets.members import Members
from mrccsc_tui.ui.widgets.rows import RowList
from mrccsc_tui.ui.widgets.sidebar import Sidebar
from mrccsc_tui.ui.widgets.status import HintLine, StatusLine
from mrccsc_tui.ui.widgets.timeline import Timeline
from mrccsc_tui.ui.widgets.typing import TypingLine
from mrccsc_tui.ui.words import farewell, has_unread, ordered


class MainScreen(ActionScreen):
    """Friends and groups, the chat, the members; one, two or three panels by the width of the terminal."""

    BINDINGS = bindings(MAIN)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (120, "-wide")]  # noqa: RUF012
    AUTO_FOCUS = "#composer"

    def __init__(self, client: ChatClient, options: Options, glyphs: Glyphs, zone: tzinfo | None) -> None:
        super().__init__(client, options, glyphs, zone)
        self._policy = NotificationPolicy(client, glyphs.ellipsis)

    def compose(self) -> ComposeResult:
        """Three panels over two lines."""
        with Horizontal(id="panels"):
            yield Sidebar(self.client.store, self.glyphs)
            yield ChatPanel(
                self.client, self.glyphs, self.zone, themes=self.theme_names, changed_keys=self.options.keys
            )
            yield Members(self.client.store, self.glyphs)
        with Vertical(id="foot"):
            yield StatusLine(self.client, self.glyphs)
            yield HintLine(self.options.keys, self.glyphs)

    def on_mount(self) -> None:
        """Show the last state at once; it may be old."""
        self.show_panel("chat")
        self._refresh_lists()
        self.query_one(StatusLine).refresh_words()
        self.look()
        remembered = self.client.recall(OPEN)
        conv = int(remembered) if remembered and remembered.isdigit() else None
        if conv in self.client.store.conversations:
            self.open_conversation(conv)
        else:
            self.chat.refresh_facts()

    # -- what has changed -------------------------------------------------------------------------------------------

    def on_changed(self, event: Changed) -> None:
        """Take in a batch of what the client has learnt."""
        digest = event.digest
        if digest.reset and self.chat.leave_edit():
            self.say("The server was set back to a backup: what you were editing is there no more.", bad=True)
        for gone in digest.gone:
            self._tell_gone(gone)
        typing = self.query_one(TypingLine)
        for conv, user in digest.typing:
            typing.began(conv, user)
        for conv, log in digest.logs.items():
            typing.heard(conv, log)
        if digest.lists or digest.names:
            self._refresh_lists()
        if digest.status or digest.logs or digest.lists:
            self.older_refused = self.older_refused and not digest.status
            self.query_one(StatusLine).refresh_words()
        self.look()
        self.chat.take(digest.logs.get(self.conv or 0), names=digest.names)
        if self.conv in digest.members or digest.lists:
            self.refresh_members()
        if digest.signed_in:
            self._after_sign_in()
        # What is under the cursor may be another thing now.
        self.hint()
        self._tell(digest)

    def _after_sign_in(self) -> None:
        if self.conv is not None:
            self.load_members()
        self.chat.want_older()

    def _tell_gone(self, gone: ConversationGone) -> None:
        for text in gone.unsent:
            self.chat.composer.keep(text)
        if gone.unsent:
            [(key, _)] = hints(("composer-earlier",), self.options.keys, self.glyphs)
            self.say(f"{farewell(gone, self.client.store)} {key} brings back what you wrote.", bad=True)
        elif gone.reason != "left":
            self.say(farewell(gone, self.client.store))

    def _tell(self, digest: Digest) -> None:
        notices = self._policy.messages(digest)
        for contact in self._policy.requests(digest):
            self.say(f"{contact.person.display_name} (@{contact.person.username}) wants to add you (F2).")
        if notices and self.options.notify and not self.app.app_focus:
            self.app.bell()
            for notice in notices[-3:]:
                self.notify(notice.text, title=notice.title, markup=False)
                self._chat_app.announce(osc(notice, os.environ))

    def _refresh_lists(self) -> None:
        self.query_one(Sidebar).refresh_rows()

    # -- keys and clicks --------------------------------------------------------------------------------------------

    def action_submit(self) -> None:
        """Enter in the composer: send, or carry out a command. A text that cannot be sent stays where it is."""
        text = self.chat.composer.take()
        if not text:
            return
        match read(text):
            case Call(command, words):
                self.chat.leave_edit()
                self.chat.accept_text(text)
                self.act(command.handler(self, words), text)
            case Unknown(name):
                self.chat.composer.give_back(text)
                self.say(f"There is no command /{name}. To send it as text, begin with //.", bad=True)
            case plain if self.chat.conversation is None:
                del plain
                self.chat.composer.give_back(text)
                self.say("Open a conversation first: F2 shows friends and groups.", bad=True)
            case plain:
                if not self.attempt(lambda: self.chat.say(plain.text)):
                    self.chat.composer.give_back(text)

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
        self.act(messages.open_url(self, event.url))

    @on(Timeline.SelectionLeft)
    def back_to_composer(self) -> None:
        """Below the last message is the composer."""
        self.set_focus(self.chat.composer)

    def action_select_last(self) -> None:
        """↑ from an empty composer."""
        if self.conv is not None:
            self.set_focus(self.chat.timeline)
            self.chat.timeline.select_row(None)
            self.chat.timeline.action_select(-1)

    def take_typing(self, event: events.Key | events.Paste) -> None:
        """Go to the composer when what is typed is no command where the cursor is: somebody begins to write."""
        composer = self.chat.composer
        if isinstance(event, events.Key):
            letter = event.character if event.is_printable else None
            if not (letter and letter.strip()) or event.key in self.active_bindings:
                return
        if self.focused is not composer:
            self.show_panel("chat")

    def begin_command(self, name: str) -> None:
        """Put a command into the composer, to be completed."""
        composer = self.chat.composer
        composer.keep(composer.text)
        composer.put(f"/{name} ")
        composer.focus()

    def run_command(self, name: str) -> None:
        """Carry out a command without words."""
        self.act(routes.command(self, name))

    def action_editor(self) -> None:
        """Edit what is being typed in the person's own editor."""
        from mrccsc_tui.ui.editor import edit  # noqa: PLC0415 - seldom used

        composer = self.chat.composer
        with self.app.suspend():
            self.attempt(lambda: composer.put(edit(composer.text)))
        self.chat.keep_draft()
        self.app.refresh()

    def action_help(self) -> None:
        """F1."""
        self.show_help()

    def action_palette(self) -> None:
        """Ctrl+P."""
        self.app.action_command_palette()

    def action_sidebar(self) -> None:
        """F2."""
        self.show_panel("chat" if self.panel == "sidebar" else "sidebar")

    def action_members(self) -> None:
        """F3."""
        self.show_panel("chat" if self.panel == "members" else "members")

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
        conversation, divider = self.chat.conversation, self.chat.divider
        if conversation is None or divider is None:
            self.say("Nothing here is unread.")
        elif conversation.tail_start > divider:
            self.act(self.reach(conversation.conv, divider))
        else:
            self.chat.first_unread()

    def action_numbered(self, number: int) -> None:
        """The conversation of a number, from the top of the list."""
        listed = ordered(self.client.store)
        if number <= len(listed):
            self.open_conversation(listed[number - 1].conv)

    def action_page(self, direction: int) -> None:
        """Scroll, wherever the focus is; a list that covers the conversation is what is scrolled then."""
        (self.covering or self.chat.timeline).page(direction)

    def action_newest(self) -> None:
        """Go to the newest message."""
        self.chat.timeline.newest()
        self.show_panel("chat")

    def action_oldest(self) -> None:
        """Go to the oldest message that is held, or to the top of a list that covers the conversation."""
        (self.covering or self.chat.timeline).oldest()

    def action_cancel(self) -> None:
        """Esc: out of the selection, the mode, the panel; never of what was typed."""
        chat = self.chat
        if self.panel == "chat" and chat.composer.has_focus:
            chat.leave_mode()
        chat.timeline.select_row(None)
        self.show_panel("chat")

    # -- where the person looks -------------------------------------------------------------------------------------

    @on(events.DescendantFocus)
    @on(RowList.Moved)
    @on(Timeline.Selected)
    def hint(self) -> None:
        """Say which keys work here."""
        match self.focused:
            case Sidebar() | Timeline() as panel:
                ids = panel.useful()
            case Members():
                ids = (
                    "members-message",
                    "members-invite",
                    "members-add",
                    "members-role",
                    "members-kick",
                    "members-ban",
                )
            case _:
                ids = ("composer-send", "composer-newline", "composer-select")
        self.query_one(HintLine).show_shortcuts(ids)

    def on_screen_resume(self) -> None:
        """A dialog has gone."""
        self.look()

    def on_screen_suspend(self) -> None:
        """A dialog covers the conversation."""
        self.look()

    def on_resize(self) -> None:
        """A narrow terminal may cover the conversation."""
        self.call_after_refresh(self.look)


class LinearScreen(MainScreen):
    """One panel at a time, however wide the terminal is."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow")]  # noqa: RUF012
