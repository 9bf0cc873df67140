"""The client without its screens: what a person can do, and what is known. No Textual.

Everything runs on one asyncio loop and is called from it. What the user says is on disk before a call returns; what
the server says is in ``store`` before subscribers hear of it. Whatever fails raises :class:`RequestError`, whose text
is for a person and safe to print. Requests that need the line raise ``offline`` at once when it is down; those that
lost it on the way are repeated, within 15 s, when it is back.

``core``     start and stop, signing in and out, the account
``sending``  saying something, drafts
``reading``  read marks, history, search
``people``   contacts
``groups``   groups and their members
"""

from mrccsc_tui.client.groups import Groups
from mrccsc_tui.client.people import People
from mrccsc_tui.client.reading import Reading
from mrccsc_tui.client.sending import Sending
from mrccsc_tui.engine.engine import Subscriber
from mrccsc_tui.link.errors import RequestError

__all__ = ["ChatClient", "RequestError", "Subscriber"]


class ChatClient(Sending, Reading, People, Groups):
    """One profile's account on its server: the store, the outbox, the line."""
