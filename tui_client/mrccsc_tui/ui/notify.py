"""Telling the person of something while they look elsewhere: a bell and a toast, once for each message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mrccsc_tui.state.models import Contact, Message
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.bridge import Digest
from mrccsc_tui.ui.widgets.timeline.wrap import clip


class Notice(NamedTuple):
    """What to tell. It came through the store and is safe to print."""

    title: str
    text: str


class Herald:
    """Decides what is worth telling. Direct messages and mentions are; muted conversations are silent."""

    def __init__(self, store: Store, ellipsis: str) -> None:
        self._store = store
        self._ellipsis = ellipsis
        self._told: dict[int, int] = {}
        self._asked: set[int] = set()

    def messages(self, digest: Digest) -> list[Notice]:
        """The messages of a batch that are worth a bell; each one once."""
        return [self._about(message) for conv, log in digest.logs.items() for message in self._new(conv, log.arrived)]

    def requests(self, digest: Digest) -> list[Contact]:
        """People who have begun to ask for friendship."""
        waiting = {user for user, contact in self._store.contacts.items() if contact.relation == "incoming"}
        new = (waiting & digest.contacts) - self._asked
        self._asked = waiting
        return [self._store.contacts[user] for user in sorted(new)]

    def _new(self, conv: int, arrived: list[tuple[int, int]]) -> Iterator[Message]:
        store = self._store
        conversation = store.conversations.get(conv)
        if conversation is None or conversation.muted or store.me is None:
            return
        for first, last in arrived:
            for seq in range(max(first, self._told.get(conv, 0) + 1, last - 20), last + 1):
                message = store.message(conv, seq)
                if message is None or message.by == store.me.user:
                    continue
                if conversation.kind == "direct" or store.me.user in message.mentions:
                    yield message
            self._told[conv] = max(last, self._told.get(conv, 0))

    def _about(self, message: Message) -> Notice:
        conversation = self._store.conversations[message.conv]
        who = self._store.person(message.by).display_name
        where = f" in {conversation.title}" if conversation.kind == "group" else ""
        return Notice(f"{who}{where}", clip(message.text, 160, self._ellipsis))
