"""Read marks and the counts that follow from them; who is typing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mrccsc_tui.state.changes import Change, ConversationChanged, Stale, Typing
from mrccsc_tui.state.models import Conversation
from mrccsc_tui.state.reducers.register import Frame, reducer

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store


@reducer("read.marked")
def read_marked(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """The user read on another device, or the peer of a direct conversation read."""
    conversation = store.conversations.get(frame["conv"])
    if conversation is None:
        return
    if store.me is not None and frame["user"] == store.me.user:
        yield from mark(store, conversation, frame["seq"], frame.get("unread_from"))
    elif frame["user"] == conversation.peer and frame["seq"] > (conversation.peer_read or 0):
        store.conversations[conversation.conv] = replace(conversation, peer_read=frame["seq"])
        yield ConversationChanged(conversation.conv)


@reducer("typing")
def typing(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """Somebody is typing."""
    if frame["conv"] in store.conversations:
        yield Typing(frame["conv"], frame["user"])


def mark(store: Store, conversation: Conversation, read: int, unread_from: int | None) -> Iterator[Change]:
    """The user has read up to ``read`` and wants to see things as unread from ``unread_from`` on."""
    marked = replace(conversation, read=max(conversation.read, read), unread_from=unread_from)
    if marked.read != conversation.read:
        marked, sure = recount(store, marked)
        if not sure:
            yield Stale(conversation.conv)
    if marked != conversation:
        store.conversations[conversation.conv] = marked
        yield ConversationChanged(conversation.conv)


def recount(store: Store, conversation: Conversation) -> tuple[Conversation, bool]:
    """The conversation with its counts as they follow from ``read``, and whether what is held suffices to be sure.

    A mention counts as of when its message was new, whatever edits and deletions did to it later.
    """
    if conversation.read >= conversation.head:
        return replace(conversation, unread=0, mentions=0), True
    log = store.logs[conversation.conv]
    first = max(conversation.read + 1, conversation.start)
    if store.me is None or log.tail_start > first or log.cursor < conversation.head:
        return conversation, False
    unread = mentions = 0
    sure = True
    for message in log.messages_after(first - 1):
        if message.seq > conversation.head:
            break
        if message.by == store.me.user:
            continue
        unread += 1
        mentioned = log.mentioned_at_first(message)
        if mentioned is None:
            sure = False
        elif store.me.user in mentioned:
            mentions += 1
    return replace(conversation, unread=unread, mentions=mentions), sure
