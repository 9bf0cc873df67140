"""The contracts between the use cases and what they stand on: stores, cluster, clock.

``store``          one database: ``accounts``, ``contacts``, ``conversations``, ``log`` and ``search`` on it
``cluster``        what binds nodes: ``bus``, ``presence``, ``nodes`` and ``throttles``
``clock``          the time

Every implementation passes the same contract tests. What all stores promise:

- A method that writes returns only after its change is durably committed; one that raises has changed nothing,
  save that a lost connection during the commit leaves the outcome unknown (the cids make a repetition safe).
- Rules of the domain are applied inside the transaction, on facts read under its locks.
- :class:`Refusal` with ``unavailable`` when the database is away, full, locked for too long or past its deadline;
  ``overloaded`` when its bounded queue is full. Any call returns or raises within ``limits.database_time`` seconds
  of work plus the time in that queue.
- Times are milliseconds since 1970 by the database's clock.
"""

from mrccsc_server.ports.accounts import Account, Accounts, Sessions, StoredSession
from mrccsc_server.ports.bus import (
    Bus,
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    HintListener,
    PresenceHint,
    SessionsEnded,
    UserHint,
    ViewHint,
)
from mrccsc_server.ports.clock import Clock
from mrccsc_server.ports.cluster import Cluster
from mrccsc_server.ports.contacts import ContactChange, Contacts
from mrccsc_server.ports.conversations import Conversations, ReadMark
from mrccsc_server.ports.log import Log, Page, Snapshot, SnapshotRequest
from mrccsc_server.ports.nodes import Command, NodeInfo, Nodes
from mrccsc_server.ports.presence import Chosen, Presence
from mrccsc_server.ports.search import SearchIndex
from mrccsc_server.ports.store import Store, StoreAway, StoreError
from mrccsc_server.ports.throttles import FailureThrottle, Rate, Throttles

__all__ = [
    "Account",
    "Accounts",
    "Bus",
    "Chosen",
    "Clock",
    "Cluster",
    "Command",
    "ContactChange",
    "ContactHint",
    "Contacts",
    "ConversationHint",
    "Conversations",
    "EntryHint",
    "FailureThrottle",
    "HeadHint",
    "Hint",
    "HintListener",
    "Log",
    "NodeInfo",
    "Nodes",
    "Page",
    "Presence",
    "PresenceHint",
    "Rate",
    "ReadMark",
    "SearchIndex",
    "Sessions",
    "SessionsEnded",
    "Snapshot",
    "SnapshotRequest",
    "Store",
    "StoreAway",
    "StoreError",
    "StoredSession",
    "Throttles",
    "UserHint",
    "ViewHint",
]
