"""Slash commands about people."""

from __future__ import annotations

from mrccsc_tui.ui.action_context import ActionContext
from mrccsc_tui.ui.acts import people
from mrccsc_tui.ui.commands.row import Command, first_word, needed
from mrccsc_tui.ui.words import contacts


async def _add(desk: ActionContext, words: str) -> None:
    if words:
        await people.add(desk, words)
    else:
        await people.ask_whom_to_add(desk)


async def _accept(desk: ActionContext, words: str) -> None:
    await people.accept(desk, await _whom(desk, words, "incoming", "/accept NAME"))


async def _decline(desk: ActionContext, words: str) -> None:
    await people.decline(desk, await _whom(desk, words, "incoming", "/decline NAME"))


async def _remove(desk: ActionContext, words: str) -> None:
    await people.remove(desk, (await people.find_person(desk, needed(words, "/removecontact NAME"))).user)


async def _block(desk: ActionContext, words: str) -> None:
    await people.block(desk, (await people.find_person(desk, needed(words, "/block NAME"))).user)


async def _unblock(desk: ActionContext, words: str) -> None:
    await people.unblock(desk, await _whom(desk, words, "blocked", "/unblock NAME"))


async def _msg(desk: ActionContext, words: str) -> None:
    name, text = first_word(needed(words, "/msg NAME [TEXT]"))
    await people.write_to(desk, (await people.find_person(desk, name)).user, text)


async def _contacts(desk: ActionContext, words: str) -> None:
    del words
    desk.show_panel("sidebar")


async def _whom(desk: ActionContext, words: str, relation: str, usage: str) -> int:
    """The person that is named; with no name, the only one in that relation."""
    waiting = contacts(desk.client.store, relation)
    if not words and len(waiting) == 1:
        return waiting[0].person.user
    return (await people.find_person(desk, needed(words, usage))).user


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
