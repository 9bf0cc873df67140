"""``mrccsc-tui tail [--json] [TARGET]``: print what is said from now on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.scripts.session import conversation_of, run_script, say, signed_in, until
from mrccsc_tui.state.changes import Change, EntriesAppended, StatusChanged
from mrccsc_tui.state.models import Amendment, Entry, Message
from mrccsc_tui.state.wire import dump_entry


def tail(profile: Profile, target: str | None, *, as_json: bool, count: int | None) -> int:
    """Print until interrupted, or until ``count`` lines are printed. The result is an exit code."""
    return run_script(_tail(profile, target, as_json, count))


async def _tail(profile: Profile, target: str | None, as_json: bool, count: int | None) -> None:
    async with signed_in(profile) as client:
        only = None if target is None else (await conversation_of(client, target)).conv
        printer = _Printer(client, only, as_json, count)
        client.subscribe(printer.follow)
        printer.tell_how_it_stands()
        await until(client, lambda: printer.done or client.status.phase == "stopped", None)
        if printer.failure is not None:
            raise printer.failure
        if not printer.done:
            raise RequestError("unauthenticated", client.status.reason or "The session is over.")


class _Printer:
    def __init__(self, client: ChatClient, only: int | None, as_json: bool, count: int | None) -> None:
        self._client = client
        self._only = only
        self._as_json = as_json
        self._left = count
        self._listening = False
        self.failure: OSError | None = None

    @property
    def done(self) -> bool:
        return self.failure is not None or (self._left is not None and self._left <= 0)

    def follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, StatusChanged):
                self.tell_how_it_stands()
            elif isinstance(change, EntriesAppended) and self._only in (None, change.conv):
                for entry in change.entries:
                    self._print(entry)

    def tell_how_it_stands(self) -> None:
        """Say so on standard error when it begins to listen, or stops for a while."""
        status = self._client.status
        if status.online and not self._listening:
            say("listening")
        elif status.phase == "offline" and self._listening:
            say(f"offline. {status.reason or ''}")
        else:
            return
        self._listening = status.online

    def _print(self, entry: Entry) -> None:
        if self.done:
            return
        text = self._json(entry) if self._as_json else self._plain(entry)
        if text is None:
            return
        try:
            print(text, flush=True)  # noqa: T201
        except OSError as error:
            self.failure = error
        if self._left is not None:
            self._left -= 1

    def _json(self, entry: Entry) -> str:
        """The entry as it is on the wire, with names. JSON's escapes keep it harmless for a terminal."""
        return json.dumps(with_names(self._client, entry))

    def _plain(self, entry: Entry) -> str | None:
        if isinstance(entry, Amendment):
            return None
        title = self._client.store.conversations[entry.conv].title
        author = self._client.store.person(entry.by)
        name = author.username or author.display_name
        at = datetime.fromtimestamp(entry.at / 1_000).astimezone().strftime("%H:%M")
        said = entry.text if isinstance(entry, Message) else f"({entry.kind})"
        return f"{at} {title} <{name}> {said}"


def with_names(client: ChatClient, entry: Entry) -> dict[str, object]:
    """An entry on the wire, with the title of its conversation and its author's user name, ``null`` when not known."""
    conversation = client.store.conversations.get(entry.conv)
    names = {
        "title": "" if conversation is None else conversation.title,
        "username": client.store.person(entry.by).username or None,
    }
    return {**dump_entry(entry), **names}
