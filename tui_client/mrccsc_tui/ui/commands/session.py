"""Slash commands about oneself and the client."""

from __future__ import annotations

from mrccsc_tui.ui.action_context import ActionContext
from mrccsc_tui.ui.acts import session
from mrccsc_tui.ui.commands.row import Command, needed


async def _help(context: ActionContext, words: str) -> None:
    context.show_help(words.removeprefix("/"))


async def _away(context: ActionContext, words: str) -> None:
    await session.set_presence(context, "away", words)


async def _back(context: ActionContext, words: str) -> None:
    await session.set_presence(context, "online", words)


async def _dnd(context: ActionContext, words: str) -> None:
    await session.set_presence(context, "dnd", words)


async def _invisible(context: ActionContext, words: str) -> None:
    del words
    await session.set_presence(context, "invisible")


async def _status(context: ActionContext, words: str) -> None:
    if words:
        mine = context.client.store.my_presence
        status = mine.status if mine is not None and mine.status in ("away", "dnd") else "online"
        await session.set_presence(context, status, words)
    else:
        session.describe(context)


async def _presence(context: ActionContext, words: str) -> None:
    del words
    await session.ask_for_presence(context)


async def _nick(context: ActionContext, words: str) -> None:
    await session.rename(context, needed(words, "/nick NAME"))


async def _password(context: ActionContext, words: str) -> None:
    del words
    await session.ask_for_password(context)


async def _devices(context: ActionContext, words: str) -> None:
    del words
    await session.ask_for_devices(context)


async def _theme(context: ActionContext, words: str) -> None:
    if words:
        context.set_theme(words)
    else:
        await session.ask_for_theme(context)


async def _reconnect(context: ActionContext, words: str) -> None:
    del words
    context.client.reconnect_now()


async def _logout(context: ActionContext, words: str) -> None:
    del words
    await session.logout(context)


async def _quit(context: ActionContext, words: str) -> None:
    del words
    context.quit()


ROWS = (
    Command("help", "/help [COMMAND]", "Keys and commands", _help, "yourself", ("h",), "command"),
    Command("away", "/away [TEXT]", "Show yourself as away", _away, "yourself"),
    Command("back", "/back [TEXT]", "Show yourself as online", _back, "yourself"),
    Command("dnd", "/dnd [TEXT]", "Show that you do not want to be disturbed", _dnd, "yourself"),
    Command("invisible", "/invisible", "Look offline", _invisible, "yourself"),
    Command("status", "/status [TEXT]", "Say how the line stands, or set your status text", _status, "yourself"),
    Command("presence", "/presence", "Choose how others see you", _presence, "yourself"),
    Command("nick", "/nick NAME", "Change your display name", _nick, "yourself"),
    Command("password", "/password", "Change your password", _password, "yourself"),
    Command("devices", "/devices", "Your signed-in devices; sign one out", _devices, "yourself"),
    Command("theme", "/theme [NAME]", "Choose the colours", _theme, "yourself", wants="theme"),
    Command("reconnect", "/reconnect", "Try to connect now", _reconnect, "yourself"),
    Command("logout", "/logout", "Log out on this device", _logout, "yourself"),
    Command("quit", "/quit", "End the program", _quit, "yourself", ("exit", "q")),
)
