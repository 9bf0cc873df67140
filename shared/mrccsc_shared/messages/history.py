"""Reading what was said before: pages of history and search."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from mrccsc_shared.entry import SaidEntry
from mrccsc_shared.messages.base import Command, frame
from mrccsc_shared.types import Cursor, Id, PageSize, Query, RequestId


class HistoryGet(Command):
    """A page before, after (both exclusive) or around (inclusive) a seq; the newest without any."""

    answer = "history.page"
    heavy = True
    type: Literal["history.get"] = "history.get"
    conv: Id
    before: Cursor | None = None
    after: Cursor | None = None
    around: Cursor | None = None
    limit: PageSize

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if sum(place is not None for place in (self.before, self.after, self.around)) > 1:
            raise PydanticCustomError("directions", "give at most one of before, after and around")
        return self


@frame
class HistoryPage(TypedDict):
    """Entries in ascending seq without holes; ``more``: there are more in the asked direction."""

    type: Literal["history.page"]
    re: RequestId
    conv: Id
    entries: list[SaidEntry]
    head: Cursor
    more: bool


class SearchMessages(Command):
    """Messages that have all words of the query, newest first."""

    answer = "search.results"
    heavy = True
    type: Literal["search.messages"] = "search.messages"
    query: Query
    conv: Id | None = None
    by: Id | None = None
    cursor: Annotated[str, StringConstraints(max_length=64)] | None = None
    limit: PageSize


@frame
class SearchResults(TypedDict):
    """The messages found; ``cursor`` when there are more."""

    type: Literal["search.results"]
    re: RequestId
    hits: list[SaidEntry]
    cursor: NotRequired[str]
