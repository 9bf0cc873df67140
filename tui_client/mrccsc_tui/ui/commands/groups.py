"""Slash commands about conversations and groups."""

from __future__ import annotations

from mrccsc_tui.state.models import Conversation
from mrccsc_tui.ui.action_context import ActionContext, ActionError, open_chat, open_group
from mrccsc_tui.ui.acts import groups, people
from mrccsc_tui.ui.commands.row import Command, first_word, needed
from mrccsc_tui.ui.words import ordered


async def _chat(desk: ActionContext, words: str) -> None:
    words = needed(words, "/chat NAME, #GROUP or number")
    listed = ordered(desk.client.store)
    if words.isascii() and words.isdigit() and 1 <= int(words) <= len(listed):
        desk.open_conversation(listed[int(words) - 1].conv)
        return
    found = _held(desk, words)
    if found is not None:
        desk.open_conversation(found.conv)
        return
    await people.write_to(desk, (await people.find_person(desk, words)).user)


async def _groupchat(desk: ActionContext, words: str) -> None:
    found = _held(desk, needed(words, "/groupchat TITLE"), kind="group")
    if found is None:
        raise ActionError("You are in no group of that title. /joingroup TITLE joins one.")
    desk.open_conversation(found.conv)


async def _create(desk: ActionContext, words: str) -> None:
    if not words:
        await groups.ask_to_create(desk)
        return
    head, rest = first_word(words)
    if head in ("public", "private") and rest:
        await groups.create(desk, rest, head)
    else:
        await groups.create(desk, words, "public")


async def _join(desk: ActionContext, words: str) -> None:
    if words:
        await groups.join_by_title(desk, words)
    else:
        await groups.ask_which_to_join(desk)


async def _find(desk: ActionContext, words: str) -> None:
    await groups.ask_which_to_join(desk, words)


async def _leave(desk: ActionContext, words: str) -> None:
    group = _held(desk, words, kind="group") if words else open_group(desk)
    if group is None:
        raise ActionError("You are in no group of that title.")
    await groups.leave(desk, group.conv)


async def _invite(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    if words:
        await groups.invite(desk, group.conv, (await people.find_person(desk, words)).user)
    else:
        await groups.ask_whom_to_invite(desk, group.conv)


async def _kick(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    await groups.kick(desk, group.conv, (await people.find_person(desk, needed(words, "/kick NAME"))).user)


async def _ban(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    await groups.ban(desk, group.conv, (await people.find_person(desk, needed(words, "/ban NAME"))).user)


async def _unban(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    if words:
        await groups.unban(desk, group.conv, (await people.find_person(desk, words)).user)
    else:
        await groups.ask_whom_to_unban(desk, group.conv)


async def _role(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    name, role = first_word(needed(words, "/role NAME [owner|admin|member]"))
    user = (await people.find_person(desk, name)).user
    if role:
        await groups.set_role(desk, group.conv, user, role.lower())
    else:
        await groups.ask_for_role(desk, group.conv, user)


async def _topic(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    if words:
        await groups.update(desk, group.conv, topic="" if words == "-" else words)
    else:
        desk.say(f"Topic: {group.topic}" if group.topic else "There is no topic. /topic TEXT sets one.")


async def _title(desk: ActionContext, words: str) -> None:
    await groups.update(desk, open_group(desk).conv, title=needed(words, "/title TEXT"))


async def _visibility(desk: ActionContext, words: str) -> None:
    group = open_group(desk)
    if words not in ("public", "private"):
        raise ActionError("Usage: /visibility public, or /visibility private")
    await groups.update(desk, group.conv, visibility=words)


async def _settings(desk: ActionContext, words: str) -> None:
    del words
    await groups.ask_for_settings(desk, open_group(desk).conv)


async def _members(desk: ActionContext, words: str) -> None:
    del words
    open_group(desk)
    desk.show_panel("members")


async def _mute(desk: ActionContext, words: str) -> None:
    del words
    await groups.mute(desk, open_chat(desk).conv, muted=True)


async def _unmute(desk: ActionContext, words: str) -> None:
    del words
    await groups.mute(desk, open_chat(desk).conv, muted=False)


async def _notify(desk: ActionContext, words: str) -> None:
    if words:
        await groups.set_level(desk, open_chat(desk), words.lower())
    else:
        await groups.ask_for_level(desk, open_chat(desk))


def _held(desk: ActionContext, name: str, kind: str = "") -> Conversation | None:
    """The conversation of that exact title, or with that user; ``None`` for none or several."""
    store = desk.client.store
    plain = name.removeprefix("#").removeprefix("@").casefold()
    found = [
        conversation
        for conversation in ordered(store)
        if (not kind or conversation.kind == kind)
        and (not name.startswith("#") or conversation.kind == "group")
        and (
            conversation.title.casefold() == plain
            or (conversation.peer is not None and store.person(conversation.peer).username == plain)
        )
    ]
    return found[0] if len(found) == 1 else None


ROWS = (
    Command("chat", "/chat NAME|#GROUP|number", "Open a conversation", _chat, "groups", ("open",), "group"),
    Command("groupchat", "/groupchat TITLE", "Open a group", _groupchat, "groups", wants="group"),
    Command("creategroup", "/creategroup [public|private] [TITLE]", "Make a group", _create, "groups", ("create",)),
    Command("joingroup", "/joingroup [TITLE]", "Join a public group", _join, "groups", ("join",)),
    Command("findgroup", "/findgroup [WORDS]", "Look through the public groups", _find, "groups", ("groups",)),
    Command("leave", "/leave [#GROUP]", "Leave the group", _leave, "groups", wants="group"),
    Command("invite", "/invite [NAME]", "Make a friend a member", _invite, "groups", wants="person"),
    Command("kick", "/kick NAME", "Take a member out", _kick, "groups", wants="person"),
    Command("ban", "/ban NAME", "Take out and keep out", _ban, "groups", wants="person"),
    Command("unban", "/unban [NAME]", "Lift a ban", _unban, "groups", wants="person"),
    Command("role", "/role NAME [owner|admin|member]", "Change a member's role", _role, "groups", wants="person"),
    Command("members", "/members", "Show who is in the group", _members, "groups", ("names",)),
    Command("topic", "/topic [TEXT]", "Say or set the topic; - removes it", _topic, "groups"),
    Command("title", "/title TEXT", "Rename the group", _title, "groups"),
    Command("visibility", "/visibility public|private", "Who may join", _visibility, "groups"),
    Command("settings", "/settings", "Title, topic and visibility in one form", _settings, "groups"),
    Command("mute", "/mute", "Mute the conversation", _mute, "groups"),
    Command("unmute", "/unmute", "Unmute the conversation", _unmute, "groups"),
    Command("notify", "/notify [all|mentions|none]", "What you are told of", _notify, "groups", wants="level"),
)
