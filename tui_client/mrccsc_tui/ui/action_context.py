"""What the acts of a person need from the screen they happen on.

Keys, dialogs, slash commands and the palette all end in the same functions of ``acts``; these know the client and a
context, and no widget.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Protocol

from mrccsc_tui.client import ChatClient
from mrccsc_tui.state.models import Conversation, Message, Pending
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.screens.forms import Field
from mrccsc_tui.ui.screens.picker import Picker


class ActionError(Exception):
    """What was asked for cannot be done. ``str()`` is a sentence for the person."""


class ActionContext(Protocol):
    """The main screen, as the acts see it. What waits for the person may be called from a worker only."""

    client: ChatClient
    glyphs: Glyphs
    zone: tzinfo | None
    """Of the times that are shown; ``None`` is the local one."""

    @property
    def conv(self) -> int | None:
        """The open conversation."""

    @property
    def selected(self) -> Message | Pending | None:
        """The selected message."""

    def say(self, text: str, *, bad: bool = False) -> None:
        """Tell the person something, for some seconds."""

    def open_conversation(self, conv: int, *, seq: int | None = None) -> None:
        """Show a conversation, with the message ``seq`` selected and in view."""

    def begin_reply(self, message: Message) -> None:
        """What is sent next answers ``message``."""

    def begin_edit(self, message: Message, text: str | None = None) -> None:
        """What is sent next replaces the text of ``message``."""

    def type_text(self, text: str) -> None:
        """Put text into the composer, behind what is there."""

    def mark_unread(self, message: Message) -> None:
        """Show everything from ``message`` on as unread, and leave it so while the conversation is open."""

    def show_help(self, command: str = "") -> None:
        """Show the keys and commands, or say how one command is written."""

    def show_panel(self, panel: str) -> None:
        """Show ``chat``, ``sidebar`` or ``members`` and put the cursor there."""

    @property
    def theme_names(self) -> Sequence[str]:
        """The themes there are; the one in use first."""

    def set_theme(self, name: str) -> None:
        """Paint in another theme. Raises :class:`ActionError` when there is none of that name."""

    async def confirm(self, question: str, yes: str) -> bool:
        """Ask before something that cannot be taken back; ``yes`` names the act."""

    async def pick(self, picker: Picker) -> str | None:
        """Let the person choose; the key of the choice, ``None`` for none."""

    async def fill(self, title: str, fields: Sequence[Field], submit: str) -> dict[str, str] | None:
        """Let the person fill in fields; ``None`` when cancelled."""

    def copy(self, text: str) -> None:
        """Put text on the clipboard of the terminal."""

    def quit(self) -> None:
        """End the program."""


def open_group(context: ActionContext) -> Conversation:
    """The open conversation, which is a group; complains otherwise."""
    conversation = open_chat(context)
    if conversation.kind != "group":
        raise ActionError("That is for groups; this is a direct chat.")
    return conversation


def open_chat(context: ActionContext) -> Conversation:
    """The open conversation; complains when there is none."""
    conversation = None if context.conv is None else context.client.store.conversations.get(context.conv)
    if conversation is None:
        raise ActionError("Open a conversation first: Ctrl+G, or /chat NAME.")
    return conversation
