"""Telling the person of something while they look elsewhere, once for each message: a bell, a toast, and what the
terminal shows by itself (OSC 9 or 777).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from mrccsc_tui.client import ChatClient
from mrccsc_tui.state.models import Contact, Conversation, Message
from mrccsc_tui.ui.bridge import Digest
from mrccsc_tui.ui.widgets.timeline.wrap import clip


class Notice(NamedTuple):
    """What to tell. It came through the store and is safe to print."""

    title: str
    text: str


Level: TypeAlias = Literal["all", "mentions", "none"]
"""What of a conversation is told: every message, mentions of the person only, or nothing, which is to mute it."""


def level(client: ChatClient, conversation: Conversation) -> Level:
    """What of a conversation is told. Where nothing else was chosen on this device: all of a chat, mentions in groups.

    Muting goes to all devices, the choice between the other two stays here: the protocol has no word for it.
    """
    if conversation.muted:
        return "none"
    chosen = client.recall(f"level:{conversation.conv}")
    return ("all" if chosen == "all" else "mentions") if chosen else _usual(conversation)


def remember_level(client: ChatClient, conversation: Conversation, chosen: Level) -> None:
    """Keep the choice between all and mentions with the profile."""
    client.remember(f"level:{conversation.conv}", None if chosen == _usual(conversation) else chosen)


def _usual(conversation: Conversation) -> Level:
    return "all" if conversation.kind == "direct" else "mentions"


def osc(notice: Notice, environment: Mapping[str, str]) -> str:
    """What makes a terminal with such an environment show a notice by itself; others pass over it.

    Only one of the two sequences: many terminals know both. tmux passes it on with ``allow-passthrough``.
    """
    if "VTE_VERSION" in environment or environment.get("TERM", "").startswith("rxvt"):
        title = notice.title.replace(";", ",")
        sequence = f"\x1b]777;notify;{title};{notice.text}\x07"
    else:
        # Some take a number at the beginning for a command.
        sequence = f"\x1b]9;MRCCSC: {notice.title}: {notice.text}\x07"
    if environment.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    return sequence


class NotificationPolicy:
    """Decides what is worth telling, by the level of each conversation."""

    def __init__(self, client: ChatClient, ellipsis: str) -> None:
        self._client = client
        self._store = client.store
        self._ellipsis = ellipsis
        self._told: dict[int, int] = {}
        self._asked: set[int] = set()

    def messages(self, digest: Digest) -> list[Notice]:
        """The messages of a batch that are worth a bell; each one once."""
        for conv, log in digest.logs.items():
            if log.restarted:
                # In a store that was set back, what comes next may have a seq that was told of once.
                self._told.pop(conv, None)
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
        if conversation is None or store.me is None:
            return
        chosen = level(self._client, conversation)
        for first, last in arrived:
            if last > conversation.cursor:
                # It came in the same batch before the log began anew.
                continue
            for seq in range(max(first, self._told.get(conv, 0) + 1, last - 20), last + 1):
                message = store.message(conv, seq)
                if message is None or message.by == store.me.user:
                    continue
                if chosen == "all" or (chosen == "mentions" and store.me.user in message.mentions):
                    yield message
            self._told[conv] = max(last, self._told.get(conv, 0))

    def _about(self, message: Message) -> Notice:
        conversation = self._store.conversations[message.conv]
        who = self._store.person(message.by).display_name
        where = f" in {conversation.title}" if conversation.kind == "group" else ""
        return Notice(f"{who}{where}", clip(message.text, 160, self._ellipsis))
