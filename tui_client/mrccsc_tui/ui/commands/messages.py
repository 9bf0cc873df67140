"""Slash commands about messages. Without a selected message they are about the last one."""

from __future__ import annotations

from mrccsc_tui.state.models import Message
from mrccsc_tui.ui.action_context import ActionContext, open_chat
from mrccsc_tui.ui.acts import messages
from mrccsc_tui.ui.commands.row import Command, needed
from mrccsc_tui.ui.emoji import with_emoji


async def _me(context: ActionContext, words: str) -> None:
    me = context.client.store.me
    name = me.display_name if me is not None else ""
    context.client.send(open_chat(context).conv, f"* {name} {with_emoji(needed(words, '/me TEXT'))}")


async def _reply(context: ActionContext, words: str) -> None:
    message = messages.meant(context)
    if words:
        context.client.send(message.conv, with_emoji(words), message.seq)
    else:
        context.begin_reply(message)


async def _edit(context: ActionContext, words: str) -> None:
    message = _own(context)
    if words and messages.is_own(context, message):
        context.client.edit(message.conv, message.seq, with_emoji(words))
    else:
        messages.begin_edit(context, message)


async def _delete(context: ActionContext, words: str) -> None:
    del words
    await messages.delete(context, _own(context))


async def _react(context: ActionContext, words: str) -> None:
    message = messages.meant(context)
    if words:
        messages.react(context, message, words)
    else:
        await messages.ask_for_reaction(context, message)


async def _quote(context: ActionContext, words: str) -> None:
    del words
    messages.quote(context, messages.meant(context))


async def _unread(context: ActionContext, words: str) -> None:
    del words
    context.mark_unread(messages.meant(context))


async def _search(context: ActionContext, words: str) -> None:
    await messages.search(context, open_chat(context).conv, words)


async def _search_all(context: ActionContext, words: str) -> None:
    await messages.search(context, None, words)


async def _retry(context: ActionContext, words: str) -> None:
    del words
    messages.retry(context, messages.last_failed(context))


async def _discard(context: ActionContext, words: str) -> None:
    del words
    messages.discard(context, messages.last_failed(context))


def _own(context: ActionContext) -> Message:
    """The selected message, else the last own one."""
    return messages.meant(context, own=True)


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
