"""What a session begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mrccsc_tui.state.changes import Change, ContactChanged, MeChanged, SignedIn, Stale, TailRestarted
from mrccsc_tui.state.models import Entry
from mrccsc_tui.state.reducers.conversations import end_listing, put_conversation, put_listed
from mrccsc_tui.state.reducers.entries import receive
from mrccsc_tui.state.reducers.people import put_contact, put_person
from mrccsc_tui.state.reducers.register import Frame, reducer
from mrccsc_tui.state.wire import read_contact, read_conversation, read_entry, read_person

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store


@reducer("session.ready")
def session_ready(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """The session began: lists are complete (conversations save for ``more``), logs caught up."""
    reset = store.is_void(frame)
    store.listing = {conv: held.title for conv, held in store.conversations.items()}
    if reset:
        for conv in store.listing:
            store.drop(conv)
    store.epoch = frame["epoch"]
    store.early.clear()
    me = read_person(frame["user"])
    if store.me is None or store.me.user != me.user:
        store.me = me
        yield MeChanged()
    yield from put_person(store, me)
    contacts = [read_contact(wire) for wire in (*frame["friends"], *frame["requests"], *frame["blocked"])]
    present = {contact.person.user for contact in contacts}
    for user in [user for user in store.contacts if user not in present]:
        del store.contacts[user]
        yield ContactChanged(user)
    for contact in contacts:
        yield from put_contact(store, contact)

    missed = {one["conv"]: one for one in frame["missed"]}
    listed = [read_conversation(wire) for wire in frame["conversations"]]
    for fresh in listed:
        if fresh.conv in missed:
            yield from put_conversation(store, fresh)
    for conv, one in missed.items():
        yield from _catch_up(store, conv, [read_entry(wire) for wire in one["entries"]], limited=one["limited"])
    for fresh in listed:
        yield from put_listed(store, fresh)
    if not frame.get("more", False):
        yield from end_listing(store)
    yield SignedIn(reset)


def _catch_up(store: Store, conv: int, entries: list[Entry], *, limited: bool) -> Iterator[Change]:
    log = store.logs.get(conv)
    if log is None or not entries:
        return
    if limited and entries[0].seq > log.cursor + 1:
        store.restart(conv, entries[0].seq - 1)
        conversation = store.conversations[conv]
        if conversation.head < entries[0].seq - 1:
            # Its place in the list, with right counts, is still to come.
            store.conversations[conv] = replace(conversation, head=entries[-1].seq)
        yield TailRestarted(conv)
    # The counts of what was missed come with its place in the list.
    yield from (change for change in receive(store, entries, live=False) if not isinstance(change, Stale))
