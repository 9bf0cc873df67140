"""``mrccsc-tui tail [--json] [TARGET]``: print what is said from now on.

Every message begins a line with its time. Further lines of it begin with spaces, and the first name in angle brackets
is its author's, so that no text and no title looks like another message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.scripts.session import conversation_of, password_for, run_script, say, signed_in, until
from mrccsc_tui.state.changes import (
    Change,
    ConversationAdded,
    ConversationGone,
    EntriesAppended,
    SignedIn,
    StatusChanged,
    TailRestarted,
)
from mrccsc_tui.state.models import Amendment, Entry, Message, Notice
from mrccsc_tui.state.wire import dump_entry

AGAIN = 5.0
"""Seconds until what was missed is asked for again where that has failed."""

_NEXT_LINE = "\n" + " " * len("00:00 ")
_NO_AUTHOR = str.maketrans("<>", "‹›")
"""Peers choose titles and display names, and may choose what looks like an author."""


def tail(profile: Profile, target: str | None, *, as_json: bool, count: int | None) -> int:
    """Print until interrupted, or until ``count`` messages are printed. The result is an exit code."""
    return run_script(lambda: _tail(profile, target, as_json, count))


async def _tail(profile: Profile, target: str | None, as_json: bool, count: int | None) -> None:
    async with signed_in(profile, await password_for(profile)) as client:
        only = None if target is None else (await conversation_of(client, target)).conv
        printer = Printer(client, only, as_json=as_json, count=count)
        await printer.run()
        if not printer.done:
            raise RequestError("unauthenticated", client.status.reason or "The session is over.")


class Printer:
    """Prints each entry once, in the order of its conversation, also those that came while the line was down.

    When these are more than a server hands over by itself, they are read page by page; what could not be read is told
    on standard error. A conversation that one was let into meanwhile is printed from that moment on.
    """

    def __init__(self, client: ChatClient, only: int | None, *, as_json: bool, count: int | None) -> None:
        self._client = client
        self._only = only
        self._as_json = as_json
        self._left = count
        self._listening = False
        self._failure: OSError | None = None
        self._told = {conv: one.cursor for conv, one in client.store.conversations.items()}
        """The seq up to which each conversation is printed."""
        self._behind: dict[int, None] = {}
        """Conversations of which something was missed. All of them is read from the server, until it is made up for."""
        self._another_log = False
        """Whether the conversations of a store that was set back are still being listed: none of these is new."""

    @property
    def done(self) -> bool:
        """As much is printed as was wanted."""
        return self._left is not None and self._left <= 0

    async def run(self) -> None:
        """Return when it is done, or the session is over. Raises ``OSError`` when nothing can be printed any more."""
        unsubscribe = self._client.subscribe(self._follow)
        try:
            self._tell_how_it_stands()
            while not self._over():
                await until(self._client, lambda: self._over() or self._can_catch_up(), None)
                if not await self._catch_up():
                    await until(self._client, self._over, AGAIN)
        finally:
            unsubscribe()
        if self._failure is not None:
            raise self._failure

    def _over(self) -> bool:
        return self.done or self._failure is not None or self._client.status.phase == "stopped"

    def _can_catch_up(self) -> bool:
        return bool(self._behind) and self._client.status.online

    # -- what comes by itself ---------------------------------------------------------------------------------------

    def _follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case StatusChanged():
                    self._tell_how_it_stands()
                case SignedIn(reset=True):
                    # The numbers are those of another log; what follows its heads comes by itself.
                    self._told = {conv: one.cursor for conv, one in self._client.store.conversations.items()}
                    self._behind.clear()
                    self._another_log = True
                case ConversationAdded(conv=conv) if self._wanted(conv) and not self._another_log:
                    held = self._client.store.conversations.get(conv)
                    # The first entry of all says that it was made.
                    if held is not None and conv not in self._told and held.cursor >= max(held.start, 2):
                        self._behind[conv] = None
                case ConversationGone(conv=conv):
                    self._told.pop(conv, None)
                    self._behind.pop(conv, None)
                case TailRestarted(conv=conv) if self._wanted(conv):
                    held = self._client.store.conversations.get(conv)
                    if held is not None and self._told.get(conv, held.cursor) < held.cursor:
                        self._behind[conv] = None
                case EntriesAppended(conv=conv) if self._wanted(conv):
                    self._take(change)
        self._another_log = self._another_log and self._client.store.listing is not None

    def _wanted(self, conv: int) -> bool:
        return self._only in (None, conv)

    def _take(self, grown: EntriesAppended) -> None:
        if grown.conv in self._behind:
            return
        told = self._told.setdefault(grown.conv, grown.first - 1)
        if grown.first > told + 1:
            self._behind[grown.conv] = None
            return
        self._print(entry for entry in grown.entries if entry.seq > told)
        self._told[grown.conv] = max(told, grown.last)

    def _tell_how_it_stands(self) -> None:
        """Say so on standard error when it begins to listen, or stops for a while."""
        status = self._client.status
        if status.online and not self._listening:
            say("listening")
        elif status.phase == "offline" and self._listening:
            say(f"offline. {status.reason or ''}")
        else:
            return
        self._listening = status.online

    # -- what was missed --------------------------------------------------------------------------------------------

    async def _catch_up(self) -> bool:
        """Print what was missed; ``False`` when the rest has to be tried again."""
        while self._behind and not self._over():
            conv = next(iter(self._behind))
            try:
                await self._read_on(conv)
            except RequestError as error:
                if error.retryable or error.code in {"offline", "no_answer"}:
                    return False
                if conv in self._behind:
                    title = self._client.store.conversations[conv].title
                    say(f"{title}: messages were missed, and cannot be read: {error}")
                    del self._behind[conv]
                    self._told.pop(conv, None)
        return True

    async def _read_on(self, conv: int) -> None:
        # Who said what was missed may not be known by name.
        await self._client.load_members(conv)
        if conv not in self._told:
            before = await self._before_joining(conv)
            if conv in self._behind:
                self._told[conv] = before
        while conv in self._behind and not self._over():
            page = await self._client.load_after(conv, self._told[conv])
            if conv not in self._behind:
                return
            self._print(page)
            if page:
                self._told[conv] = page[-1].seq
            if not page or page[-1].seq >= self._client.store.conversations[conv].cursor:
                # What came meanwhile is in the page, what comes from now on comes by itself.
                del self._behind[conv]

    async def _before_joining(self, conv: int) -> int:
        """The seq below all since one was let into a conversation or it was made; 0 when it is gone."""
        store = self._client.store
        while store.me is not None:
            for row in reversed(store.timeline(conv)):
                if isinstance(row, Notice) and (row.kind, row.user) == ("join", store.me.user):
                    return row.seq - 1
                if isinstance(row, Notice) and row.kind == "create":
                    return row.seq
            if not await self._client.load_older(conv):
                break
        held = store.conversations.get(conv)
        return 0 if held is None else held.start - 1

    # -- printing ---------------------------------------------------------------------------------------------------

    def _print(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            text = self._json(entry) if self._as_json else self._plain(entry)
            if text is None or self._over():
                continue
            try:
                print(text, flush=True)  # noqa: T201
            except OSError as error:
                self._failure = error
            if self._left is not None:
                self._left -= 1

    def _json(self, entry: Entry) -> str:
        """The entry as it is on the wire, with names. JSON's escapes keep it harmless for a terminal."""
        return json.dumps(with_names(self._client, entry))

    def _plain(self, entry: Entry) -> str | None:
        if isinstance(entry, Amendment):
            return None
        title = self._client.store.conversations[entry.conv].title.translate(_NO_AUTHOR)
        author = self._client.store.person(entry.by)
        name = (author.username or author.display_name).translate(_NO_AUTHOR)
        at = datetime.fromtimestamp(entry.at / 1_000).astimezone().strftime("%H:%M")
        said = entry.text.replace("\n", _NEXT_LINE) if isinstance(entry, Message) else f"({entry.kind})"
        return f"{at} {title} <{name}> {said}"


def with_names(client: ChatClient, entry: Entry) -> dict[str, object]:
    """An entry on the wire, with the title of its conversation and its author's user name, ``null`` when not known."""
    conversation = client.store.conversations.get(entry.conv)
    names = {
        "title": "" if conversation is None else conversation.title,
        "username": client.store.person(entry.by).username or None,
    }
    return {**dump_entry(entry), **names}
