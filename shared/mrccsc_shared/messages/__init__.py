"""The requests, answers and events of the protocol, one module a feature.

``base``          what they have in common, and the registers of all of them
``control``       ok, error, ping, closing
``session``       welcome, register, login, resume, what a session begins with
``account``       changing one's own account
``contact``       people and friendship
``presence``      who is here
``conversation``  conversations as a member sees them
``group``         groups and their members
``message``       sending, editing, deleting, reacting; read marks; typing
``history``       pages of history, search

To add a message, define it in its feature's module: it is listed by being defined.
"""

from mrccsc_shared.messages import (
    account,
    contact,
    control,
    conversation,
    group,
    history,
    message,
    presence,
    session,
)
from mrccsc_shared.messages.base import FRAMES, Command, Notice, Request

__all__ = [
    "FRAMES",
    "Command",
    "Notice",
    "Request",
    "account",
    "contact",
    "control",
    "conversation",
    "group",
    "history",
    "message",
    "presence",
    "session",
]
