"""What is done to a message, and looking for one."""

from __future__ import annotations

import asyncio
import subprocess
import webbrowser

from mrccsc_shared.text import check_emoji
from mrccsc_tui.state.models import Message, Pending
from mrccsc_tui.ui.action_context import ActionContext, ActionError, open_chat
from mrccsc_tui.ui.emoji import COMMON, NAMES, as_emoji
from mrccsc_tui.ui.screens.picker import Option, Page, Picker
from mrccsc_tui.ui.widgets.timeline.marks import links
from mrccsc_tui.ui.widgets.timeline.wrap import clip
from mrccsc_tui.ui.words import moment


def meant(context: ActionContext, *, own: bool = False) -> Message:
    """The message that a command is about: the selected one, else the last of the conversation (the last own one)."""
    if isinstance(context.selected, Message):
        return context.selected
    conversation = open_chat(context)
    store = context.client.store
    for row in reversed(store.timeline(conversation.conv)):
        if isinstance(row, Message) and not row.deleted and (not own or (store.me and row.by == store.me.user)):
            return row
    raise ActionError("You have said nothing here yet." if own else "There is no message here yet.")


def is_own(context: ActionContext, message: Message) -> bool:
    """Whether the person wrote it."""
    me = context.client.store.me
    return me is not None and me.user == message.by


def begin_edit(context: ActionContext, message: Message) -> None:
    """Put an own message into the composer."""
    if not is_own(context, message):
        raise ActionError("You can edit your own messages only.")
    if message.deleted:
        raise ActionError("That message is deleted.")
    context.begin_edit(message)


async def delete(context: ActionContext, message: Message) -> None:
    """Delete a message, after asking."""
    conversation = context.client.store.conversations.get(message.conv)
    manages = conversation is not None and conversation.role in ("owner", "admin")
    if not is_own(context, message) and not manages:
        raise ActionError("You can delete your own messages only.")
    if message.deleted:
        raise ActionError("That message is deleted already.")
    if await context.confirm(f'Delete for everybody? "{clip(message.text, 120, context.glyphs.ellipsis)}"', "delete"):
        context.client.delete(message.conv, message.seq)


async def ask_for_reaction(context: ActionContext, message: Message) -> None:
    """Let the person choose an emoji, or type any."""
    there = [
        Option(r.raw, r.emoji, (((f"{r.emoji} {len(r.users)}", "strong"), ("  is there", "dim")),))
        for r in message.reactions
    ]
    raw = {reaction.raw for reaction in message.reactions}
    common = [
        Option(emoji, f"{name} {emoji}", (((f"{emoji}  ", "strong"), (name, "dim")),))
        for name, emoji in [*((name, NAMES[name]) for name in COMMON), *NAMES.items()]
        if emoji not in raw
    ]
    options = list({option.key: option for option in [*there, *common]}.values())
    choice = await context.pick(Picker("React", "a name, or any emoji", options=options, free=True))
    if choice is not None:
        react(context, message, choice.removeprefix("=") if choice != "=" else choice)


def react(context: ActionContext, message: Message, emoji: str) -> None:
    """Set an emoji, or take it back. ``emoji`` may be a ``:name:``."""
    if message.deleted:
        raise ActionError("That message is deleted.")
    context.client.react(message.conv, message.seq, check_emoji(as_emoji(emoji)))


def quote(context: ActionContext, message: Message | Pending) -> None:
    """Put the text into the composer as a quotation."""
    context.type_text("".join(f"> {line}\n" for line in message.text.splitlines()))


async def open_link(context: ActionContext, message: Message | Pending) -> None:
    """Open the first link of a message."""
    found = links(message.text)
    if not found:
        raise ActionError("There is no link in that message.")
    await open_url(context, found[0])


async def open_url(context: ActionContext, url: str) -> None:
    """Open a link in a browser with a window of its own. Where none can be, the link is copied, and the person told."""
    if not await asyncio.to_thread(_opened, url):
        context.copy(url)
        context.say(f"No browser could be opened here: paste the link where there is one.\n{url}")


_ON_THE_TERMINAL = {"www-browser", "links", "elinks", "lynx", "w3m"}
"""Browsers that would take the terminal from the client: those that ``webbrowser`` knows."""

_SOON = 5.0
"""Seconds after which a program that has not failed counts as a browser that is open."""


def _opened(url: str) -> bool:
    try:
        browser = webbrowser.get()
        if browser.basename in _ON_THE_TERMINAL:
            return False
        if isinstance(browser, webbrowser.GenericBrowser):
            # A helper, or what $BROWSER names: without the terminal it can neither write over the screen nor take keys.
            return _run_aside([browser.name, *(part.replace("%s", url) for part in browser.args)])
        return browser.open(url)
    except (webbrowser.Error, OSError):
        return False


def _run_aside(command: list[str]) -> bool:
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - the user's own browser, without a shell
        command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        return process.wait(_SOON) == 0
    except subprocess.TimeoutExpired:
        return True


def last_failed(context: ActionContext) -> Pending:
    """What was refused last in the open conversation."""
    if isinstance(context.selected, Pending) and context.selected.state == "failed":
        return context.selected
    for pending in reversed(context.client.store.pending(open_chat(context).conv)):
        if pending.state == "failed":
            return pending
    raise ActionError("Nothing has failed here.")


def failed_about(context: ActionContext, item: Message | Pending) -> list[Pending]:
    """What failed and is, or is about, this message."""
    if isinstance(item, Pending):
        return [item] if item.state == "failed" else []
    return [act for act in context.client.store.pending(item.conv) if act.state == "failed" and act.target == item.seq]


def retry(context: ActionContext, pending: Pending) -> None:
    """Try a failed act again."""
    context.client.retry(pending.cid)


def discard(context: ActionContext, pending: Pending) -> None:
    """Forget a failed act; what was typed comes back into the composer."""
    context.client.discard(pending.cid)
    if pending.kind in ("send", "edit"):
        context.type_text(pending.text)


async def search(context: ActionContext, conv: int | None, query: str = "") -> None:
    """Search one conversation or all, and go to what is chosen."""

    async def find(words: str, cursor: str | None) -> Page:
        if not words.strip():
            return Page(())
        page = await context.client.search(words, conv=conv, cursor=cursor)
        return Page([_hit(context, hit, words, everywhere=conv is None) for hit in page.hits], page.cursor)

    conversation = None if conv is None else context.client.store.conversations.get(conv)
    title = "Search everywhere" if conversation is None else f"Search in {conversation.title}"
    choice = await context.pick(
        Picker(title, "words to look for", search=find, query=query, empty="no message has all of that")
    )
    if choice is not None:
        where, seq = choice.split(":")
        context.open_conversation(int(where), seq=int(seq))


def _hit(context: ActionContext, hit: Message, words: str, *, everywhere: bool) -> Option:
    store = context.client.store
    conversation = store.conversations.get(hit.conv)
    author = "You" if is_own(context, hit) else store.person(hit.by).display_name
    place = ""
    if everywhere and conversation is not None and conversation.kind == "group":
        place = f" in {conversation.title}"
    elif everywhere and conversation is not None and is_own(context, hit):
        place = f" to {conversation.title}"
    head = ((author, "strong"), (place, "dim"), (f"  {moment(hit.at, context.zone)}", "dim"))
    return Option(f"{hit.conv}:{hit.seq}", hit.text, (head, _snippet(hit.text, words), ((" ", "dim"),)))


_LEAD = 32
"""Characters before the first word found up to which a text is shown from its beginning."""


def _snippet(text: str, words: str) -> tuple[tuple[str, str], ...]:
    """One line of the text around the first word found, with the words marked."""
    flat = " ".join(text.split())
    low = flat.casefold()
    wanted = [word for word in words.casefold().split() if word]
    first = min((place for word in wanted if (place := low.find(word)) >= 0), default=0)
    begin = 0 if first < _LEAD else flat.rfind(" ", 0, first - _LEAD // 2) + 1
    shown = flat[begin : begin + 160]
    pieces: list[tuple[str, str]] = [("  ", "dim")]
    at = 0
    folded = shown.casefold()
    if len(folded) != len(shown):
        return (*pieces, (shown, "text"))
    while at < len(shown):
        found = [(place, word) for word in wanted if (place := folded.find(word, at)) >= 0]
        if not found:
            break
        place, word = min(found)
        pieces += [(shown[at:place], "text"), (shown[place : place + len(word)], "match")]
        at = place + len(word)
    pieces.append((shown[at:], "text"))
    return tuple(piece for piece in pieces if piece[0])
