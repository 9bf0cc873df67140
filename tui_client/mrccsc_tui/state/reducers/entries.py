"""The log: live entries, acknowledgements, pages of history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mrccsc_shared.text import mentioned_names
from mrccsc_tui.state.changes import (
    Change,
    ConversationChanged,
    EntriesAppended,
    EntriesPrepended,
    Gap,
    MembersChanged,
    MessageChanged,
    Stale,
    Stranger,
    Unsure,
)
from mrccsc_tui.state.models import Amendment, Conversation, Entry, Member, Message, Notice
from mrccsc_tui.state.reducers.register import Frame, reducer
from mrccsc_tui.state.wire import read_entry, shorten

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store

MAX_EARLY = 64
"""Entries kept for a conversation that is not known yet, and conversations for which such are kept."""

_KINDS = {"message.edit": "edit", "message.delete": "delete", "message.react": "reaction"}


@reducer("entry")
def entry(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """Something was added to a log just now."""
    yield from receive(store, [read_entry(frame)], live=True)


@reducer("ack")
def ack(store: Store, frame: Frame, request: Frame) -> Iterator[Change]:
    """Something that the user did is stored. Its entry does not come by itself: it is made of the request."""
    conv, seq = frame["conv"], frame["seq"]
    yield from store.settle(conv, frame["cid"], seq)
    log = store.logs.get(conv)
    if log is None or store.me is None or seq <= log.cursor:
        return
    if frame["duplicate"]:
        # What became of it since is not known here.
        yield Gap(conv, log.cursor)
        return
    yield from receive(store, [read_entry(_entry_of(request, frame, store.me.user))], live=True)
    if mentioned_names(request.get("text", "")):
        yield Unsure(conv, request.get("seq", seq))


@reducer("history.page")
def history_page(store: Store, frame: Frame, request: Frame) -> Iterator[Change]:
    """A page before, after or around something, in that order of what it does to the tail."""
    conv, log = frame["conv"], store.logs.get(frame["conv"])
    if log is None:
        return
    page = [read_entry(wire) for wire in frame["entries"]]
    if request.get("before") is not None:
        yield from prepend(store, conv, page)
        if not page and request["before"] == log.tail_start:
            # The server knows of nothing older, whatever `from` said.
            store.conversations[conv] = replace(store.conversations[conv], start=log.tail_start)
            yield ConversationChanged(conv)
    elif request.get("after") is not None:
        yield from receive(store, page, live=False)
        if log.cursor < max(log.seen, frame["head"]) and page:
            yield Gap(conv, log.cursor)
    else:
        for seq in log.freshen(page):
            yield MessageChanged(conv, seq)
            yield from _freshen_last(store, conv, log.message(seq))


def prepend(store: Store, conv: int, page: list[Entry]) -> Iterator[Change]:
    """Lengthen the held tail at its beginning, where the page fits there."""
    if store.logs[conv].prepend(page):
        store.sync(conv)
        yield EntriesPrepended(conv, page[0].seq, page[-1].seq, tuple(page))
        yield from _strangers(store, page)


def receive(store: Store, entries: list[Entry], *, live: bool) -> Iterator[Change]:
    """Take entries of one conversation into its log, and what follows from those that joined it."""
    if not entries:
        return
    conv = entries[0].conv
    log = store.logs.get(conv)
    if log is None:
        early = store.early.get(conv, [])
        if len(early) < MAX_EARLY and (early or len(store.early) < MAX_EARLY):
            store.early[conv] = [*early, *entries][:MAX_EARLY]
        return
    conversation = store.conversations[conv]
    joined: list[Entry] = []
    amended: dict[int, None] = {}
    sure = True
    for one in entries:
        for new, changed in log.receive(one):
            joined.append(new)
            if changed is not None:
                amended[changed] = None
            if new.seq > conversation.head:
                conversation = _counted(store, conversation, new)
                # Whom it mentioned when it was new is what counts.
                sure = sure and not (isinstance(new, Message) and (new.edited is not None or new.deleted))
    if log.seen > log.cursor:
        yield Gap(conv, log.cursor)
    if not joined:
        return
    store.conversations[conv] = replace(conversation, cursor=log.cursor)
    yield EntriesAppended(conv, joined[0].seq, joined[-1].seq, live, tuple(joined))
    for seq in amended:
        yield MessageChanged(conv, seq)
    yield ConversationChanged(conv)
    for one in joined:
        if one.cid is not None and store.me is not None and one.by == store.me.user:
            yield from store.settle(conv, one.cid, one.seq)
        if isinstance(one, Notice):
            yield from _membership(store, one)
    yield from _strangers(store, joined)
    if not sure:
        yield Stale(conv)


def _freshen_last(store: Store, conv: int, message: Message | None) -> Iterator[Change]:
    """What the latest entry says follows from the newer state of its message."""
    conversation = store.conversations[conv]
    last = conversation.last
    if message is None or last is None:
        return
    if isinstance(last, Message) and last.seq == message.seq:
        last = shorten(message)
    elif isinstance(last, Amendment) and last.kind == "edit" and last.seq == message.rev:
        last = replace(last, mentions=message.mentions)
    if last != conversation.last:
        store.conversations[conv] = replace(conversation, last=last)
        yield ConversationChanged(conv)


def _entry_of(request: Mapping[str, Any], frame: Mapping[str, Any], me: int) -> dict[str, Any]:
    """The entry that an acknowledged request became."""
    wire: dict[str, Any] = {name: frame[name] for name in ("conv", "seq", "at", "cid")}
    wire["by"] = me
    if request["type"] == "message.send":
        wire |= {"kind": "message", "text": request["text"], "rev": frame["seq"]}
        if request.get("reply_to") is not None:
            wire["reply_to"] = request["reply_to"]
        return wire
    wire |= {"kind": _KINDS[request["type"]], "target": request["seq"]}
    return wire | {name: request[name] for name in ("text", "emoji", "on") if name in request}


def _counted(store: Store, conversation: Conversation, entry: Entry) -> Conversation:
    """The conversation after an entry above its head: facts and counts."""
    me = store.me.user if store.me is not None else 0
    facts: dict[str, Any] = {"head": entry.seq, "last": shorten(entry)}
    match entry:
        case Message(by=by, mentions=mentions) if by != me and entry.seq > conversation.read:
            facts["unread"] = conversation.unread + 1
            facts["mentions"] = conversation.mentions + (me in mentions)
        case Notice(kind="join", user=user) if conversation.members is not None and user != me:
            # A conversation that one is in counts oneself.
            facts["members"] = conversation.members + 1
        case Notice(kind="leave") if conversation.members is not None:
            facts["members"] = conversation.members - 1
        case Notice(kind="role", user=user, role=role):
            if user == me:
                facts["role"] = role
            elif role == "owner" and conversation.role == "owner":
                facts["role"] = "admin"
        case Notice(kind="change", title=title, topic=topic, visibility=visibility):
            if title is not None:
                facts["title"] = title
            if topic is not None:
                facts["topic"] = topic
            if visibility is not None:
                facts["visibility"] = visibility
    return replace(conversation, **facts)


def _membership(store: Store, notice: Notice) -> Iterator[Change]:
    """Keep the loaded members of a group up to date."""
    members = store.member_lists.get(notice.conv)
    if members is None or notice.user is None:
        return
    member = members.get(notice.user)
    match notice.kind:
        case "join" if member is None and notice.user in store.people:
            members[notice.user] = Member(store.people[notice.user], "member", store.presences.get(notice.user))
        case "join" if member is None:
            del store.member_lists[notice.conv]
        case "leave" if member is not None:
            del members[notice.user]
        case "role" if member is not None and notice.role is not None:
            for user, other in members.items():
                if notice.role == "owner" and other.role == "owner":
                    members[user] = replace(other, role="admin")
            members[notice.user] = replace(member, role=notice.role)
        case _:
            return
    yield MembersChanged(notice.conv)


def _strangers(store: Store, entries: list[Entry]) -> Iterator[Change]:
    named: dict[int, None] = {}
    for entry in entries:
        if not isinstance(entry, Amendment):
            named[entry.by] = None
        if isinstance(entry, Notice) and entry.user is not None:
            named[entry.user] = None
    for user in named:
        if user not in store.people:
            yield Stranger(entries[0].conv, user)
