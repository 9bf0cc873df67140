"""What is held of one conversation's log: always one contiguous tail, each seq in it once.

Messages are held in their present state. An amendment of a message that is not held waits here, because a page of
older history may have been read before the amendment was made and arrive after it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import assert_never

from mrccsc_tui.state.models import Amendment, Entry, Message, Reaction, Row

MAX_AHEAD = 1_024
"""Entries kept while those before them are being fetched; beyond that they are fetched as well."""

_SEQ = attrgetter("seq")


class Log:
    """The tail ``tail_start … cursor``; it is empty while ``tail_start == cursor + 1``."""

    __slots__ = ("_ahead", "_orphans", "cursor", "first_mentions", "rows", "tail_start")

    def __init__(self, head: int) -> None:
        self.restart(head)

    def restart(self, head: int) -> None:
        """Hold nothing; the next entry is the one after ``head``."""
        self.tail_start = head + 1
        self.cursor = head
        self.rows: list[Row] = []
        self.first_mentions: dict[int, tuple[int, ...]] = {}
        """Whom a message mentioned when it was new, for those that were edited or deleted since."""
        self._ahead: dict[int, Entry] = {}
        self._orphans: dict[int, list[Amendment]] = {}

    @property
    def seen(self) -> int:
        """The highest seq that is known to exist."""
        return max(self._ahead, default=self.cursor)

    def index(self, seq: int) -> int:
        """The place in ``rows`` of the first one at or after ``seq``."""
        return bisect_left(self.rows, seq, key=_SEQ)

    def row(self, seq: int) -> Row | None:
        """The row at ``seq``, when it is held and has one."""
        at = self.index(seq)
        return self.rows[at] if at < len(self.rows) and self.rows[at].seq == seq else None

    def message(self, seq: int) -> Message | None:
        """The message at ``seq``, when it is held."""
        row = self.row(seq)
        return row if isinstance(row, Message) else None

    def messages_after(self, seq: int) -> Iterator[Message]:
        """The held messages above ``seq``."""
        for at in range(self.index(seq + 1), len(self.rows)):
            row = self.rows[at]
            if isinstance(row, Message):
                yield row

    def receive(self, entry: Entry) -> list[tuple[Entry, int | None]]:
        """Take in an entry from anywhere above the tail.

        The result is what joined the tail by it, in order, each with the seq of the held message that it changed. It
        is empty when the entry is held already, or when others are missing before it (then ``seen > cursor``).
        """
        if entry.seq <= self.cursor:
            return []
        if entry.seq > self.cursor + 1:
            if len(self._ahead) < MAX_AHEAD:
                self._ahead[entry.seq] = entry
            return []
        joined = [(entry, self._join(entry))]
        while (following := self._ahead.pop(self.cursor + 1, None)) is not None:
            joined.append((following, self._join(following)))
        return joined

    def prepend(self, page: Sequence[Entry]) -> bool:
        """Lengthen the tail at its beginning by a page in ascending seq; ``False`` when it does not fit there."""
        if not page or page[-1].seq != self.tail_start - 1 or page[-1].seq - page[0].seq != len(page) - 1:
            return False
        rows: list[Row] = []
        changes: list[Amendment] = []
        for entry in page:
            if isinstance(entry, Amendment):
                changes.append(entry)
            else:
                rows.append(entry)
        self.rows[:0] = rows
        self.tail_start = page[0].seq
        for change in changes:
            self._amend(change)
        for target in [target for target in self._orphans if target >= self.tail_start]:
            for change in sorted(self._orphans.pop(target), key=_SEQ):
                self._amend(change)
        return True

    def trim(self, keep: int) -> bool:
        """Hold only the newest rows; ``False`` when there are no more than ``keep`` (at least 1)."""
        if len(self.rows) <= keep:
            return False
        del self.rows[:-keep]
        self.tail_start = self.rows[0].seq
        self.first_mentions = {seq: users for seq, users in self.first_mentions.items() if seq >= self.tail_start}
        return True

    def freshen(self, entries: Iterable[Entry]) -> list[int]:
        """Put newer states of held messages in their places; the result is the seqs of those that changed."""
        changed = []
        for entry in entries:
            if isinstance(entry, Message) and (held := self.message(entry.seq)) and entry.rev >= held.rev:
                if entry == held:
                    continue
                self.rows[self.index(entry.seq)] = entry
                changed.append(entry.seq)
        return changed

    def _join(self, entry: Entry) -> int | None:
        self.cursor = entry.seq
        if isinstance(entry, Amendment):
            return self._amend(entry)
        self.rows.append(entry)
        return None

    def _amend(self, change: Amendment) -> int | None:
        if change.target < self.tail_start:
            self._orphans.setdefault(change.target, []).append(change)
            return None
        held = self.message(change.target)
        if held is None or change.seq <= held.rev:
            return None
        if held.edited is None and not held.deleted:
            self.first_mentions[held.seq] = held.mentions
        self.rows[self.index(change.target)] = amended(held, change)
        return held.seq

    def mentioned_at_first(self, message: Message) -> tuple[int, ...] | None:
        """Whom the message mentioned when it was new; ``None`` when that was never seen."""
        if message.edited is None and not message.deleted:
            return message.mentions
        return self.first_mentions.get(message.seq)


def amended(message: Message, change: Amendment) -> Message:
    """The message after a change that is newer than its ``rev``."""
    match change.kind:
        case "delete":
            return replace(
                message, rev=change.seq, text="", raw="", edited=None, deleted=True, reactions=(), mentions=()
            )
        case "edit" if change.raw:
            return replace(
                message,
                rev=change.seq,
                text=change.text,
                raw=change.raw,
                edited=change.at,
                mentions=change.mentions,
            )
        case "edit":
            # Its text is gone because a later entry supersedes it.
            return replace(message, rev=change.seq)
        case "reaction":
            return replace(message, rev=change.seq, reactions=_reacted(message.reactions, change))
        case _:
            assert_never(change.kind)


def _reacted(reactions: tuple[Reaction, ...], change: Amendment) -> tuple[Reaction, ...]:
    by_emoji = {reaction.raw: reaction for reaction in reactions}
    held = by_emoji.pop(change.raw, Reaction(change.text, (), change.raw))
    users = {*held.users, change.by} if change.on else {*held.users} - {change.by}
    if users:
        by_emoji[change.raw] = replace(held, users=tuple(sorted(users)))
    return tuple(by_emoji[raw] for raw in sorted(by_emoji))
