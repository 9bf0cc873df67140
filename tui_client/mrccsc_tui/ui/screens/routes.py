"""From keys and rows to acts: what each key of a panel does to what is under the cursor."""

from __future__ import annotations

from collections.abc import Hashable

from mrccsc_tui.state.models import Message, Pending
from mrccsc_tui.ui.action_context import ActionContext, ActionError, open_group
from mrccsc_tui.ui.acts import groups, messages, people
from mrccsc_tui.ui.commands.table import BY_NAME
from mrccsc_tui.ui.screens.picker import Option, Picker
from mrccsc_tui.ui.widgets.sidebar import ConvKey, PersonKey
from mrccsc_tui.ui.words import badge, contacts, ordered, sign


def user_of(key: Hashable) -> int | None:
    """The user of a row."""
    return key.user if isinstance(key, PersonKey) else None


async def command(context: ActionContext, name: str, words: str = "") -> None:
    """Carry out a slash command."""
    await BY_NAME[name].handler(context, words)


async def open_row(context: ActionContext, key: Hashable) -> None:
    """Enter on the left panel."""
    if isinstance(key, ConvKey):
        context.open_conversation(key.conv)
    elif isinstance(key, PersonKey):
        contact = context.client.store.contacts.get(key.user)
        relation = contact.relation if contact is not None else "none"
        if relation == "incoming":
            await people.answer(context, key.user)
        elif relation == "outgoing":
            raise ActionError("You have asked; the answer is still to come. d takes the request back.")
        elif relation == "blocked":
            raise ActionError("You have blocked them. b lifts that.")
        else:
            await people.write_to(context, key.user)


async def sidebar(context: ActionContext, what: str, user: int | None, conv: int | None) -> None:
    """A key on the left panel."""
    group = conv if user is None else None
    match what:
        case "add":
            await people.ask_whom_to_add(context)
        case "create":
            await groups.ask_to_create(context)
        case "find":
            await groups.ask_which_to_join(context)
        case "accept":
            await people.accept(context, _relation(context, user, "incoming", "There is no request here to accept."))
        case "decline":
            await people.decline(context, _somebody(user))
        case "block":
            await people.toggle_block(context, _somebody(user))
        case "remove" if group is not None:
            await groups.leave(context, group)
        case "remove":
            await people.remove(context, _somebody(user))
        case "mute" if conv is not None:
            await groups.mute(context, conv)
        case "mute":
            raise ActionError("There is no conversation here to mute.")
        case "invite":
            await groups.ask_whom_to_invite(context, _some_group(group))
        case "settings":
            await groups.ask_for_settings(context, _some_group(group))


async def member(context: ActionContext, what: str, user: int | None) -> None:
    """A key on the right panel."""
    conv = open_group(context).conv
    match what:
        case "invite":
            await groups.ask_whom_to_invite(context, conv)
        case "unban":
            await groups.ask_whom_to_unban(context, conv)
        case "settings":
            await groups.ask_for_settings(context, conv)
        case "message":
            await people.write_to(context, _somebody(user))
        case "add":
            await people.add(context, context.client.store.person(_somebody(user)).username)
        case "role":
            await groups.ask_for_role(context, conv, _somebody(user))
        case "kick":
            await groups.kick(context, conv, _somebody(user))
        case "ban":
            await groups.ban(context, conv, _somebody(user))


async def message(context: ActionContext, what: str, item: Message | Pending) -> None:
    """A key on the selected message."""
    match what:
        case "copy":
            context.copy(item.text)
        case "quote":
            messages.quote(context, item)
        case "open":
            await messages.open_link(context, item)
        case "retry" | "discard":
            failed = messages.failed_about(context, item)
            if not failed:
                raise ActionError("Nothing has failed about this message.")
            (messages.retry if what == "retry" else messages.discard)(context, failed[-1])
        case _ if isinstance(item, Pending):
            raise ActionError("That message is not sent yet.")
        case "reply":
            context.begin_reply(item)
        case "edit":
            messages.begin_edit(context, item)
        case "delete":
            await messages.delete(context, item)
        case "react":
            await messages.ask_for_reaction(context, item)
        case "thumb":
            messages.react(context, item, "thumbs_up")
        case "unread":
            context.mark_unread(item)
        case "origin":
            if item.reply_to is None:
                raise ActionError("That message answers none.")
            context.open_conversation(item.conv, seq=item.reply_to)


async def switch(context: ActionContext) -> None:
    """Go to a conversation by a part of its name, or by its number."""
    store = context.client.store
    options = []
    for conversation in ordered(store):
        mark, style = sign(conversation, store, context.glyphs)
        unread, unread_style = badge(conversation)
        name = store.person(conversation.peer).username if conversation.peer is not None else ""
        facts = ((f"{mark} ", style), (f"{unread:>3} ", unread_style))
        line = (*facts, (conversation.title, "strong"), (f"  {name}", "dim"))
        options.append(Option(str(conversation.conv), f"{conversation.title} {name}", (line,)))
    held = {conversation.peer for conversation in store.conversations.values()}
    for contact in contacts(store, "friend"):
        if contact.person.user not in held:
            person = people.person_option(context, contact.person)
            first, *rest = person.lines[0]
            options.append(Option(f"@{contact.person.user}", person.text, ((first, ("    ", "dim"), *rest),)))
    choice = await context.pick(
        Picker("Go to", "name or number", options=options, numbered=True, empty="nothing has that name")
    )
    if choice is None:
        return
    if choice.startswith("@"):
        await people.write_to(context, int(choice[1:]))
    else:
        context.open_conversation(int(choice))


def _somebody(user: int | None) -> int:
    if user is None:
        raise ActionError("Choose somebody first.")
    return user


def _some_group(conv: int | None) -> int:
    if conv is None:
        raise ActionError("Choose a group first.")
    return conv


def _relation(context: ActionContext, user: int | None, relation: str, complaint: str) -> int:
    contact = context.client.store.contacts.get(user) if user is not None else None
    if contact is None or contact.relation != relation:
        raise ActionError(complaint)
    return contact.person.user
