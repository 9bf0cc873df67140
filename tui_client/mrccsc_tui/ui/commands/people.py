"""Slash commands about people."""

from __future__ import annotations

from mrccsc_tui.ui.action_context import ActionContext
from mrccsc_tui.ui.acts import people
from mrccsc_tui.ui.commands.row import Command, first_word, needed
from mrccsc_tui.ui.words import contacts


async def _add(context: ActionContext, words: str) -> None:
    if words:
        await people.add(context, words)
    else:
        await people.ask_whom_to_add(context)


async def _accept(context: ActionContext, words: str) -> None:
    await people.accept(context, await _whom(context, words, "incoming", "/accept NAME"))


async def _decline(context: ActionContext, words: str) -> None:
    await people.decline(context, await _whom(context, words, "incoming", "/decline NAME"))


async def _remove(context: ActionContext, words: str) -> None:
    await people.remove(context, (await people.find_person(context, needed(words, "/removecontact NAME"))).user)


async def _block(context: ActionContext, words: str) -> None:
    await people.block(context, (await people.find_person(context, needed(words, "/block NAME"))).user)


async def _unblock(context: ActionContext, words: str) -> None:
    await people.unblock(context, await _whom(context, words, "blocked", "/unblock NAME"))


async def _msg(context: ActionContext, words: str) -> None:
    name, text = first_word(needed(words, "/msg NAME [TEXT]"))
    await people.write_to(context, (await people.find_person(context, name)).user, text)


async def _contacts(context: ActionContext, words: str) -> None:
    del words
    context.show_panel("sidebar")


async def _whom(context: ActionContext, words: str, relation: str, usage: str) -> int:
    """The person that is named; with no name, the only one in that relation."""
    waiting = contacts(context.client.store, relation)
    if not words and len(waiting) == 1:
        return waiting[0].person.user
    return (await people.find_person(context, needed(words, usage))).user


ROWS = (
    Command("addcontact", "/addcontact [NAME]", "Ask somebody to be a friend", _add, "people", ("add",)),
    Command("accept", "/accept [NAME]", "Accept a request", _accept, "people", wants="person"),
    Command("decline", "/decline [NAME]", "Decline a request, or take yours back", _decline, "people", wants="person"),
    Command("removecontact", "/removecontact NAME", "End a friendship", _remove, "people", ("unfriend",), "person"),
    Command("block", "/block NAME", "Block somebody", _block, "people", wants="person"),
    Command("unblock", "/unblock [NAME]", "Unblock somebody", _unblock, "people", wants="person"),
    Command("msg", "/msg NAME [TEXT]", "Write to a friend", _msg, "people", ("query",), "person"),
    Command("contacts", "/contacts", "Go to friends and groups", _contacts, "people", ("friends",)),
)
