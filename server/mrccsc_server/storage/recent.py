"""What this node has stored last: it spares the look-up of the message that a send names as the one before it."""

from __future__ import annotations

from collections.abc import Sequence

from mrccsc_server.domain.operations import Operation, Send
from mrccsc_server.domain.planning import Outcome
from mrccsc_server.domain.state import Known, Stored

SENDERS = 65_536
"""Senders in conversations that are remembered; beyond it all are forgotten, and looked up again."""

CidKey = tuple[int, int, str]
"""Conversation, sender, cid."""


class Recent:
    """The last send of each sender in each conversation. What it knows is durable, and holds for ever."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], tuple[str, Known]] = {}

    def take(self, cids: set[CidKey], operations: Sequence[Operation]) -> dict[CidKey, Known]:
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

    def remember(self, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> None:
        """Take note of what was committed."""
        if len(self._last) > SENDERS:
            self._last.clear()
        for op, outcome in zip(operations, outcomes, strict=True):
            if type(op) is Send and type(outcome) is Stored:
                self._last[op.conv, op.by] = op.cid, Known(outcome.entry["seq"], outcome.entry["at"], op.digest)
