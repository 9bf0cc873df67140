"""Conversations: their facts, coming and going; groups and their members."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mrccsc_tui.state.changes import (
    Change,
    ContactChanged,
    ConversationAdded,
    ConversationChanged,
    ConversationGone,
    Gap,
    MeChanged,
    MembersChanged,
    Stale,
    TailRestarted,
)
from mrccsc_tui.state.models import Conversation, Notice
from mrccsc_tui.state.reducers.entries import receive
from mrccsc_tui.state.reducers.people import put_person
from mrccsc_tui.state.reducers.reading import recount
from mrccsc_tui.state.reducers.register import Frame, reducer
from mrccsc_tui.state.wire import read_conversation, read_member, read_person, read_presence

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store

MAX_FETCH = 1_000
"""Entries that are fetched to close a gap; behind a wider one the tail begins anew at the head."""


@reducer("conversation")
def conversation(store: Store, frame: Frame, request: Frame) -> Iterator[Change]:
    """The user is in a conversation that was not known, or its facts changed."""
    fresh = read_conversation(frame["conversation"])
    if fresh.role is None and request.get("type") in ("group.create", "group.join"):
        # It was asked for again, and the user has left since.
        return
    yield from put_conversation(store, fresh)
    log = store.logs[fresh.conv]
    if log.cursor < fresh.head:
        yield Gap(fresh.conv, log.cursor)


@reducer("conversations")
def conversations(store: Store, frame: Frame, request: Frame) -> Iterator[Change]:
    """A part of the user's conversations. Of a list that was read to its end, those not in it are gone."""
    for wire in frame["conversations"]:
        fresh = read_conversation(wire)
        held = store.conversations.get(fresh.conv)
        if request.get("limit") == 1 and held is not None and fresh.head < held.head:
            # It was asked for because of its counts, and they are as of an older head.
            yield Stale(fresh.conv)
        yield from put_listed(store, fresh)
    if store.listing is None or request.get("limit") == 1:
        return
    if not frame["more"]:
        yield from end_listing(store)


@reducer("conversation.gone")
def conversation_gone(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """The user is no member any more."""
    conv = frame["conv"]
    if store.listing is not None:
        store.listing.pop(conv, None)
    if conv in store.conversations:
        title, by = store.conversations[conv].title, _who_removed(store, conv)
        store.drop(conv)
        yield ConversationGone(conv, title, frame["reason"], by, store.unsent(conv))


@reducer("group.members")
def group_members(store: Store, frame: Frame, request: Frame) -> Iterator[Change]:
    """A part of a group's members; the list counts once it is complete."""
    conv = request["conv"]
    part = store.member_parts.setdefault(conv, {})
    if request.get("after") is None:
        part.clear()
    for wire in frame["members"]:
        member = read_member(wire)
        yield from put_person(store, member.person)
        part[member.person.user] = member
    if not frame["more"]:
        del store.member_parts[conv]
        if conv in store.conversations:
            store.member_lists[conv] = part
            yield MembersChanged(conv)


@reducer("ok")
def ok(store: Store, _frame: Frame, request: Frame) -> Iterator[Change]:
    """A request was carried out; some say by themselves what that changed."""
    match request.get("type"):
        case "account.update" if store.me is not None and request.get("display_name") is not None:
            me = {"user": store.me.user, "username": store.me.username, "display_name": request["display_name"]}
            yield from put_person(store, read_person(me))
        case "presence.set" if store.me is not None:
            seen = "offline" if request["status"] == "invisible" else request["status"]
            wire = {"user": store.me.user, "status": seen, "text": request.get("text") or ""}
            store.my_presence = read_presence(wire)
            yield MeChanged()
        case "conversation.mute" if request["conv"] in store.conversations:
            held = store.conversations[request["conv"]]
            store.conversations[held.conv] = replace(held, muted=request["muted"])
            yield ConversationChanged(held.conv)


def put_conversation(store: Store, fresh: Conversation) -> Iterator[Change]:
    """Learn the facts and counts of a conversation as of ``fresh.head``."""
    conv, held = fresh.conv, store.conversations.get(fresh.conv)
    known = store.listing is not None and conv in store.listing
    if known and store.listing is not None:
        del store.listing[conv]
    if held is None:
        store.hold(fresh)
        contact = store.contacts.get(fresh.peer or 0)
        if contact is not None and contact.conv != conv:
            store.contacts[contact.person.user] = replace(contact, conv=conv)
            yield ContactChanged(contact.person.user)
        if known:
            yield TailRestarted(conv)
            yield ConversationChanged(conv)
        else:
            yield ConversationAdded(conv)
        yield from receive(store, sorted(store.early.pop(conv, []), key=lambda entry: entry.seq), live=True)
        return
    if held.start != fresh.start and fresh.head < held.head and not known:
        # It was read before what is held here; whether the log that is readable has changed, nobody knows by it.
        yield Stale(conv)
        return
    if held.start != fresh.start:
        # The user left and came back: another part of the log is readable now.
        store.restart(conv, fresh.head)
        store.conversations[conv] = replace(fresh, read=max(held.read, fresh.read))
        yield TailRestarted(conv)
        yield ConversationChanged(conv)
        return
    merged = replace(
        fresh if fresh.head >= held.head else held,
        muted=fresh.muted,
        role=fresh.role if fresh.head >= held.head else held.role,
        read=max(held.read, fresh.read),
        peer_read=max(held.peer_read or 0, fresh.peer_read or 0) if fresh.peer_read is not None else held.peer_read,
        unread_from=held.unread_from if conv in store.marking else fresh.unread_from,
        tail_start=held.tail_start,
        cursor=held.cursor,
    )
    store.conversations[conv] = merged
    if merged.read != fresh.read or (fresh.head < held.head and fresh.read > held.read):
        # The counts are as of another read mark.
        store.conversations[conv], sure = recount(store, merged)
        if not sure:
            yield Stale(conv)
    if store.conversations[conv] != held:
        yield ConversationChanged(conv)


def put_listed(store: Store, fresh: Conversation) -> Iterator[Change]:
    """Learn a conversation from a list; what its log has gained since is fetched, or begun anew when it is much."""
    yield from put_conversation(store, fresh)
    log = store.logs[fresh.conv]
    if fresh.head - log.cursor > MAX_FETCH:
        store.restart(fresh.conv, fresh.head)
        yield TailRestarted(fresh.conv)
        yield ConversationChanged(fresh.conv)
    elif log.cursor < fresh.head:
        yield Gap(fresh.conv, log.cursor)


def end_listing(store: Store) -> Iterator[Change]:
    """The list is complete: what was there before and is not in it is gone."""
    unlisted, store.listing = store.listing, None
    for conv, title in sorted((unlisted or {}).items()):
        if conv in store.conversations:
            store.drop(conv)
        yield ConversationGone(conv, title, unsent=store.unsent(conv))


def _who_removed(store: Store, conv: int) -> int | None:
    """Whoever took the user out: that entry comes right before the conversation goes."""
    last = next(reversed(store.timeline(conv)), None)
    if not isinstance(last, Notice) or last.reason not in ("removed", "banned"):
        return None
    return last.by if store.me is not None and last.user == store.me.user else None
