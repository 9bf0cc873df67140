"""Read marks and the counts that belong to them."""

from __future__ import annotations

from mrccsc_server.domain.permissions import first_readable
from mrccsc_server.domain.state import ConversationState, Membership
from mrccsc_server.ports import ReadMark
from mrccsc_server.storage import views
from mrccsc_server.storage.database import Reader, Transaction


async def mark_read(transaction: Transaction, conv: int, user: int, seq: int, unread: bool) -> ReadMark:
    """See :meth:`mrccsc_server.ports.Conversations.mark_read`.

    Only the membership is locked, so that many readers do not hold up those who write: the user's own entries are
    counted in it, and without it none is added.
    """
    await transaction.lock_member(conv, user)
    state, mine = await views.membership(transaction, conv, user)
    before = mine.read, mine.unread_from
    if unread:
        mine.unread_from = min(max(seq, first_readable(state, mine)), state.head)
    else:
        seq = min(seq, state.head)
        if mine.unread_from is not None and seq >= mine.unread_from:
            mine.unread_from = None
        if seq > mine.read:
            await _move(transaction, state, mine, seq)
    changed = (mine.read, mine.unread_from) != before
    if changed:
        await transaction.update(
            "member",
            ("conv", "user"),
            ("read_seq", "read_messages", "read_own", "unread_from"),
            [(conv, user, mine.read, mine.read_messages, mine.read_own, mine.unread_from)],
        )
    peer = None
    if state.kind == "direct":
        row = await transaction.row("SELECT low + high FROM conversation WHERE conv = ?", conv)
        peer = row[0] - user if row else None
    return ReadMark(conv, user, mine.read, mine.unread_from, changed, peer)


async def _move(reader: Reader, state: ConversationState, mine: Membership, seq: int) -> None:
    """Move the mark on to ``seq`` with the counts that belong to it.

    They are those of the old mark plus what lies between, or those of the head minus what lies above: so each entry
    is counted at most once for each member, ever.
    """
    if state.head - seq <= seq - mine.read:
        messages, own = await _count(reader, state.conv, mine.user, seq, state.head)
        mine.read_messages, mine.read_own = state.messages - messages, mine.sent - own
    else:
        messages, own = await _count(reader, state.conv, mine.user, mine.read, seq)
        mine.read_messages, mine.read_own = mine.read_messages + messages, mine.read_own + own
    mine.read = seq


async def _count(reader: Reader, conv: int, user: int, after: int, upto: int) -> tuple[int, int]:
    """How many messages there are with after < seq ≤ upto, and how many of them by ``user``."""
    if after == upto:
        return 0, 0
    row = await reader.row(
        "SELECT COUNT(*), COALESCE(SUM(author = ?), 0) FROM entry"
        " WHERE conv = ? AND seq > ? AND seq <= ? AND kind = 'message'",
        user,
        conv,
        after,
        upto,
    )
    return (int(row[0]), int(row[1])) if row else (0, 0)
