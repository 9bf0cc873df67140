"""People: contacts, presence, names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mrccsc_tui.state.changes import (
    Change,
    ContactChanged,
    ConversationChanged,
    MeChanged,
    PersonChanged,
    PresenceChanged,
)
from mrccsc_tui.state.models import Contact, Person, Presence
from mrccsc_tui.state.reducers.register import Frame, reducer
from mrccsc_tui.state.wire import read_contact, read_person, read_presence

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store


@reducer("contact")
def contact(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """A relation changed, also to none."""
    yield from put_contact(store, read_contact(frame["contact"]))


@reducer("presence")
def presence(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """Somebody's presence changed."""
    now = read_presence(frame)
    if now is not None:
        yield from put_presence(store, now)


@reducer("user.results")
def user_results(store: Store, frame: Frame, _request: Frame) -> Iterator[Change]:
    """Names that were found."""
    for user in frame["users"]:
        yield from put_person(store, read_person(user))


def put_person(store: Store, person: Person) -> Iterator[Change]:
    """Learn a name."""
    held = store.people.get(person.user)
    if held == person:
        return
    store.people[person.user] = person
    yield PersonChanged(person.user)
    if store.me is not None and store.me.user == person.user:
        store.me = person
        yield MeChanged()
    contact = store.contacts.get(person.user)
    if contact is not None:
        store.contacts[person.user] = replace(contact, person=person)
        yield ContactChanged(person.user)
    if held is None or held.display_name == person.display_name:
        return
    for conversation in store.conversations.values():
        if conversation.peer == person.user:
            store.conversations[conversation.conv] = replace(conversation, title=person.display_name)
            yield ConversationChanged(conversation.conv)
            break


def put_contact(store: Store, contact: Contact) -> Iterator[Change]:
    """Learn what somebody is to the user now."""
    user = contact.person.user
    yield from put_person(store, contact.person)
    if contact.presence is not None:
        yield from put_presence(store, contact.presence)
    else:
        store.presences.pop(user, None)
    held = store.contacts.get(user)
    if contact.conv is None and held is not None:
        contact = replace(contact, conv=held.conv)
    if contact.relation == "none":
        if held is not None:
            del store.contacts[user]
            yield ContactChanged(user)
    elif held != contact:
        store.contacts[user] = contact
        yield ContactChanged(user)


def put_presence(store: Store, presence: Presence) -> Iterator[Change]:
    """Learn where somebody stands."""
    user = presence.user
    if store.presences.get(user) == presence:
        return
    store.presences[user] = presence
    contact = store.contacts.get(user)
    if contact is not None:
        store.contacts[user] = replace(contact, presence=presence)
    if store.me is not None and store.me.user == user and presence.status != "offline":
        store.my_presence = presence
        yield MeChanged()
    yield PresenceChanged(user)
