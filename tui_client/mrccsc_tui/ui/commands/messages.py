"""Slash commands about messages. Without a selected message they are about the last one."""

from __future__ import annotations

from mrccsc_tui.state.models import Message
from mrccsc_tui.ui.action_context import ActionContext, open_chat
from mrccsc_tui.ui.acts import messages
from mrccsc_tui.ui.commands.row import Command, needed
from mrccsc_tui.ui.emoji import with_emoji


async def _me(desk: ActionContext, words: str) -> None:
    me = desk.client.store.me
    name = me.display_name if me is not None else ""
    desk.client.send(open_chat(desk).conv, f"* {name} {with_emoji(needed(words, '/me TEXT'))}")


async def _reply(desk: ActionContext, words: str) -> None:
    message = messages.meant(desk)
    if words:
        desk.client.send(message.conv, with_emoji(words), message.seq)
    else:
        desk.begin_reply(message)


async def _edit(desk: ActionContext, words: str) -> None:
    message = _own(desk)
    if words and messages.is_own(desk, message):
        desk.client.edit(message.conv, message.seq, with_emoji(words))
    else:
        messages.begin_edit(desk, message)


async def _delete(desk: ActionContext, words: str) -> None:
    del words
    await messages.delete(desk, _own(desk))


async def _react(desk: ActionContext, words: str) -> None:
    message = messages.meant(desk)
    if words:
        messages.react(desk, message, words)
    else:
        await messages.ask_for_reaction(desk, message)


async def _quote(desk: ActionContext, words: str) -> None:
    del words
    messages.quote(desk, messages.meant(desk))


async def _unread(desk: ActionContext, words: str) -> None:
    del words
    desk.mark_unread(messages.meant(desk))


async def _search(desk: ActionContext, words: str) -> None:
    await messages.search(desk, open_chat(desk).conv, words)


async def _search_all(desk: ActionContext, words: str) -> None:
    await messages.search(desk, None, words)


async def _retry(desk: ActionContext, words: str) -> None:
    del words
    messages.retry(desk, messages.last_failed(desk))


async def _discard(desk: ActionContext, words: str) -> None:
    del words
    messages.discard(desk, messages.last_failed(desk))


def _own(desk: ActionContext) -> Message:
    """The selected message, else the last own one."""
    return messages.meant(desk, own=True)


ROWS = (
    Command("me", "/me TEXT", "Say what you do", _me, "messages"),
    Command("reply", "/reply [TEXT]", "Answer the message", _reply, "messages"),
    Command("edit", "/edit [TEXT]", "Change your last message", _edit, "messages"),
    Command("delete", "/delete", "Delete your last message", _delete, "messages"),
    Command("react", "/react [EMOJI]", "Set a reaction, or take it back", _react, "messages", wants="emoji"),
    Command("quote", "/quote", "Quote the message in the composer", _quote, "messages"),
    Command("unread", "/unread", "Mark unread from the message on", _unread, "messages"),
    Command("search", "/search [WORDS]", "Search in this conversation", _search, "messages", ("find",)),
    Command("searchall", "/searchall [WORDS]", "Search everywhere", _search_all, "messages"),
    Command("retry", "/retry", "Send a failed message again", _retry, "messages"),
    Command("discard", "/discard", "Discard a failed message; its text comes back", _discard, "messages"),
)
