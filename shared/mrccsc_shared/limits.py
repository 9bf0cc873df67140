"""Every number that both sides obey, in one place.

Module constants belong to the protocol and never change within a version. :class:`Limits` are the
server's own, which an operator may change in the ``[limits]`` table of the configuration file.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MAX_ID = 2**53 - 1
"""The largest id, seq or time: what every JSON implementation carries exactly."""

MAX_LINE = 65_536
"""Bytes of a line from a client, its newline included."""

MAX_LINE_BEFORE_SIGN_IN = 4_096
"""Bytes of a line from a client that has not signed in (``session.resume`` may use ``MAX_LINE``)."""

MAX_SERVER_LINE = 262_144
"""Bytes of a line from a server, its newline included. Pages and catch-up end before it."""

MAX_TEXT = 8_192
"""UTF-8 bytes of a message, unless the server's ``welcome`` says otherwise."""

MAX_UNANSWERED = 128
"""Requests of one connection without an answer at which the server stops reading it."""

MAX_PAGE = 200
"""Entries or rows of one page."""

MAX_NAME = 64
"""Characters of a display name or a title."""

MAX_TOPIC = 256
"""Characters of a topic."""

MAX_PRESENCE_TEXT = 80
"""Characters of the text beside a presence."""

MAX_EMOJI = 32
"""UTF-8 bytes of one reaction's emoji."""

MAX_REACTION_KINDS = 20
"""Different emoji on one message."""

MAX_REACTIONS = 5_000
"""Reactions on one message, each an emoji of one user. With the longest ids they take a third of a line from a server,
so that there is room beside them for the text and whom it mentions."""

MAX_QUERY = 256
"""Characters of a search query."""

LAST_TEXT = 200
"""Characters of text in ``Conversation.last``."""

MIN_PASSWORD = 8
MAX_PASSWORD = 256

HEARTBEAT = 20.0
"""Seconds within which each side says something."""

SILENCE = 2.5
"""Heartbeats of silence after which a link is dead."""

TYPING_INTERVAL = 3.0
"""Seconds between two ``typing`` events of one user in one conversation."""


class Limits(BaseModel):
    """The server's configurable limits. Sizes are bytes, times are seconds, rates are per second."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heartbeat: float = Field(HEARTBEAT, gt=0, le=600)
    max_line: int = Field(MAX_LINE, ge=MAX_LINE_BEFORE_SIGN_IN, le=MAX_LINE)
    max_text: int = Field(MAX_TEXT, ge=1, le=16_384)

    sign_in_time: float = Field(10.0, gt=0)
    """Seconds from accepting a connection until it must have signed in."""
    silent_per_address: int = Field(100, ge=1)
    """Connections of one address that may wait for their sign-in at once."""
    resume_budget: int = Field(4 * 2**20, ge=MAX_LINE)
    """Bytes that all connections before sign-in together may hold above the small line cap."""
    connections: int = Field(20_000, ge=1)
    """Connections of one node."""
    unanswered: int = Field(MAX_UNANSWERED, ge=1)
    output: int = Field(2**20, ge=MAX_SERVER_LINE)
    """Unsent bytes of one connection at which a slow reader is cut."""
    malformed: int = Field(16, ge=1)
    """Lines that are no JSON object at which a connection is closed."""

    commit_queue: int = Field(4_096, ge=1)
    """Writes that may wait for the next commit; beyond it the node answers ``overloaded``."""
    commit_batch: int = Field(512, ge=1)
    """Log entries of one commit."""
    read_queue: int = Field(2_048, ge=1)
    """Reads that may wait for the database; beyond it the node answers ``overloaded``."""
    database_time: float = Field(10.0, gt=0)
    """Seconds that one database call may take before it counts as unavailable."""
    bus_time: float = Field(2.0, gt=0)
    """Seconds that one call to the bus may take before the bus counts as away."""
    bus_queue: int = Field(16 * 2**20, ge=2**20)
    """Bytes of hints that may wait for the bus; beyond it they are dropped, and the others look into the database."""
    beat_time: float = Field(0.5, gt=0)
    """Seconds between two beats with which a node renews its leases and sees that the bus carries hints."""
    lease_time: float = Field(6.0, gt=0)
    """Seconds without a beat after which a node counts as dead."""
    password_queue: int = Field(256, ge=1)
    """Password checks that may wait; beyond it the node answers ``overloaded``."""
    password_workers: int = Field(1, ge=1, le=64)

    sends_rate: float = Field(10.0, gt=0)
    sends_burst: int = Field(20, ge=1)
    """Log entries of one user."""
    requests_rate: float = Field(50.0, gt=0)
    requests_burst: int = Field(200, ge=1)
    """Requests of one user that read or write anything but entries."""
    changes_rate: float = Field(10.0, gt=0)
    changes_burst: int = Field(100, ge=1)
    """Changes of one user to contacts, memberships and groups."""
    address_rate: float = Field(50.0, gt=0)
    address_burst: int = Field(500, ge=1)
    """New connections and sign-ins of one address."""
    sign_in_rate: float = Field(1_000.0, gt=0)
    sign_in_burst: int = Field(5_000, ge=1)
    """Sign-ins by token of the whole node, so that a storm of reconnects is admitted evenly."""
    failure_delay: float = Field(1.0, gt=0)
    """Seconds that a failed password closes an account and address; it doubles with each further one."""
    failure_free: int = Field(5, ge=0)
    """Failed passwords of one account before the first delay."""
    failure_free_address: int = Field(50, ge=0)
    """Failed passwords from one address, behind which a whole office may be, before the first delay."""
    failure_delay_max: float = Field(300.0, gt=0)

    contacts: int = Field(500, ge=1, le=500)
    """Contacts of one user: friends, requests and blocks together. ``session.ready`` must hold them all."""
    requests_pending: int = Field(100, ge=1)
    """Incoming contact requests that wait for one user."""
    groups: int = Field(500, ge=1)
    """Groups of one user."""
    members: int = Field(5_000, ge=2)
    """Members of one group."""
    sessions: int = Field(100, ge=1)
    """Stored sessions of one user; the oldest goes first."""
    session_days: float = Field(90.0, gt=0)
    """Days after its last use that a token expires."""
    invite_days: float = Field(14.0, gt=0)
    presence_grace: float = Field(5.0, ge=0)
    """Seconds that a user stays online after the last connection was lost without a logout."""
