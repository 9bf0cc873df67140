"""The rules of the log: operations and the facts about them → outcomes, and the rows to write.

A store reads what :func:`needs` names under the locks of its transaction, lets a :class:`Plan` judge the operations
one after the other, and writes :attr:`Plan.changes` with set-wise statements before it commits. So the rules are the
same on every database, permission is decided by facts that cannot change before the commit, and a batch costs a fixed
number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable

from mrccsc_server.domain import memberships, messages, permissions
from mrccsc_server.domain.ledger import Ledger, unchanged
from mrccsc_server.domain.operations import (
    Change,
    Delete,
    Edit,
    Invite,
    Join,
    Leave,
    Operation,
    React,
    Remove,
    Send,
    SetRole,
    Unban,
)
from mrccsc_server.domain.state import Changes, Duplicate, Facts, Known, Needs, Stored
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.limits import Limits

Outcome = Stored | Duplicate | Refusal


def needs(operations: Iterable[Operation], *, careful: bool = True) -> Needs:
    """What must be read to plan these operations.

    Unless it is ``careful``, sends are taken for new, as nearly all are: the unique key of the store refuses one that
    is not, and the batch is planned again with care. Those that the plan refuses are to be looked up all the same.
    """
    need = Needs()
    for op in operations:
        need.conversations.add(op.conv)
        need.members.add((op.conv, op.by))
        if type(op) is Send:
            if careful:
                need.cids.add((op.conv, op.by, op.cid))
            if op.after is not None:
                need.cids.add((op.conv, op.by, op.after))
            if op.reply_to is not None:
                need.messages.add((op.conv, op.reply_to))
            if op.names:
                need.names.update((op.conv, name) for name in op.names)
            continue
        need.cids.add((op.conv, op.by, op.cid))
        match op:
            case Edit():
                need.messages.add((op.conv, op.target))
                need.names.update((op.conv, name) for name in op.names)
            case Delete():
                need.messages.add((op.conv, op.target))
            case React():
                need.messages.add((op.conv, op.target))
                need.reactions.add((op.conv, op.target, op.by, op.emoji))
                if op.on:
                    need.standing.add((op.conv, op.target))
            case Join():
                need.groups.add(op.by)
            case Invite():
                need.members.add((op.conv, op.user))
                need.friends.add((op.by, op.user))
                need.groups.add(op.user)
                need.users.add(op.user)
            case Remove() | Unban() | SetRole():
                need.members.add((op.conv, op.user))
                need.users.add(op.user)
    return need


def judge_retry(op: Operation, known: Known) -> Duplicate | Refusal:
    """What an operation is answered whose cid is stored already."""
    return Duplicate(known.seq, known.at, known=True) if known.digest == op.digest else Refusal(ErrorCode.CID_CONFLICT)


class Plan:
    """Judges operations in order against facts, and gathers what must be written.

    A refused operation leaves no trace, so that one bad entry never fails those that share its commit.
    """

    def __init__(self, facts: Facts, limits: Limits) -> None:
        self._facts = facts
        self._ledger = Ledger(facts, limits)

    @property
    def changes(self) -> Changes:
        """All rows that the operations decided so far write."""
        return self._ledger.changes

    def decide(self, op: Operation) -> Outcome:
        """What becomes of ``op``. A :class:`Refusal` is returned, not raised."""
        try:
            return self._known(op) or self._judge(op)
        except Refusal as refusal:
            return refusal

    def _known(self, op: Operation) -> Duplicate | Refusal | None:
        # A retry is answered as before even when its sender is no member any more: the entry is theirs.
        known = self._facts.known.get((op.conv, op.by, op.cid))
        return None if known is None else judge_retry(op, known)

    def _judge(self, op: Operation) -> Stored | Duplicate:
        ledger, facts = self._ledger, self._facts
        conversation = facts.conversations.get(op.conv)
        mine = facts.members.get((op.conv, op.by))
        if type(op) is Send:  # Nearly all are.
            conversation, mine = permissions.require_member(conversation, mine)
            return messages.send(ledger, op, conversation, mine)
        if type(op) is Join and (conversation is None or mine is None or not mine.active):
            return memberships.join(ledger, op, permissions.require_joinable(conversation, mine))
        conversation, mine = permissions.require_member(conversation, mine)
        match op:
            case Edit():
                return messages.edit(ledger, op, conversation, mine)
            case Delete():
                return messages.delete(ledger, op, conversation, mine)
            case React():
                return messages.react(ledger, op, conversation, mine)
        permissions.require_group(conversation)
        match op:
            case Join():
                return unchanged(conversation)
            case Leave():
                return memberships.leave(ledger, op, conversation, mine)
            case Invite():
                return memberships.invite(ledger, op, conversation)
            case Remove():
                return memberships.remove(ledger, op, conversation, mine)
            case Unban():
                return memberships.unban(ledger, op, conversation, mine)
            case SetRole():
                return memberships.set_role(ledger, op, conversation, mine)
            case Change():
                return memberships.change(ledger, op, conversation, mine)
        raise AssertionError(type(op))
