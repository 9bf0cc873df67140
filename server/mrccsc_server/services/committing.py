"""What is being committed here at this moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mrccsc_server.domain.operations import Operation
from mrccsc_shared.entry import Entry


class Committing:
    """The operations in the commits that are in flight. No conversation is in two of them."""

    def __init__(self) -> None:
        self._operations: dict[int, Sequence[Operation]] = {}
        self._withheld: set[int] = set()

    def __contains__(self, conv: int) -> bool:
        """Whether a conversation is in a commit."""
        return conv in self._operations

    def begin(self, convs: Collection[int], operations: Sequence[Operation]) -> None:
        """A commit of these begins; ``convs`` are their conversations."""
        self._operations.update(dict.fromkeys(convs, operations))

    def withhold(self, entry: Entry) -> bool:
        """Whether an entry that was heard of elsewhere is being committed here, so that it waits for its ack.

        What became of its commit may be unknown here, or another node may have stored a retry of it meanwhile.
        """
        conv = entry["conv"]
        operations = self._operations.get(conv)
        if operations is None:
            return False
        by, cid = entry["by"], entry.get("cid", "")
        if not any(op.cid == cid and op.conv == conv and op.by == by for op in operations):
            return False
        self._withheld.add(conv)
        return True

    def end(self, convs: Collection[int]) -> Collection[int]:
        """The commit of these conversations is over; in which of them entries were withheld."""
        for conv in convs:
            del self._operations[conv]
        if not self._withheld:
            return ()
        withheld = self._withheld.intersection(convs)
        self._withheld -= withheld
        return withheld
