"""Plain messages → the few statements that store them, however many they are.

These are the statements of nearly all commits: their rows are written in one pass, and what is the same for all of them
is said once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from mrccsc_server.domain.state import EntryRow
from mrccsc_server.storage import rows
from mrccsc_server.storage.mysql.literals import ROWS_BYTES, additions, texts

_LARGEST = 2**64 - 1
"""An integer to which nothing can be added without an error (see ``errors``)."""

_ENTRY = "INSERT INTO entry (conv, seq, kind, author, at, cid, digest, body, rev) VALUES "


def append(messages: Sequence[EntryRow], id_step: int) -> Iterator[str]:
    """Statements that store messages which answer nothing and mention nobody, each the next of its conversation.

    First of all, the conversations are locked and moved on. ``id_step`` lies between the ids of neighbours in a
    multi-row INSERT.
    """
    last = {row.conv: row for row in messages}
    first = last if len(last) == len(messages) else {row.conv: row for row in reversed(messages)}
    steps: defaultdict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for conv, row in last.items():
        head = first[conv].seq - 1
        steps[row.seq - head, row.at][conv] = head
    for (count, at), heads in steps.items():
        yield from advance(heads, count, at)
    yield from _insert(messages, id_step)
    said: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for sender, count in Counter([(row.conv, row.by) for row in messages]).items():
        said[count].append(sender)
    for count, senders in said.items():
        yield from additions("member", ("conv", "user"), "sent", count, senders)


def advance(heads: Mapping[int, int], messages: int, at: int) -> Sequence[str]:
    """Statements that add messages to the counts of conversations, each of which must have the given head and take
    messages. What is wrong shows in the number of rows, which an arithmetic error tells the server of.

    A range of the primary key is read in its order, and so locked in it.
    """
    places = sorted(heads.items())
    update = (
        f"UPDATE conversation FORCE INDEX (PRIMARY) SET head = head + {messages}, messages = messages + {messages},"
        f" at = GREATEST(at, {at}) WHERE conv IN ({_list(sorted(heads))}) AND (conv, head) IN ({_list(places)})"
        " AND writable = 1"
    )
    return update, f"SET @advanced = {_LARGEST} + (ROW_COUNT() <> {len(places)})"


def _insert(messages: Sequence[EntryRow], id_step: int) -> Iterator[str]:
    """The ids of the texts are known to the server alone, so that nothing waits for them: those of one INSERT are
    consecutive, and stay the last ones until the entries are there.
    """
    said = [row.text or "" for row in messages]
    if len(messages) > 1 and sum(map(len, said)) > ROWS_BYTES:
        half = len(messages) // 2
        yield from _insert(messages[:half], id_step)
        yield from _insert(messages[half:], id_step)
        return
    yield f"INSERT INTO body (text) VALUES {texts(said)}"
    entries = [
        f"({row.conv},{row.seq},'message',{row.by},{row.at},X'{rows.pack_cid(row.cid).hex()}',X'{row.digest.hex()}',"
        f"LAST_INSERT_ID()+{place},{row.seq})"
        for place, row in zip(range(0, id_step * len(messages), id_step), messages, strict=True)
    ]
    yield f"{_ENTRY}{','.join(entries)}"


def _list(values: Collection[object]) -> str:
    """Integers, or pairs of them, between commas: as it happens, Python writes them as SQL does."""
    return str(values)[1:-1]
