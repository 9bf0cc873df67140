"""Friends: asking, answering, removing, blocking, writing to them."""

from __future__ import annotations

from mrccsc_shared.text import check_username
from mrccsc_tui.state.models import Person
from mrccsc_tui.ui.action_context import ActionContext, ActionError
from mrccsc_tui.ui.emoji import with_emoji
from mrccsc_tui.ui.screens.picker import Option, Page, Picker
from mrccsc_tui.ui.words import contacts, presence_words, status_of


async def ask_whom_to_add(context: ActionContext) -> None:
    """Find somebody by a part of their name, or take the user name that was typed, and ask to be friends."""

    async def search(query: str, _cursor: str | None) -> Page:
        if len(query) < 2:
            return Page(())
        found = await context.client.search_users(query)
        mine = context.client.store.me
        return Page([person_option(context, person) for person in found if mine is None or person.user != mine.user])

    choice = await context.pick(
        Picker("Add a friend", "user name, or a part of a name", search=search, free=True, empty="nobody found")
    )
    if choice is None:
        return
    if choice.startswith("="):
        await add(context, choice[1:])
    else:
        await add(context, context.client.store.person(int(choice)).username)


async def add(context: ActionContext, name: str) -> None:
    """Ask somebody to be a friend; accepts when they have asked already."""
    contact = await context.client.request_contact(check_username(name.removeprefix("@")))
    who = contact.person.display_name
    context.say(f"You and {who} are friends now." if contact.relation == "friend" else f"Asked {who} to be friends.")


async def accept(context: ActionContext, user: int) -> None:
    """Accept an incoming request."""
    contact = await context.client.accept_contact(user)
    context.say(f"You and {contact.person.display_name} are friends now.")


async def decline(context: ActionContext, user: int) -> None:
    """Decline an incoming request, or take an own one back."""
    contact = context.client.store.contacts.get(user)
    if contact is not None and contact.relation == "outgoing":
        await context.client.remove_contact(user)
        context.say("The request is taken back.")
    elif contact is not None and contact.relation == "incoming":
        await context.client.decline_contact(user)
        context.say("The request is declined.")
    else:
        raise ActionError("There is no request to decline.")


async def answer(context: ActionContext, user: int) -> None:
    """Let the person say what to do with a request."""
    person = context.client.store.person(user)
    choice = await context.pick(
        Picker(
            f"{person.display_name} (@{person.username}) wants to add you",
            options=[
                Option("accept", "accept", ((("Accept", "strong"), ("  you are friends at once", "dim")),)),
                Option("decline", "decline", ((("Decline", "strong"), ("  nothing is said", "dim")),)),
                Option("block", "block", ((("Block", "strong"), ("  hear no more from them", "dim")),)),
            ],
        )
    )
    if choice is not None:
        await {"accept": accept, "decline": decline, "block": block}[choice](context, user)


async def remove(context: ActionContext, user: int) -> None:
    """End a friendship, or take back an own request."""
    contact = context.client.store.contacts.get(user)
    name = context.client.store.person(user).display_name
    if contact is None or contact.relation not in ("friend", "outgoing"):
        raise ActionError(f"{name} is not on your list.")
    if contact.relation == "friend" and not await context.confirm(
        f"Remove {name} from your friends? The chat stays, but nobody can write in it.", "remove"
    ):
        return
    await context.client.remove_contact(user)
    context.say(f"{name} is no longer on your list.")


async def block(context: ActionContext, user: int) -> None:
    """Block somebody; asks first when that ends a friendship."""
    contact = context.client.store.contacts.get(user)
    name = context.client.store.person(user).display_name
    if (
        contact is not None
        and contact.relation == "friend"
        and not await context.confirm(f"Block {name}? That ends the friendship.", "block")
    ):
        return
    await context.client.block(user)
    context.say(f"{name} is blocked.")


async def unblock(context: ActionContext, user: int) -> None:
    """End a block."""
    await context.client.unblock(user)
    context.say(f"{context.client.store.person(user).display_name} is not blocked any more.")


async def toggle_block(context: ActionContext, user: int) -> None:
    """Block, or unblock who is blocked."""
    contact = context.client.store.contacts.get(user)
    blocked = contact is not None and contact.relation == "blocked"
    await (unblock if blocked else block)(context, user)


async def write_to(context: ActionContext, user: int, text: str = "") -> None:
    """Open the direct chat with a friend, and say ``text`` in it when there is one."""
    contact = context.client.store.contacts.get(user)
    if contact is None or contact.relation != "friend":
        person = context.client.store.person(user)
        held = next((c for c in context.client.store.conversations.values() if c.peer == user), None)
        if held is None or text:
            ask = f" Ask first: /addcontact {person.username}" if person.username else ""
            raise ActionError(f"You can write to friends.{ask}")
        context.open_conversation(held.conv)
        return
    conv = contact.conv
    if conv is None or conv not in context.client.store.conversations:
        conv = (await context.client.open_direct(user)).conv
    if text:
        context.client.send(conv, with_emoji(text))
    context.open_conversation(conv)


async def find_person(context: ActionContext, name: str) -> Person:
    """Whom a person means by ``name`` or ``@name``: somebody known, else somebody the server finds."""
    name = name.removeprefix("@").strip().lower()
    if not name:
        raise ActionError("Say who: a user name.")
    store = context.client.store
    for person in [*(contact.person for contact in store.contacts.values()), *store.people.values()]:
        if person.username == name:
            return person
    for person in await context.client.search_users(name):
        if person.username == name:
            return person
    raise ActionError(f"Nobody here has the user name {name}.")


async def pick_friend(context: ActionContext, title: str) -> int | None:
    """Let the person choose a friend."""
    friends = contacts(context.client.store, "friend")
    if not friends:
        raise ActionError("You have no friends here yet: F2, then n, adds one.")
    options = [person_option(context, contact.person) for contact in friends]
    choice = await context.pick(Picker(title, options=options))
    return None if choice is None else int(choice)


def person_option(context: ActionContext, person: Person) -> Option:
    """A person as something to choose."""
    presence = context.client.store.presence(person.user)
    status = status_of(presence)
    known = person.user in context.client.store.contacts and presence is not None
    return Option(
        str(person.user),
        f"{person.display_name} {person.username}",
        (
            (
                (f"{context.glyphs.presence[status]} " if known else "  ", status or "dim"),
                (person.display_name, "strong"),
                (f"  @{person.username}", "dim"),
                (f"  {presence_words(presence)}" if known else "", "dim"),
            ),
        ),
    )
