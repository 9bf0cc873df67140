"""Finding messages by their words."""

from __future__ import annotations

from typing import Protocol

from mrccsc_shared.entry import Entry


class SearchIndex(Protocol):
    """An inverted table of our own tokens, kept beside the log and behind it.

    By about two seconds where the node has time for it. A node that is busy to its limit works messages off first and
    indexes in a fiftieth of its time, so that search may fall behind by minutes; :attr:`behind` tells.
    """

    @property
    def behind(self) -> int:
        """Conversations that have entries which are not indexed yet, as far as this node knows."""
        ...

    async def index(self, max_entries: int) -> int:
        """Work up to ``max_entries`` not yet indexed entries into the index; how many were.

        An edit replaces its message's tokens, a deletion removes them. Resumes where it stopped, also after a
        crash.
        """
        ...

    async def find(
        self,
        user: int,
        query: str,
        *,
        conv: int | None,
        by: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> tuple[list[Entry], int | None]:
        """Messages that the user may read now and that match the query (:mod:`mrccsc_server.domain.tokens`),
        newest first.

        With them the position to go on from as ``before``, ``None`` at the end. Deleted text is never found,
        and a hit is verified against the message's present text. ``not_found`` for a ``conv`` that is not the
        user's.
        """
        ...
