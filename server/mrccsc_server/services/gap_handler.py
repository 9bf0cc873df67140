"""What the live conversations need from whoever can read the log."""

from __future__ import annotations

from typing import Protocol


class GapHandler(Protocol):
    """Who fetches what is missing here. Nothing raises, blocks or calls back at once."""

    def behind(self, conv: int) -> None:
        """Entries of a live conversation are not here."""
        ...

    def entered(self, conv: int) -> None:
        """A conversation has become live by what was heard, so that its hints are not followed yet."""
        ...

    def unseen(self, conv: int, user: int) -> None:
        """Sessions of the user may be in the conversation and need a view of it."""
        ...
