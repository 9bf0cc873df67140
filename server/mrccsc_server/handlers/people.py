"""Account, contacts, finding users, presence."""

from __future__ import annotations

from mrccsc_server.domain.contacts import ContactAct
from mrccsc_server.handlers.registry import Answer, handles
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.messages.account import AccountUpdate
from mrccsc_shared.messages.contact import (
    Contact,
    ContactAccept,
    ContactBlock,
    ContactDecline,
    ContactFrame,
    ContactRemove,
    ContactRequest,
    ContactUnblock,
    UserResults,
    UserSearch,
)
from mrccsc_shared.messages.presence import PresenceSet


@handles(AccountUpdate, rate="changes")
async def update(services: Services, session: Session, request: AccountUpdate) -> Answer:
    """Change the display name."""
    await services.people.rename(session, request.display_name)
    return None


@handles(PresenceSet, rate="changes")
async def set_presence(services: Services, session: Session, request: PresenceSet) -> Answer:
    """Choose how one is seen."""
    await services.people.set_status(session, request.status, request.text)
    return None


@handles(UserSearch)
async def search(services: Services, session: Session, request: UserSearch) -> Answer:
    """Find users."""
    users = await services.store.accounts.search(request.query, request.limit)
    return UserResults(type="user.results", re=request.id, users=users)


@handles(ContactRequest, rate="changes")
async def request_contact(services: Services, session: Session, request: ContactRequest) -> Answer:
    """Ask somebody to be a friend."""
    return _contact(await services.people.request(session, request.username), request.id)


@handles(ContactAccept, rate="changes")
async def accept(services: Services, session: Session, request: ContactAccept) -> Answer:
    """Accept a request."""
    return _contact(await services.people.act(session, ContactAct.ACCEPT, request.user), request.id)


@handles(ContactDecline, rate="changes")
async def decline(services: Services, session: Session, request: ContactDecline) -> Answer:
    """Decline a request."""
    return _contact(await services.people.act(session, ContactAct.DECLINE, request.user), request.id)


@handles(ContactRemove, rate="changes")
async def remove(services: Services, session: Session, request: ContactRemove) -> Answer:
    """End a friendship."""
    return _contact(await services.people.act(session, ContactAct.REMOVE, request.user), request.id)


@handles(ContactBlock, rate="changes")
async def block(services: Services, session: Session, request: ContactBlock) -> Answer:
    """Block somebody."""
    return _contact(await services.people.act(session, ContactAct.BLOCK, request.user), request.id)


@handles(ContactUnblock, rate="changes")
async def unblock(services: Services, session: Session, request: ContactUnblock) -> Answer:
    """End a block."""
    return _contact(await services.people.act(session, ContactAct.UNBLOCK, request.user), request.id)


def _contact(contact: Contact, re: int) -> ContactFrame:
    return ContactFrame(type="contact", re=re, contact=contact)
