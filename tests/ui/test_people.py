"""Friends, by key and by slash command, on a real server."""

from __future__ import annotations

import pytest

from mrccsc_tui.ui.widgets.sidebar import PersonKey, Sidebar
from tests.client.party import Party, befriend, direct, group, me, sees
from tests.ui.conftest import SIZES, Show, Stage
from tests.waiting import wait_until


def relation(stage: Stage, user: int) -> str:
    contact = stage.client.store.contacts.get(user)
    return contact.relation if contact is not None else "none"


async def cursor_on(stage: Stage, user: int) -> None:
    """Put the cursor of the left panel on somebody, as the arrows would."""
    if stage.main.panel != "sidebar":
        await stage.press("f2")
    sidebar = stage.main.query_one(Sidebar)
    await stage.until(lambda: any(row.key == PersonKey(user) for row in sidebar.rows), "the row")
    for _ in range(len(sidebar.rows)):
        await stage.press("k")
    for _ in range(len(sidebar.rows)):
        if sidebar.cursor == PersonKey(user):
            return
        await stage.press("j")
    raise AssertionError(f"the cursor cannot reach {user}")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_add_by_key(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    async with play(ann, size) as stage:
        await stage.press("f2", "n")
        await stage.type(me(bob).username)
        await stage.sees(f"@{me(bob).username}")
        await stage.press("enter")
        await stage.sees("Asked Bob to be friends.")
        await wait_until(lambda: bob.store.contacts, "the request arriving")
        assert [contact.relation for contact in bob.store.contacts.values()] == ["incoming"]
        await stage.until(lambda: relation(stage, me(bob).user) == "outgoing")


async def test_add_by_a_name_that_nobody_was_found_for(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.press("f2", "n")
        await stage.type("nobody.at.all")
        await stage.sees("Enter takes")
        await stage.press("enter")
        await stage.sees("There is no user of that name.")


async def test_add_by_command(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    async with play(ann) as stage:
        await stage.command(f"/addcontact {me(bob).username}")
        await stage.until(lambda: relation(stage, me(bob).user) == "outgoing")


@pytest.mark.parametrize("way", ["key", "command", "answer"])
async def test_accept(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    await bob.request_contact(me(ann).username)
    async with play(ann) as stage:
        await stage.until(lambda: relation(stage, me(bob).user) == "incoming")
        if way == "command":
            await stage.command("/accept")
        else:
            await cursor_on(stage, me(bob).user)
            await stage.sees("a accept")
            await stage.press(*(["a"] if way == "key" else ["enter", "enter"]))
        await stage.until(lambda: relation(stage, me(bob).user) == "friend", "the friendship")
        await stage.sees("You and Bob are friends now.")
        await stage.until(lambda: "a accept" not in stage.text, "no hint to accept again")


@pytest.mark.parametrize("way", ["key", "command"])
async def test_decline(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    await bob.request_contact(me(ann).username)
    async with play(ann) as stage:
        await stage.until(lambda: relation(stage, me(bob).user) == "incoming")
        if way == "command":
            await stage.command(f"/decline {me(bob).username}")
        else:
            await cursor_on(stage, me(bob).user)
            await stage.press("d")
        await stage.until(lambda: relation(stage, me(bob).user) == "none", "the declining")


async def test_take_a_request_back(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    await ann.request_contact(me(bob).username)
    async with play(ann) as stage:
        await cursor_on(stage, me(bob).user)
        await stage.press("d")
        await stage.until(lambda: relation(stage, me(bob).user) == "none", "the taking back")


@pytest.mark.parametrize("way", ["key", "command"])
async def test_remove_asks_first(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    async with play(ann) as stage:
        for answer, expected in (("escape", "friend"), ("enter", "none")):
            if way == "command":
                await stage.command(f"/removecontact {me(bob).username}")
            else:
                await cursor_on(stage, me(bob).user)
                await stage.press("x")
            await stage.sees("Remove Bob from your friends?")
            await stage.press(answer)
            await stage.until(lambda expected=expected: relation(stage, me(bob).user) == expected, expected)


@pytest.mark.parametrize("way", ["key", "command"])
async def test_block_and_unblock(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    async with play(ann) as stage:
        for word, expected in (("block", "blocked"), ("unblock", "none")):
            if way == "command":
                await stage.command(f"/{word} {me(bob).username}")
            else:
                await cursor_on(stage, me(bob).user)
                await stage.press("b")
            if word == "block":
                await stage.sees("That ends the friendship.")
                await stage.press("enter")
            await stage.until(lambda expected=expected: relation(stage, me(bob).user) == expected, expected)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_open_a_direct_chat_and_write(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.friends("ann", "bob")
    async with play(ann, size) as stage:
        await cursor_on(stage, me(bob).user)
        await stage.press("enter")
        await stage.until(lambda: stage.main.conv is not None, "the chat")
        await stage.type("hello")
        await stage.press("enter")
        conv = stage.main.conv
        await wait_until(lambda: conv in bob.store.conversations, "the conversation arriving")
        await sees(bob, conv, "hello")
        await stage.sees("You", "hello")


async def test_msg_opens_and_says(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    async with play(ann) as stage:
        await stage.command(f"/msg {me(bob).username} good morning")
        await stage.until(lambda: stage.main.conv is not None, "the chat")
        await sees(bob, stage.main.conv, "good morning")
        await stage.command("/chat @" + me(bob).username)
        await stage.until(lambda: stage.main.chat.conversation.peer == me(bob).user)


async def test_writing_to_a_stranger_says_what_to_do(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    async with play(ann) as stage:
        await stage.command(f"/msg {me(bob).username} hi")
        await stage.sees("You can write to friends.", f"/addcontact {me(bob).username}")
        assert stage.main.chat.composer.text == f"/msg {me(bob).username} hi", "what was typed comes back"


async def test_presence_is_shown_in_words_and_signs(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.sees("● ", "online")
        await bob.set_presence("away", "tea")
        await stage.sees("◐ ", "away: tea")
        await bob.set_presence("dnd")
        await stage.sees("◆ ", "do not disturb")
        await bob.logout()
        await stage.sees("○ ", "offline")


async def test_a_request_is_announced(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    async with play(ann) as stage:
        await bob.request_contact(me(ann).username)
        await stage.sees("wants to add you (F2)", "1 request")


async def test_names_of_peers_are_never_markup(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    await bob.set_display_name("[red]B[/red] [@click=app.quit]o[/]")
    await befriend(ann, bob)
    async with play(ann) as stage:
        await stage.sees("[red]B[/red]")
        await stage.press("ctrl+g")
        await stage.sees("[red]B[/red]")


async def test_a_name_that_is_no_good_as_markup_is_a_name(party: Party, play: Show) -> None:
    """It was the end of the client, at each start again."""
    ann, bob, cy = await party.person("ann"), await party.person("bob"), await party.person("cy")
    await befriend(ann, bob)
    conv = await direct(ann, bob)
    other = await group(bob, ann, title="a[/b]")
    await bob.set_display_name("[/]")
    await cy.set_display_name("[/x]")
    async with play(ann) as stage:
        await cy.request_contact(me(ann).username)
        await stage.sees("wants to add you (F2)")
        await stage.opens(conv)
        await stage.sees("Message [/]")
        await stage.opens(other)
        await stage.sees("Message a[/b]")
        await stage.press("ctrl+f")
        await stage.sees("a[/b]")
        await stage.press("escape")
        await cursor_on(stage, me(cy).user)
        await stage.press("enter")
        await stage.sees("[/x]")


async def test_a_click_beside_a_name_does_not_what_the_name_says(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    await bob.set_display_name("[@click=screen.help]Bob")
    async with play(ann) as stage:
        stage.main.open_conversation(conv)
        await stage.sees("Message [@click")
        for column in range(2, 30, 4):
            assert (
                stage.app.screen.get_style_at(column, stage.main.chat.composer.region.y + 1).meta.get("@click") is None
            )
            await stage.pilot.click(stage.main.chat.composer, offset=(column, 1))
        assert stage.app.screen is stage.main
