"""What this node has stored last, and how it left the conversations: of most messages nothing else must be read.

This is optimistic concurrency control (Kung and Robinson, *On Optimistic Methods for Concurrency Control*, 1981). A
:class:`Premise` is neither locked nor read again; the transaction that goes by it moves the conversation on from the
head that it supposes, under its lock, and only where it can be written to (``Transaction.advance``), or is undone. What
else decides about a message is changed by entries alone: where the head is the same, so is that.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mrccsc_server.domain.operations import Operation, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import ConversationState, Facts, Known, Membership, Stored

SENDERS = 65_536
"""Senders in conversations whose last send is remembered; beyond it all are forgotten, and looked up again."""

CONVERSATIONS = 16_384
"""Conversations of which is remembered how they were left, and others to which other nodes write: those that were
written to last."""

SENDERS_EACH = 256
"""Senders of each of them."""

SHARED = 10.0
"""Seconds for which nothing is supposed about a conversation to which another node has written."""

CidKey = tuple[int, int, str]
"""Conversation, sender, cid."""


@dataclass(slots=True)
class Premise:
    """How a conversation was left: its facts, those of who sent there, and its head, which a plan moves on in them."""

    conversation: ConversationState
    members: dict[int, Membership]
    head: int


Premises = dict[int, Premise]
"""By conversation."""


class Plain(NamedTuple):
    """Messages for which nothing must be read."""

    convs: set[int]
    """Those of their conversations to which nothing else is done by the same operations."""
    known: dict[CidKey, Known]
    """What is stored under cids that they name."""
    members: dict[tuple[int, int], Membership]
    """Who says them."""


class Recent:
    """The last send of each sender in each conversation, and the premises of the next.

    What it knows of a send is durable, and holds for ever; a premise is taken by one commit at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[tuple[int, int], tuple[str, Known]] = {}
        self._left: Premises = {}
        """The one that was written to last is the last."""
        self._shared: OrderedDict[int, float] = OrderedDict()
        """Until when nothing is supposed about conversations, in the order of that."""

    def take(self, operations: Sequence[Operation]) -> Premises:
        """The premises for operations. They are taken out: whoever takes them sees to it that they come back."""
        taken: Premises = {}
        left = self._left
        for op in operations:
            if premise := left.pop(op.conv, None):
                taken[op.conv] = premise
        if taken:
            for op in operations:
                if type(op) is not Send:
                    taken.pop(op.conv, None)
        return taken

    def take_cids(self, cids: set[CidKey], operations: Sequence[Operation]) -> dict[CidKey, Known]:
        """What is known of ``cids``. Taken out of these is that, and what the operations themselves are to store."""
        if not cids:
            return {}
        found: dict[CidKey, Known] = {}
        own = {(op.conv, op.by, op.cid) for op in operations if type(op) is Send}
        for op in operations:
            if type(op) is not Send or op.after is None:
                continue
            key = op.conv, op.by, op.after
            last = self._last.get((op.conv, op.by))
            if last is not None and last[0] == op.after:
                found[key] = last[1]
                cids.discard(key)
            elif key in own:
                cids.discard(key)
        return found

    def plain(self, operations: Sequence[Operation], premises: Premises) -> Plain:
        """Those of ``operations`` for which ``premises`` and what is remembered are enough."""
        plain = Plain(set(premises), {}, {})
        convs, known, members = plain
        latest: dict[tuple[int, int], str] = {}
        for op in operations:
            conv, by = op.conv, op.by
            if conv not in convs or type(op) is not Send:
                continue
            sender = conv, by
            member = premises[conv].members.get(by)
            stored = self._last.get(sender)
            if (
                member is None
                or op.reply_to is not None
                or op.names
                or (stored is not None and op.cid == stored[0])  # It is sent again.
            ):
                convs.discard(conv)
                continue
            if op.after is not None and op.after != latest.get(sender):
                if stored is None or op.after != stored[0]:
                    convs.discard(conv)
                    continue
                known[conv, by, op.after] = stored[1]
            latest[sender] = op.cid
            members[sender] = member
        return plain

    def remember(
        self, operations: Sequence[Operation], outcomes: Sequence[Outcome], facts: Facts | None, taken: Premises
    ) -> None:
        """Take note of what was committed, and of how ``facts`` (with those of the premises ``taken``) are left."""
        if len(self._last) > SENDERS:
            self._last.clear()
        left: Premises = {} if facts is None else taken
        latest = {
            (op.conv, op.by): (op, outcome)
            for op, outcome in zip(operations, outcomes, strict=True)
            if type(op) is Send and type(outcome) is Stored
        }
        for sender, (op, outcome) in latest.items():
            entry = outcome.entry
            self._last[sender] = op.cid, Known(entry["seq"], entry["at"], op.digest)
            if facts is None:
                continue
            conv, by = sender
            premise = left.get(conv)
            if premise is None:
                premise = left[conv] = Premise(facts.conversations[conv], {}, 0)
            if by not in premise.members:
                if len(premise.members) >= SENDERS_EACH:
                    premise.members.clear()
                premise.members[by] = facts.members[sender]
        if left:
            self._leave(left, {op.conv for op in operations if type(op) is not Send})

    def mistrust(self, convs: Iterable[int]) -> None:
        """Suppose nothing about conversations for a while: others write to them too."""
        until = self._clock() + SHARED
        shared = self._shared
        for conv in convs:
            self._left.pop(conv, None)
            shared[conv] = until
            shared.move_to_end(conv)
        while len(shared) > CONVERSATIONS:
            shared.popitem(last=False)

    def _leave(self, premises: Premises, but: set[int]) -> None:
        """Keep the premises of the next commit, save those of some conversations."""
        now = self._clock()
        for conv, premise in premises.items():
            if conv in but or self._shared.get(conv, now) > now:
                continue
            premise.head = premise.conversation.head
            premise.conversation.changed = False
            for member in premise.members.values():
                member.changed, member.said = False, 0
            self._left[conv] = premise
        while len(self._left) > CONVERSATIONS:
            del self._left[next(iter(self._left))]
