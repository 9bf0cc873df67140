"""What a user may ask of a conversation's log. Each becomes at most one entry.

``digest`` is a keyed hash of the content (see :mod:`mrccsc_server.services.digest`): with the cid it tells a retry from
another request under the same cid. Nobody changes an operation once it is made; it is not frozen, because that would
double its cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from mrccsc_shared.entry import Role, Visibility


@dataclass(slots=True)
class Operation:
    """By ``by`` upon ``conv``, identified for ever by ``cid`` among what ``by`` asked of ``conv``."""

    conv: int
    by: int
    cid: str
    digest: bytes


@dataclass(slots=True)
class Send(Operation):
    """A new message. ``names`` are the user names it may mention; ``after`` a cid that must be stored before it."""

    text: str
    reply_to: int | None = None
    after: str | None = None
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Edit(Operation):
    """A new text for the message at ``target``."""

    target: int
    text: str
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Delete(Operation):
    """The end of the message at ``target``."""

    target: int


@dataclass(slots=True)
class React(Operation):
    """One emoji of ``by`` on the message at ``target``, set or taken back."""

    target: int
    emoji: str
    on: bool


@dataclass(slots=True)
class Join(Operation):
    """``by`` becomes a member."""


@dataclass(slots=True)
class Leave(Operation):
    """``by`` leaves."""


@dataclass(slots=True)
class Invite(Operation):
    """``user`` becomes a member at once."""

    user: int


@dataclass(slots=True)
class Remove(Operation):
    """``user`` is taken out; with ``ban`` also kept out."""

    user: int
    ban: bool = False


@dataclass(slots=True)
class Unban(Operation):
    """``user`` may join again. Writes no entry."""

    user: int


@dataclass(slots=True)
class SetRole(Operation):
    """``user`` gets ``role``; an owner's role is handed over and leaves an admin behind."""

    user: int
    role: Role


@dataclass(slots=True)
class Change(Operation):
    """New title, topic or visibility; ``None`` leaves each as it is."""

    title: str | None = None
    topic: str | None = None
    visibility: Visibility | None = None
