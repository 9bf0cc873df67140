"""Friends: asking, answering, removing, blocking, writing to them."""

from __future__ import annotations

from mrccsc_shared.text import check_username
from mrccsc_tui.state.models import Person
from mrccsc_tui.ui.action_context import ActionContext, ActionError
from mrccsc_tui.ui.emoji import with_emoji
from mrccsc_tui.ui.screens.picker import Option, Page, Picker
from mrccsc_tui.ui.words import contacts, presence_words, status_of


async def ask_whom_to_add(desk: ActionContext) -> None:
    """Find somebody by a part of their name, or take the user name that was typed, and ask to be friends."""

    async def search(query: str, _cursor: str | None) -> Page:
        if len(query) < 2:
            return Page(())
        found = await desk.client.search_users(query)
        mine = desk.client.store.me
        return Page([person_option(desk, person) for person in found if mine is None or person.user != mine.user])

    choice = await desk.pick(
        Picker("Add a friend", "user name, or a part of a name", search=search, free=True, empty="nobody found")
    )
    if choice is None:
        return
    if choice.startswith("="):
        await add(desk, choice[1:])
    else:
        await add(desk, desk.client.store.person(int(choice)).username)


async def add(desk: ActionContext, name: str) -> None:
    """Ask somebody to be a friend; accepts when they have asked already."""
    contact = await desk.client.request_contact(check_username(name.removeprefix("@")))
    who = contact.person.display_name
    desk.say(f"You and {who} are friends now." if contact.relation == "friend" else f"Asked {who} to be friends.")


async def accept(desk: ActionContext, user: int) -> None:
    """Accept an incoming request."""
    contact = await desk.client.accept_contact(user)
    desk.say(f"You and {contact.person.display_name} are friends now.")


async def decline(desk: ActionContext, user: int) -> None:
    """Decline an incoming request, or take an own one back."""
    contact = desk.client.store.contacts.get(user)
    if contact is not None and contact.relation == "outgoing":
        await desk.client.remove_contact(user)
        desk.say("The request is taken back.")
    elif contact is not None and contact.relation == "incoming":
        await desk.client.decline_contact(user)
        desk.say("The request is declined.")
    else:
        raise ActionError("There is no request to decline.")


async def answer(desk: ActionContext, user: int) -> None:
    """Let the person say what to do with a request."""
    person = desk.client.store.person(user)
    choice = await desk.pick(
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
        await {"accept": accept, "decline": decline, "block": block}[choice](desk, user)


async def remove(desk: ActionContext, user: int) -> None:
    """End a friendship, or take back an own request."""
    contact = desk.client.store.contacts.get(user)
    name = desk.client.store.person(user).display_name
    if contact is None or contact.relation not in ("friend", "outgoing"):
        raise ActionError(f"{name} is not on your list.")
    if contact.relation == "friend" and not await desk.confirm(
        f"Remove {name} from your friends? The chat stays, but nobody can write in it.", "remove"
    ):
        return
    await desk.client.remove_contact(user)
    desk.say(f"{name} is no longer on your list.")


async def block(desk: ActionContext, user: int) -> None:
    """Block somebody; asks first when that ends a friendship."""
    contact = desk.client.store.contacts.get(user)
    name = desk.client.store.person(user).display_name
    if (
        contact is not None
        and contact.relation == "friend"
        and not await desk.confirm(f"Block {name}? That ends the friendship.", "block")
    ):
        return
    await desk.client.block(user)
    desk.say(f"{name} is blocked.")


async def unblock(desk: ActionContext, user: int) -> None:
    """End a block."""
    await desk.client.unblock(user)
    desk.say(f"{desk.client.store.person(user).display_name} is not blocked any more.")


async def toggle_block(desk: ActionContext, user: int) -> None:
    """Block, or unblock who is blocked."""
    contact = desk.client.store.contacts.get(user)
    blocked = contact is not None and contact.relation == "blocked"
    await (unblock if blocked else block)(desk, user)


async def write_to(desk: ActionContext, user: int, text: str = "") -> None:
    """Open the direct chat with a friend, and say ``text`` in it when there is one."""
    contact = desk.client.store.contacts.get(user)
    if contact is None or contact.relation != "friend":
        person = desk.client.store.person(user)
        held = next((c for c in desk.client.store.conversations.values() if c.peer == user), None)
        if held is None or text:
            ask = f" Ask first: /addcontact {person.username}" if person.username else ""
            raise ActionError(f"You can write to friends.{ask}")
        desk.open_conversation(held.conv)
        return
    conv = contact.conv
    if conv is None or conv not in desk.client.store.conversations:
        conv = (await desk.client.open_direct(user)).conv
    if text:
        desk.client.send(conv, with_emoji(text))
    desk.open_conversation(conv)


async def find_person(desk: ActionContext, name: str) -> Person:
    """Whom a person means by ``name`` or ``@name``: somebody known, else somebody the server finds."""
    name = name.removeprefix("@").strip().lower()
    if not name:
        raise ActionError("Say who: a user name.")
    store = desk.client.store
    for person in [*(contact.person for contact in store.contacts.values()), *store.people.values()]:
        if person.username == name:
            return person
    for person in await desk.client.search_users(name):
        if person.username == name:
            return person
    raise ActionError(f"Nobody here has the user name {name}.")


async def pick_friend(desk: ActionContext, title: str) -> int | None:
    """Let the person choose a friend."""
    friends = contacts(desk.client.store, "friend")
    if not friends:
        raise ActionError("You have no friends here yet: F2, then n, adds one.")
    options = [person_option(desk, contact.person) for contact in friends]
    choice = await desk.pick(Picker(title, options=options))
    return None if choice is None else int(choice)


def person_option(desk: ActionContext, person: Person) -> Option:
    """A person as something to choose."""
    presence = desk.client.store.presence(person.user)
    status = status_of(presence)
    known = person.user in desk.client.store.contacts and presence is not None
    return Option(
        str(person.user),
        f"{person.display_name} {person.username}",
        (
            (
                (f"{desk.glyphs.presence[status]} " if known else "  ", status or "dim"),
                (person.display_name, "strong"),
                (f"  @{person.username}", "dim"),
                (f"  {presence_words(presence)}" if known else "", "dim"),
            ),
        ),
    )
