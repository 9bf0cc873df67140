"""Slash commands about conversations and groups."""

from __future__ import annotations

from mrccsc_tui.state.models import Conversation
from mrccsc_tui.ui.action_context import ActionContext, ActionError, open_chat, open_group
from mrccsc_tui.ui.acts import groups, people
from mrccsc_tui.ui.commands.row import Command, first_word, needed
from mrccsc_tui.ui.words import ordered


async def _chat(context: ActionContext, words: str) -> None:
    words = needed(words, "/chat NAME, #GROUP or number")
    listed = ordered(context.client.store)
    if words.isascii() and words.isdigit() and 1 <= int(words) <= len(listed):
        context.open_conversation(listed[int(words) - 1].conv)
        return
    found = _held(context, words)
    if found is not None:
        context.open_conversation(found.conv)
        return
    await people.write_to(context, (await people.find_person(context, words)).user)


async def _groupchat(context: ActionContext, words: str) -> None:
    found = _held(context, needed(words, "/groupchat TITLE"), kind="group")
    if found is None:
        raise ActionError("You are in no group of that title. /joingroup TITLE joins one.")
    context.open_conversation(found.conv)


async def _create(context: ActionContext, words: str) -> None:
    if not words:
        await groups.ask_to_create(context)
        return
    head, rest = first_word(words)
    if head in ("public", "private") and rest:
        await groups.create(context, rest, head)
    else:
        await groups.create(context, words, "public")


async def _join(context: ActionContext, words: str) -> None:
    if words:
        await groups.join_by_title(context, words)
    else:
        await groups.ask_which_to_join(context)


async def _find(context: ActionContext, words: str) -> None:
    await groups.ask_which_to_join(context, words)


async def _leave(context: ActionContext, words: str) -> None:
    group = _held(context, words, kind="group") if words else open_group(context)
    if group is None:
        raise ActionError("You are in no group of that title.")
    await groups.leave(context, group.conv)


async def _invite(context: ActionContext, words: str) -> None:
    group = open_group(context)
    if words:
        await groups.invite(context, group.conv, (await people.find_person(context, words)).user)
    else:
        await groups.ask_whom_to_invite(context, group.conv)


async def _kick(context: ActionContext, words: str) -> None:
    group = open_group(context)
    await groups.kick(context, group.conv, (await people.find_person(context, needed(words, "/kick NAME"))).user)


async def _ban(context: ActionContext, words: str) -> None:
    group = open_group(context)
    await groups.ban(context, group.conv, (await people.find_person(context, needed(words, "/ban NAME"))).user)


async def _unban(context: ActionContext, words: str) -> None:
    group = open_group(context)
    if words:
        await groups.unban(context, group.conv, (await people.find_person(context, words)).user)
    else:
        await groups.ask_whom_to_unban(context, group.conv)


async def _role(context: ActionContext, words: str) -> None:
    group = open_group(context)
    name, role = first_word(needed(words, "/role NAME [owner|admin|member]"))
    user = (await people.find_person(context, name)).user
    if role:
        await groups.set_role(context, group.conv, user, role.lower())
    else:
        await groups.ask_for_role(context, group.conv, user)


async def _topic(context: ActionContext, words: str) -> None:
    group = open_group(context)
    if words:
        await groups.update(context, group.conv, topic="" if words == "-" else words)
    else:
        context.say(f"Topic: {group.topic}" if group.topic else "There is no topic. /topic TEXT sets one.")


async def _title(context: ActionContext, words: str) -> None:
    await groups.update(context, open_group(context).conv, title=needed(words, "/title TEXT"))


async def _visibility(context: ActionContext, words: str) -> None:
    group = open_group(context)
    if words not in ("public", "private"):
        raise ActionError("Usage: /visibility public, or /visibility private")
    await groups.update(context, group.conv, visibility=words)


async def _settings(context: ActionContext, words: str) -> None:
    del words
    await groups.ask_for_settings(context, open_group(context).conv)


async def _members(context: ActionContext, words: str) -> None:
    del words
    open_group(context)
    context.show_panel("members")


async def _mute(context: ActionContext, words: str) -> None:
    del words
    await groups.mute(context, open_chat(context).conv, muted=True)


async def _unmute(context: ActionContext, words: str) -> None:
    del words
    await groups.mute(context, open_chat(context).conv, muted=False)


async def _notify(context: ActionContext, words: str) -> None:
    if words:
        await groups.set_level(context, open_chat(context), words.lower())
    else:
        await groups.ask_for_level(context, open_chat(context))


def _held(context: ActionContext, name: str, kind: str = "") -> Conversation | None:
    """The conversation of that exact title, or with that user; ``None`` for none or several."""
    store = context.client.store
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
