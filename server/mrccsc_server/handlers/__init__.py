"""Wire → use case: one thin module a feature.

``registry``    the decorator that lists a handler by the request it takes
``operations``  what a request is queued by that writes an entry: no task, so that it keeps its order
``dispatcher``  requests of connections → handlers → answers
``answers``     what comes of a request, or why it is refused, as a line
``session``     register, login, resume, logout, sessions, ping
``people``      account, contacts, users, presence
``message``     send, edit, delete, react: the hot path
``room``        conversations, groups, members, read marks, typing
``history``     pages and search

To handle a new request, write a function under ``@handles(Model)`` in its feature's module; where it writes an entry, a
function that builds the operation, in that module's ``OPERATIONS``.
"""

from mrccsc_server.handlers import history, message, people, room, session
from mrccsc_server.handlers.dispatcher import MessageDispatcher

__all__ = ["MessageDispatcher", "history", "message", "people", "room", "session"]
