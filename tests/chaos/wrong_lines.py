"""More planted faults: what one wrong line does, in the rules, the store, the delivery and the client."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from mrccsc_server.cluster.memory import MemoryPresence
from mrccsc_server.domain import planning
from mrccsc_server.domain.planning import Plan
from mrccsc_server.domain.state import Duplicate
from mrccsc_server.storage import log, marks
from mrccsc_server.storage.log import StoredLog
from mrccsc_server.storage.sqlite.statements import SqliteTransaction
from mrccsc_tui.link import sender
from mrccsc_tui.link.outbox import Outbox
from mrccsc_tui.link.sender import Sender
from tests.chaos.mutants import Ground, Plant

# -- the rules ----------------------------------------------------------------------------------------------------


def forget_who_left(ground: Ground) -> None:
    """Answer a retry only to those who are members still."""
    known = Plan._known

    def of_members(self: Plan, op: Any) -> Any:
        mine = self._ledger.facts.members.get((op.conv, op.by))
        return known(self, op) if mine is not None and mine.active else None

    async def never(_transaction: Any, _operations: Any, _outcomes: Any) -> None:
        return

    ground.patch(Plan, "_known", of_members)
    ground.patch(log, "_look_up_refused", never)


def name_another_seq(ground: Ground) -> None:
    """Answer a retry with the seq after the right one."""
    known = Plan._known

    def beside(self: Plan, op: Any) -> Any:
        found = known(self, op)
        return replace(found, seq=found.seq + 1) if isinstance(found, Duplicate) else found

    ground.patch(Plan, "_known", beside)


def keep_the_rev(ground: Ground) -> None:
    """Change a message by an edit, and not its rev."""
    edit = planning.messages.edit

    def edited(ledger: Any, op: Any, conversation: Any, mine: Any) -> Any:
        message = ledger.message(op.target, conversation, mine)
        rev = message.rev
        outcome = edit(ledger, op, conversation, mine)
        message.rev = rev
        return outcome

    ground.patch(planning.messages, "edit", edited)


# -- the store ----------------------------------------------------------------------------------------------------


def mark_beyond_the_head(ground: Ground) -> None:
    """Take a read mark as it comes."""
    membership = marks.views.membership

    async def endless(reader: Any, conv: int, user: int) -> Any:
        state, mine = await membership(reader, conv, user)
        return replace(state, head=2**40), mine

    ground.patch(marks.views, "membership", endless)


def keep_old_texts(ground: Ground) -> None:
    """Let texts be where they are that were deleted or superseded."""

    async def never(_self: Any, _bodies: Any) -> None:
        return

    ground.patch(SqliteTransaction, "blank_texts", never)


def leave_out_the_first(ground: Ground) -> None:
    """Give a page without its first entry."""
    page = StoredLog.page

    async def shorter(self: StoredLog, *values: Any, **named: Any) -> Any:
        found = await page(self, *values, **named)
        return replace(found, entries=found.entries[1:]) if len(found.entries) > 1 else found

    ground.patch(StoredLog, "page", shorter)


# -- delivery -----------------------------------------------------------------------------------------------------


def keep_the_departed(ground: Ground) -> None:
    """Show as there who was there once."""
    ground.patch(MemoryPresence, "_forget", lambda _self, _user: False)


# -- the client ---------------------------------------------------------------------------------------------------


def forget_cids(ground: Ground) -> None:
    """Give what the outbox has on disk new cids at each start."""
    items = Outbox.items

    def renamed(self: Outbox) -> list[Any]:
        for item in items(self):
            self._database.execute("UPDATE items SET cid = ? WHERE cid = ?", (str(uuid.uuid4()), item.cid))
        return items(self)

    ground.patch(Outbox, "items", renamed)


def keep_the_outbox_in_memory(ground: Ground) -> None:
    """Put nothing on disk."""
    ground.patch(Outbox, "add", lambda _self, _item: None)


def send_the_last_first(ground: Ground) -> None:
    """Begin a new line with what was said last."""
    online, request_of = Sender.online, sender.request_of

    def reversed_online(self: Sender, connection: Any) -> None:
        self._queues = {conv: dict(reversed(queue.items())) for conv, queue in self._queues.items()}
        online(self, connection)

    ground.patch(Sender, "online", reversed_online)
    ground.patch(sender, "request_of", lambda item, **_: request_of(item, after=None))


WRONG_LINES: dict[Plant, set[str]] = {
    forget_who_left: {"I3"},
    name_another_seq: {"I1"},
    keep_the_rev: {"I1", "I5"},
    keep_old_texts: {"I1"},
    mark_beyond_the_head: {"I12"},
    leave_out_the_first: {"I6"},
    keep_the_departed: {"I14"},
    forget_cids: {"I2", "I3"},
    keep_the_outbox_in_memory: {"I10"},
    send_the_last_first: {"I8"},
}
"""Each with the invariants of which at least one must be found broken."""
