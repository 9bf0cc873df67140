"""Slash commands about oneself and the client."""

from __future__ import annotations

from mrccsc_tui.ui.action_context import ActionContext
from mrccsc_tui.ui.acts import session
from mrccsc_tui.ui.commands.row import Command, needed


async def _help(desk: ActionContext, words: str) -> None:
    desk.show_help(words.removeprefix("/"))


async def _away(desk: ActionContext, words: str) -> None:
    await session.set_presence(desk, "away", words)


async def _back(desk: ActionContext, words: str) -> None:
    await session.set_presence(desk, "online", words)


async def _dnd(desk: ActionContext, words: str) -> None:
    await session.set_presence(desk, "dnd", words)


async def _invisible(desk: ActionContext, words: str) -> None:
    del words
    await session.set_presence(desk, "invisible")


async def _status(desk: ActionContext, words: str) -> None:
    if words:
        mine = desk.client.store.my_presence
        status = mine.status if mine is not None and mine.status in ("away", "dnd") else "online"
        await session.set_presence(desk, status, words)
    else:
        session.describe(desk)


async def _presence(desk: ActionContext, words: str) -> None:
    del words
    await session.ask_for_presence(desk)


async def _nick(desk: ActionContext, words: str) -> None:
    await session.rename(desk, needed(words, "/nick NAME"))


async def _password(desk: ActionContext, words: str) -> None:
    del words
    await session.ask_for_password(desk)


async def _devices(desk: ActionContext, words: str) -> None:
    del words
    await session.ask_for_devices(desk)


async def _theme(desk: ActionContext, words: str) -> None:
    if words:
        desk.set_theme(words)
    else:
        await session.ask_for_theme(desk)


async def _reconnect(desk: ActionContext, words: str) -> None:
    del words
    desk.client.reconnect_now()


async def _logout(desk: ActionContext, words: str) -> None:
    del words
    await session.logout(desk)


async def _quit(desk: ActionContext, words: str) -> None:
    del words
    desk.quit()


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
