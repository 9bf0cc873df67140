"""One device of one user: the real client with its files, started, stopped and crashed, everything recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Profile
from mrccsc_tui.link.sender import request_of
from mrccsc_tui.state.changes import (
    Change,
    ConversationAdded,
    ConversationChanged,
    ConversationGone,
    EntriesAppended,
    PendingChanged,
    Settled,
    TailRestarted,
)
from mrccsc_tui.state.models import Pending
from mrccsc_tui.state.store import Store
from mrccsc_tui.state.wire import dump_entry
from tests.chaos.history import Recorder
from tests.chaos.tap import Dialler, Network

PASSWORD = "correct horse"
READ_BACK = 2_000
"""Entries that a view reads back of a conversation."""

_UNKNOWN = {"offline", "no_answer", "rate_limited", "unavailable", "overloaded"}
_FACTS = ("kind", "title", "topic", "head", "start", "read", "unread", "unread_from", "mentions", "role", "members")


class Device:
    """A device. ``name`` is how the history calls it: ``user/device``."""

    def __init__(self, network: Network, username: str, device: str, seed: int, patience: float = 1.0) -> None:
        self.name = f"{username}/{device}"
        self.username = username
        self.chance = Random(f"{seed}/{self.name}")
        self._recorder: Recorder = network.recorder
        self._dial: Dialler = network.dialler(self.name, self.chance)
        self._patience = patience
        self._count = 0
        self._marks: dict[int, int] = {}
        self.user = 0
        self._said: dict[str, Pending] = {}
        self.last: dict[int, Pending] = {}
        """By conversation: what was stored last of what was said."""
        self.client: ChatClient | None = None

    @property
    def up(self) -> ChatClient:
        """The running client."""
        assert self.client is not None, f"{self.name} does not run"
        return self.client

    # -- life -------------------------------------------------------------------------------------------------------

    async def start(self, *, probe: bool = False) -> None:
        """Start the client with the files that it has."""
        profile = Profile(self.name.replace("/", "."), "127.0.0.1", 1)
        # Full jitter as ever, over waits shortened by ``patience``: a short run has no minute to wait.
        client = ChatClient(profile, connect=self._dial, chance=lambda: self.chance.random() * self._patience)
        client.subscribe(lambda changes: self._follow(client.store, changes))
        self.client = client
        await client.start()
        held = {conv: [one.tail_start, one.cursor, one.start] for conv, one in client.store.conversations.items()}
        self._recorder.note("open", client=self.name, held=held, probe=probe)

    async def register(self) -> None:
        """Make the account."""
        await self.up.register(self.username, PASSWORD)
        self._known()

    async def login(self) -> None:
        """Sign in to the account that another device made."""
        await self.up.login(self.username, PASSWORD)
        self._known()

    def _known(self) -> None:
        assert self.up.store.me is not None
        self.user = self.up.store.me.user
        self._recorder.note("user", client=self.name, user=self.user, username=self.username)

    async def stop(self) -> None:
        """End the client in good order."""
        client, self.client = self.up, None
        await client.stop()
        self._recorder.note("close", client=self.name, how="stop")

    async def crash(self) -> None:
        """End the client as a kill would: what was not on disk is not there at the next start."""
        client, self.client = self.up, None
        self._dial.drop()
        self._recorder.note("close", client=self.name, how="crash")
        if client._cache is not None:
            # Whatever it would still write is lost.
            client._cache._forget_changes()
            client._cache.note = lambda _: None  # type: ignore[method-assign]
        client._outgoing._done.clear()
        client._notes.flush = lambda: None  # type: ignore[method-assign]
        with suppress(RequestError):
            await client.stop()

    def drop(self) -> None:
        """Break the line; the client comes back by itself."""
        self._dial.drop()

    # -- what the user does -------------------------------------------------------------------------------------------

    def send(self, conv: int, text: str, reply_to: int | None = None) -> None:
        """Say something."""
        item = self._put("send", conv, lambda: self.up.send(conv, text, reply_to), text=text)
        self._said[item.cid] = item

    def edit(self, conv: int, seq: int, text: str) -> None:
        """Change an own word."""
        self._put("edit", conv, lambda: self.up.edit(conv, seq, text), target=seq, text=text)

    def delete(self, conv: int, seq: int) -> None:
        """Delete a word."""
        self._put("delete", conv, lambda: self.up.delete(conv, seq), target=seq)

    def react(self, conv: int, seq: int, emoji: str, on: bool) -> None:
        """Set or take back an emoji."""
        self._put("react", conv, lambda: self.up.react(conv, seq, emoji, on), target=seq, emoji=emoji, on=on)

    async def insist(self, conv: int) -> None:
        """Say the last word again under its cid, though it is stored: as a client would that had not heard so.

        What was refused or forgotten would be said anew by that, after what was said since.
        """
        item = self.last[conv]
        await self.ask("insist", lambda: self.up._engine.ask(request_of(item)), conv=conv)

    def _put(self, act: str, conv: int, do: Callable[[], Pending], **facts: Any) -> Pending:
        # The invocation stands before all that follows from it: its cid is only known when it is on disk.
        place = len(self._recorder.records)
        item = do()
        assert not any(one["what"] == "said" for one in self._recorder.records[place:])
        self._recorder.note("invoke", client=self.name, op=item.cid, act=act, conv=conv, cid=item.cid, **facts)
        return item

    async def ask(self, act: str, call: Callable[[], Awaitable[Any]], **facts: Any) -> Any:
        """Make a request that the client repeats by itself; ``None`` when it was refused or stays unknown."""
        if self.client is None:
            return None
        self._count += 1
        op = f"{self.name}#{self._count}"
        self._recorder.note("invoke", client=self.name, op=op, act=act, **facts)
        try:
            result = await call()
        except RequestError as error:
            what = "unknown" if error.code in _UNKNOWN else "fail"
            self._recorder.note(what, client=self.name, op=op, code=error.code)
            return None
        except asyncio.CancelledError:
            self._recorder.note("unknown", client=self.name, op=op, code="cancelled")
            raise
        self._recorder.note("ok", client=self.name, op=op)
        return result

    # -- what the client shows ----------------------------------------------------------------------------------------

    def _follow(self, store: Store, changes: Sequence[Change]) -> None:
        note = self._recorder.note
        settled = {change.cid for change in changes if isinstance(change, Settled)}
        for at, change in enumerate(changes):
            match change:
                case EntriesAppended(conv=conv, first=first, last=last, live=live):
                    note("grew", client=self.name, conv=conv, first=first, last=last, live=live)
                case TailRestarted(conv=conv) | ConversationAdded(conv=conv):
                    what = "restart" if isinstance(change, TailRestarted) else "added"
                    if conv in store.conversations:
                        cursor = _next_append(changes[at:], conv) or store.conversations[conv].cursor
                        note(what, client=self.name, conv=conv, cursor=cursor)
                case ConversationChanged(conv=conv) if conv in store.conversations:
                    read = store.conversations[conv].read
                    if self._marks.get(conv) != read:
                        self._marks[conv] = read
                        note("mark", client=self.name, conv=conv, read=read)
                case ConversationGone(conv=conv):
                    note("gone", client=self.name, conv=conv)
                case Settled(conv=conv, cid=cid, seq=seq):
                    if cid in self._said:
                        self.last[conv] = self._said.pop(cid)
                    note("ok", client=self.name, op=cid, seq=seq)
                case PendingChanged(conv=conv, cid=cid) if cid not in settled:
                    pending = store.pendings.get(conv, {}).get(cid)
                    if pending is None:
                        note("unknown", client=self.name, op=cid, code="forgotten")
                    elif pending.state == "failed":
                        note("fail", client=self.name, op=cid, code=pending.code)

    @property
    def waiting(self) -> int:
        """Items of the outbox that are neither stored nor refused."""
        items = (one for items in self.up.store.pendings.values() for one in items.values())
        return sum(one.state != "failed" for one in items)

    async def view(self, *, fresh: bool) -> dict[str, Any]:
        """All that the client shows, for the history."""
        client, store = self.up, self.up.store
        for conv in sorted(store.conversations):
            held = store.conversations[conv]
            with suppress(RequestError):
                # Where it cannot read back, that shows in the view.
                await client.load_until(conv, max(held.start, held.head - READ_BACK))
        conversations = sorted(store.conversations.items())
        return {
            "client": self.name,
            "fresh": fresh,
            "facts": {str(conv): {name: getattr(one, name) for name in _FACTS} for conv, one in conversations},
            "tails": {str(conv): one.tail_start for conv, one in conversations},
            "logs": {str(conv): [dump_entry(row) for row in store.timeline(conv)] for conv, _ in conversations},
            "presence": {
                str(contact.person.user): seen.status if (seen := store.presence(contact.person.user)) else None
                for contact in store.contacts.values()
                if contact.relation == "friend"
            },
        }


def _next_append(changes: Sequence[Change], conv: int) -> int | None:
    """Where a tail began that the same batch of changes has lengthened already."""
    for change in changes:
        if isinstance(change, EntriesAppended) and change.conv == conv:
            return change.first - 1
    return None
