"""The person's own account: presence, name, devices, the look of the client."""

from __future__ import annotations

from typing import cast

from mrccsc_shared.messages.presence import ChosenStatus
from mrccsc_shared.text import check_name, check_password
from mrccsc_tui.ui.action_context import ActionContext, ActionError
from mrccsc_tui.ui.glyphs import PRESENCE_WORDS
from mrccsc_tui.ui.screens.forms import Field
from mrccsc_tui.ui.screens.picker import Option, Picker
from mrccsc_tui.ui.words import moment


async def set_presence(context: ActionContext, status: str, text: str = "") -> None:
    """Choose how one is seen."""
    await context.client.set_presence(cast(ChosenStatus, status), text)
    words = "invisible: friends see you as offline" if status == "invisible" else PRESENCE_WORDS[status]
    context.say(f"You are {words}{f' ({text})' if text else ''}.")


async def ask_for_presence(context: ActionContext) -> None:
    """Let the person choose how to be seen."""
    values = await context.fill(
        "How others see you",
        [
            Field("status", "Status", choices=("online", "away", "dnd", "invisible")),
            Field("text", "In words", placeholder="optional"),
        ],
        "set",
    )
    if values is not None:
        await set_presence(context, values["status"], values["text"])


def describe(context: ActionContext) -> None:
    """Say who one is and how the line stands."""
    client = context.client
    me = client.store.me
    who = f"{me.display_name} (@{me.username}), " if me is not None else ""
    context.say(f"{who}{client.status.words(client.now())}.")


async def rename(context: ActionContext, name: str) -> None:
    """Change the display name."""
    await context.client.set_display_name(check_name(name))
    context.say(f"Others see you as {name}.")


async def ask_for_password(context: ActionContext) -> None:
    """Change the password."""
    values = await context.fill(
        "Change the password",
        [
            Field("old", "Now", secret=True, required=True),
            Field("new", "New", secret=True, required=True, check=check_password),
            Field("again", "Once more", secret=True, required=True),
        ],
        "change",
    )
    if values is None:
        return
    if values["new"] != values["again"]:
        raise ActionError("The two new passwords differ; nothing was changed.")
    await context.client.change_password(values["old"], values["new"])
    context.say("The password is changed; your other devices are signed out.")


async def ask_for_devices(context: ActionContext) -> None:
    """Show the devices that are signed in; choosing one signs it out."""
    sessions = await context.client.sessions()
    options = [
        Option(
            str(session.session),
            session.device,
            (
                (
                    (session.device or "unnamed", "strong"),
                    ("  this one" if session.current else "", "online"),
                ),
                ((f"  last seen {moment(session.last_seen, context.zone)}", "dim"),),
            ),
        )
        for session in sessions
    ]
    choice = await context.pick(Picker("Your devices", "Enter signs one out", options=options))
    chosen = next((session for session in sessions if str(session.session) == choice), None)
    if chosen is None:
        return
    if chosen.current:
        await logout(context)
    elif await context.confirm(f"Sign out {chosen.device or 'that device'}?", "sign out"):
        await context.client.revoke_session(chosen.session)
        context.say("That device is signed out.")


async def logout(context: ActionContext) -> None:
    """End the session on this device, after asking."""
    waiting = context.client.status.waiting
    question = "Log out on this device? What is stored here of your chats is deleted."
    if waiting:
        question += f" {waiting} unsent message{'s' if waiting > 1 else ''} will be lost."
    if await context.confirm(question, "log out"):
        await context.client.logout()


async def ask_for_theme(context: ActionContext) -> None:
    """Let the person choose a theme, with a look at each."""
    names = context.theme_names
    current = names[0]
    options = [Option(name, name, (((name, "strong"),),)) for name in names]
    choice = await context.pick(Picker("Theme", options=options, preview=context.set_theme))
    context.set_theme(choice or current)
