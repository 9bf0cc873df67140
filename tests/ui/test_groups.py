"""Groups, by key and by slash command, on a real server."""

from __future__ import annotations

import pytest

from mrccsc_tui.link.errors import LineLost
from mrccsc_tui.link.transport import Address, Transport, dial
from mrccsc_tui.ui.widgets.members import Members
from mrccsc_tui.ui.widgets.sidebar import ConvKey, PersonKey, Sidebar
from tests.client.party import Party, befriend, group, me
from tests.ui.conftest import SIZES, Show, Stage
from tests.waiting import wait_until

BOTH = pytest.mark.parametrize("way", ["key", "command"])


async def on_group(stage: Stage, conv: int) -> None:
    """Put the cursor of the left panel on a group."""
    await stage.until(lambda: conv in stage.client.store.conversations, "the group")
    if stage.main.panel != "sidebar":
        await stage.press("f2")
    sidebar = stage.main.query_one(Sidebar)
    await stage.until(lambda: any(row.key == ConvKey(conv) for row in sidebar.rows), "the row")
    for _ in range(len(sidebar.rows)):
        await stage.press("up")
    for _ in range(len(sidebar.rows)):
        if sidebar.cursor == ConvKey(conv):
            return
        await stage.press("down")
    raise AssertionError("the cursor cannot reach the group")


async def on_member(stage: Stage, user: int) -> None:
    """Put the cursor of the right panel on a member."""
    members = stage.main.query_one(Members)
    await stage.until(lambda: any(row.key == PersonKey(user) for row in members.rows), "the member")
    if stage.main.panel != "members":
        await stage.press("f3")
    for _ in range(len(members.rows)):
        await stage.press("k")
    for _ in range(len(members.rows)):
        if members.cursor == PersonKey(user):
            return
        await stage.press("j")
    raise AssertionError("the cursor cannot reach the member")


def roles(stage: Stage, conv: int) -> dict[int, str]:
    return {user: member.role for user, member in (stage.client.store.members(conv) or {}).items()}


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_create_by_key(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann = await party.person("ann")
    async with play(ann, size) as stage:
        await stage.press("f2", "c")
        await stage.sees("Create a group")
        await stage.press("enter")
        await stage.sees("Title is needed.")
        await stage.type("tea")
        await stage.press("tab")
        await stage.type("green or black")
        await stage.press("tab", "space")
        await stage.sees("< private: by invitation >")
        await stage.press("enter")
        await stage.until(lambda: stage.main.conv is not None, "the group")
        made = stage.main.chat.conversation
        assert (made.title, made.topic, made.visibility, made.role) == ("tea", "green or black", "private", "owner")
        await stage.sees("tea", "You created the group")


async def test_create_by_command(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        for text, visibility in (("/creategroup open house", "public"), ("/creategroup private attic", "private")):
            await stage.command(text)
            title = text.split(" ", 1)[1].removeprefix("private ")
            await stage.until(lambda title=title: stage.main.conv and stage.main.chat.conversation.title == title)
            assert stage.main.chat.conversation.visibility == visibility


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_find_and_join_by_key(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    made = await bob.create_group(f"chess {size}", "Tuesdays", "public")
    async with play(ann, size) as stage:
        await stage.press("f2", "f")
        await stage.type(f"ess {size}")
        await stage.until(lambda: "Tuesdays" in stage.text, "the group being found")
        await stage.press("enter")
        await stage.until(lambda: stage.main.conv == made.conv, "the group")
        await stage.sees("You joined")


async def test_join_by_command(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    made = await bob.create_group("go club", None, "public")
    async with play(ann) as stage:
        await stage.command("/joingroup Go Club")
        await stage.until(lambda: stage.main.conv == made.conv, "the group")
        await stage.command("/groupchat go club")
        await stage.until(lambda: stage.main.conv == made.conv)


async def test_join_what_does_not_exist(party: Party, play: Show) -> None:
    ann = await party.person("ann")
    async with play(ann) as stage:
        await stage.command("/joingroup no such group anywhere")
        await stage.sees("Public groups", "no public group has that")


@BOTH
async def test_leave(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(bob, ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        if way == "command":
            await stage.command("/leave")
        else:
            await on_group(stage, conv)
            await stage.press("x")
        await stage.sees("Leave tea?")
        await stage.press("enter")
        await stage.until(lambda: conv not in stage.client.store.conversations, "having left")
        await stage.until(lambda: stage.main.conv is None, "the chat closing")
        await stage.sees("Welcome")


@BOTH
async def test_invite(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        if way == "command":
            await stage.command(f"/invite {me(bob).username}")
        else:
            await on_group(stage, conv)
            await stage.press("i")
            await stage.sees("Invite to tea", "Bob")
            await stage.press("enter")
        await wait_until(lambda: conv in bob.store.conversations, "the invitation arriving")
        await stage.sees("You added Bob")


@BOTH
@pytest.mark.parametrize("what", ["kick", "ban"])
async def test_kick_and_ban(party: Party, play: Show, way: str, what: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        if way == "command":
            await stage.command(f"/{what} {me(bob).username}")
        else:
            await on_member(stage, me(bob).user)
            await stage.press("x" if what == "kick" else "b")
        await stage.sees(f"{'Remove' if what == 'kick' else 'Ban'} Bob from tea?")
        assert "They may come back." not in stage.text, "the group is private"
        await stage.press("enter")
        await wait_until(lambda: conv not in bob.store.conversations, "Bob being out")
        await stage.sees("You removed Bob" if what == "kick" else "You banned Bob")


@BOTH
async def test_unban(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    made = await ann.create_group(f"pool {way}", None, "public")
    await ann.ban(made.conv, me(bob).user)
    async with play(ann) as stage:
        await stage.opens(made.conv)
        if way == "command":
            await stage.command(f"/unban {me(bob).username}")
        else:
            await on_member(stage, me(ann).user if ann.store.me else 0)
            await stage.press("u")
            await stage.type(me(bob).username)
            await stage.sees(f"@{me(bob).username}")
            await stage.press("enter")
        await stage.sees("Bob may join again.")
        await bob.join_group(made.conv)


@BOTH
async def test_role(party: Party, play: Show, way: str) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.until(lambda: me(bob).user in roles(stage, conv), "the members")
        if way == "command":
            await stage.command(f"/role {me(bob).username} admin")
        else:
            await on_member(stage, me(bob).user)
            await stage.press("r")
            await stage.sees("Role of Bob")
            await stage.press("down", "enter")
        await stage.until(lambda: roles(stage, conv).get(me(bob).user) == "admin", "the role")
        await stage.sees("You made Bob an admin")


async def test_hand_over(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(ann, bob)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.command(f"/role {me(bob).username} owner")
        await stage.sees("Hand tea over to Bob?")
        await stage.press("enter")
        await stage.until(lambda: stage.main.chat.conversation.role == "admin", "the handing over")


@BOTH
async def test_title_topic_and_visibility(party: Party, play: Show, way: str) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        if way == "command":
            for text in ("/title coffee", "/topic how strong?", "/visibility public"):
                await stage.command(text)
        else:
            await on_group(stage, conv)
            await stage.press("t")
            await stage.sees("Group tea")
            await stage.press("end", *["backspace"] * 3)
            await stage.type("coffee")
            await stage.press("tab")
            await stage.type("how strong?")
            await stage.press("tab", "space", "enter")

        def facts() -> tuple[str, str, str | None]:
            conversation = stage.client.store.conversations[conv]
            return conversation.title, conversation.topic, conversation.visibility

        await stage.until(lambda: facts() == ("coffee", "how strong?", "public"), "the change")
        await stage.sees("# coffee", "how strong?", "public")
        await stage.command("/topic -")
        await stage.until(lambda: facts()[1] == "", "the topic going")


@BOTH
async def test_mute(party: Party, play: Show, way: str) -> None:
    ann = await party.person("ann")
    conv = await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        for muted in (True, False):
            if way == "command":
                await stage.command("/mute" if muted else "/unmute")
            else:
                await on_group(stage, conv)
                await stage.press("m")
            await stage.until(
                lambda muted=muted: stage.client.store.conversations[conv].muted == muted, f"muted: {muted}"
            )


async def test_members_panel(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    cleo = await party.person("cleo")
    made = await bob.create_group("band", None, "public")
    await cleo.join_group(made.conv)
    await ann.join_group(made.conv)
    async with play(ann) as stage:
        await stage.opens(made.conv)
        await stage.command("/members")
        await stage.sees("OWNER", "MEMBERS 2", "Cleo")
        await on_member(stage, me(cleo).user)
        await stage.press("n")
        await stage.sees("Asked Cleo to be friends.")
        await on_member(stage, me(bob).user)
        await stage.press("enter")
        await stage.until(lambda: stage.main.chat.conversation.peer == me(bob).user, "the direct chat")


async def test_what_a_member_may_not_do_is_said(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(bob, ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.command("/title mine now")
        await stage.sees("may")
        assert stage.main.chat.composer.text == "/title mine now"


@pytest.mark.parametrize("panel", ["f2", "f3"])
async def test_names_use_the_width_of_a_narrow_terminal(party: Party, play: Show, panel: str) -> None:
    ann = await party.person("ann")
    bob = await party.person("bob")
    await bob.set_display_name("Bob of the very long family name")
    await befriend(ann, bob)
    conv = await group(ann, bob)
    async with play(ann, (60, 20)) as stage:
        await stage.opens(conv)
        await stage.until(lambda: stage.client.store.members(conv), "the members")
        await stage.press(panel)
        await stage.sees("Bob of the very long family name")


async def test_being_removed_closes_the_chat(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(bob, ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await bob.remove_member(conv, me(ann).user if ann.store.me else stage.client.store.me.user)
        await stage.until(lambda: stage.main.conv is None, "the chat closing")
        await stage.sees('Bob removed you from "tea".')


class Cable:
    """A way to the server that can be cut."""

    def __init__(self) -> None:
        self._lines: list[Transport] = []
        self._whole = True

    async def dial(self, address: Address) -> Transport:
        if not self._whole:
            raise LineLost("The cable is cut.")
        self._lines.append(await dial(address))
        return self._lines[-1]

    def cut(self) -> None:
        self._whole = False
        for line in self._lines:
            line.close()

    def mend(self) -> None:
        self._whole = True


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_what_cannot_be_sent_any_more_is_told_and_kept(party: Party, play: Show, size: tuple[int, int]) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await group(bob, ann, title="2024 planning")
    cable = Cable()
    async with play(ann, size, connect=cable.dial) as stage:
        await stage.opens(conv)
        cable.cut()
        await stage.until(lambda: not stage.client.status.online, "being offline")
        await stage.command("first words")
        await stage.command("second words")
        await stage.sees("2 messages waiting")
        await stage.type("half a thought")
        await bob.remove_member(conv, me(ann).user)
        cable.mend()
        stage.client.reconnect_now()
        await stage.until(lambda: stage.main.conv is None, "the chat closing")
        await stage.sees('no longer in "2024 planning"; 2', "not sent. Ctrl+↑")
        for words in ("half a thought", "second words", "first words"):
            await stage.press("ctrl+up")
            assert stage.main.chat.composer.text == words
        await bob.invite(conv, me(ann).user)
        await stage.opens(conv)
        assert stage.main.chat.composer.text == "first words\nsecond words\nhalf a thought"


async def test_who_left_before_one_came_is_a_former_member(party: Party, play: Show) -> None:
    ann, bob = await party.person("ann"), await party.person("bob")
    cleo = await party.person("cleo")
    conv = (await ann.create_group("history", visibility="public")).conv
    await bob.join_group(conv)
    bob.send(conv, "I was here")
    await wait_until(lambda: not bob.store.pendings, "being stored")
    await bob.leave_group(conv)
    async with play(cleo) as stage:
        await stage.client.join_group(conv)
        await stage.opens(conv)
        await stage.sees("a former member", "I was here", "A former member left")
        assert "user-" not in stage.text
