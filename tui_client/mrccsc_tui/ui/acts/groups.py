"""Groups: making, finding, joining and leaving them, and who may do what in them."""

from __future__ import annotations

from typing import cast

from mrccsc_shared.entry import Role, Visibility
from mrccsc_shared.text import check_name, check_topic
from mrccsc_tui.state.models import Conversation
from mrccsc_tui.ui.action_context import ActionContext, ActionError
from mrccsc_tui.ui.acts.people import person_option, pick_friend
from mrccsc_tui.ui.notify import Level, level, remember_level
from mrccsc_tui.ui.screens.forms import Field
from mrccsc_tui.ui.screens.picker import Option, Page, Picker
from mrccsc_tui.ui.words import count

_TOLD: dict[Level, str] = {
    "all": "every message is told",
    "mentions": "what mentions you is told",
    "none": "nothing is told, on no device",
}
_VISIBILITY = {"public: anybody may join": "public", "private: by invitation": "private"}


async def ask_to_create(context: ActionContext) -> None:
    """Let the person describe a group, and make it."""
    values = await context.fill(
        "Create a group",
        [
            Field("title", "Title", required=True, check=lambda text: check_name(text, "title")),
            Field("topic", "Topic", placeholder="optional", check=check_topic),
            Field("visibility", "Who may join", choices=list(_VISIBILITY)),
        ],
        "create",
    )
    if values is not None:
        await create(context, values["title"], _VISIBILITY[values["visibility"]], values["topic"])


async def create(context: ActionContext, title: str, visibility: str, topic: str = "") -> None:
    """Make a group that the person owns, and open it."""
    group = await context.client.create_group(
        check_name(title, "title"), check_topic(topic) or None, cast(Visibility, visibility)
    )
    context.open_conversation(group.conv)
    who = "anybody may find and join it" if visibility == "public" else "only those you invite can see it"
    context.say(f"The group is yours; {who}.")


async def ask_which_to_join(context: ActionContext, query: str = "") -> None:
    """Let the person look through the public groups, and join one."""

    async def search(query: str, _cursor: str | None) -> Page:
        return Page([_group_option(context, group) for group in await context.client.find_groups(query)])

    choice = await context.pick(
        Picker("Public groups", "a part of the title", search=search, query=query, empty="no public group has that")
    )
    if choice is not None:
        await join(context, int(choice))


async def join(context: ActionContext, conv: int) -> None:
    """Become a member, and open the group."""
    if conv not in context.client.store.conversations:
        await context.client.join_group(conv)
    context.open_conversation(conv)


async def join_by_title(context: ActionContext, title: str) -> None:
    """Join the public group of exactly that title; with several, or none, let the person choose."""
    wanted = title.removeprefix("#").casefold()
    held = [
        conversation
        for conversation in context.client.store.conversations.values()
        if conversation.kind == "group" and conversation.title.casefold() == wanted
    ]
    found = held or [g for g in await context.client.find_groups(wanted) if g.title.casefold() == wanted]
    if len(found) == 1:
        await join(context, found[0].conv)
    else:
        await ask_which_to_join(context, title.removeprefix("#"))


async def leave(context: ActionContext, conv: int) -> None:
    """Leave a group, after asking."""
    group = _group(context, conv)
    question = f"Leave {group.title}?"
    if group.members == 1:
        question += " You are the last member: the group ends with you."
    elif group.visibility == "private":
        question += " Somebody will have to invite you to come back."
    if await context.confirm(question, "leave"):
        await context.client.leave_group(conv)
        context.say(f"You have left {group.title}.")


async def ask_whom_to_invite(context: ActionContext, conv: int) -> None:
    """Let the person choose a friend, who is a member at once."""
    user = await pick_friend(context, f"Invite to {_group(context, conv).title}")
    if user is not None:
        await invite(context, conv, user)


async def invite(context: ActionContext, conv: int, user: int) -> None:
    """Make a friend a member."""
    await context.client.invite(conv, user)
    context.say(f"{context.client.store.person(user).display_name} is in {_group(context, conv).title} now.")


async def kick(context: ActionContext, conv: int, user: int) -> None:
    """Take a member out, after asking."""
    name, group = context.client.store.person(user).display_name, _group(context, conv)
    after = (
        "Somebody will have to invite them to come back." if group.visibility == "private" else "They may come back."
    )
    if await context.confirm(f"Remove {name} from {group.title}? {after}", "remove"):
        await context.client.remove_member(conv, user)


async def ban(context: ActionContext, conv: int, user: int) -> None:
    """Keep somebody out, after asking."""
    name = context.client.store.person(user).display_name
    if await context.confirm(
        f"Ban {name} from {_group(context, conv).title}? They cannot come back until unbanned.", "ban"
    ):
        await context.client.ban(conv, user)
        context.say(f"{name} is banned.")


async def unban(context: ActionContext, conv: int, user: int) -> None:
    """Lift a ban."""
    await context.client.unban(conv, user)
    context.say(f"{context.client.store.person(user).display_name} may join again.")


async def ask_whom_to_unban(context: ActionContext, conv: int) -> None:
    """Let the person find somebody by name, and lift their ban."""

    async def search(query: str, _cursor: str | None) -> Page:
        if len(query) < 2:
            return Page(())
        return Page([person_option(context, person) for person in await context.client.search_users(query)])

    choice = await context.pick(Picker("Lift a ban", "a part of the name", search=search))
    if choice is not None:
        await unban(context, conv, int(choice))


async def ask_for_role(context: ActionContext, conv: int, user: int) -> None:
    """Let the person choose a member's role."""
    name = context.client.store.person(user).display_name
    choice = await context.pick(
        Picker(
            f"Role of {name}",
            options=[
                Option("member", "member", ((("Member", "strong"), ("  reads, writes, invites", "dim")),)),
                Option("admin", "admin", ((("Admin", "strong"), ("  also removes, bans, names the group", "dim")),)),
                Option("owner", "owner", ((("Owner", "strong"), ("  hands the group over; you become admin", "dim")),)),
            ],
        )
    )
    if choice is not None:
        await set_role(context, conv, user, choice)


async def set_role(context: ActionContext, conv: int, user: int, role: str) -> None:
    """Give a member a role; asks before handing the group over."""
    if role not in ("owner", "admin", "member"):
        raise ActionError("A role is owner, admin or member.")
    name = context.client.store.person(user).display_name
    if role == "owner" and not await context.confirm(
        f"Hand {_group(context, conv).title} over to {name}?", "hand over"
    ):
        return
    await context.client.set_role(conv, user, cast(Role, role))


async def ask_for_settings(context: ActionContext, conv: int) -> None:
    """Let the person change title, topic and visibility."""
    group = _group(context, conv)
    choices = list(_VISIBILITY)
    now = choices[0] if group.visibility == "public" else choices[1]
    values = await context.fill(
        f"Group {group.title}",
        [
            Field("title", "Title", group.title, required=True, check=lambda text: check_name(text, "title")),
            Field("topic", "Topic", group.topic, check=check_topic),
            Field("visibility", "Who may join", now, choices=choices),
        ],
        "save",
    )
    if values is None:
        return
    visibility = _VISIBILITY[values["visibility"]]
    await update(
        context,
        conv,
        title=values["title"] if values["title"] != group.title else None,
        topic=values["topic"] if values["topic"] != group.topic else None,
        visibility=visibility if visibility != group.visibility else None,
    )


async def update(
    context: ActionContext,
    conv: int,
    *,
    title: str | None = None,
    topic: str | None = None,
    visibility: str | None = None,
) -> None:
    """Change what is given."""
    if title is None and topic is None and visibility is None:
        return
    await context.client.update_group(
        conv,
        title=None if title is None else check_name(title, "title"),
        topic=None if topic is None else check_topic(topic),
        visibility=None if visibility is None else cast(Visibility, visibility),
    )


async def mute(context: ActionContext, conv: int, muted: bool | None = None) -> None:
    """Mute or unmute; without ``muted`` the other of the two."""
    conversation = context.client.store.conversations.get(conv)
    if conversation is None:
        raise ActionError("That conversation is not on your list.")
    muted = not conversation.muted if muted is None else muted
    await context.client.mute(conv, muted)
    context.say(f"{conversation.title} is muted." if muted else f"{conversation.title} is not muted any more.")


async def set_level(context: ActionContext, conversation: Conversation, chosen: str) -> None:
    """Choose what of a conversation is told while the person looks elsewhere."""
    told = _TOLD.get(cast(Level, chosen))
    if told is None:
        raise ActionError("Say all, mentions or none.")
    if conversation.muted != (chosen == "none"):
        await context.client.mute(conversation.conv, chosen == "none")
    if chosen != "none":
        remember_level(context.client, conversation, cast(Level, chosen))
    context.say(f"{conversation.title}: {told}.")


async def ask_for_level(context: ActionContext, conversation: Conversation) -> None:
    """Let the person choose what of a conversation is told."""
    now = level(context.client, conversation)
    options = [
        Option(name, name, (((name, "strong"), (f"  {told}", "dim"), ("  as it is" if name == now else "", "online")),))
        for name, told in _TOLD.items()
    ]
    choice = await context.pick(Picker(f"Notifications of {conversation.title}", options=options))
    if choice is not None:
        await set_level(context, conversation, choice)


def _group(context: ActionContext, conv: int) -> Conversation:
    group = context.client.store.conversations.get(conv)
    if group is None or group.kind != "group":
        raise ActionError("That is not one of your groups.")
    return group


def _group_option(context: ActionContext, group: Conversation) -> Option:
    mine = group.conv in context.client.store.conversations
    facts = [count(group.members, "member")] if group.members is not None else []
    facts += ["you are in it"] if mine else []
    return Option(
        str(group.conv),
        group.title,
        (
            (
                (f"{context.glyphs.group} ", "dim"),
                (group.title, "strong"),
                (f"  {', '.join(facts)}", "dim"),
                (f"  {group.topic}" if group.topic else "", "dim"),
            ),
        ),
    )
