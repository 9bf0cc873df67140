"""Which function takes in which frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from mrccsc_tui.state.changes import Change

if TYPE_CHECKING:
    from mrccsc_tui.state.store import Store

Frame: TypeAlias = Mapping[str, Any]
Reducer: TypeAlias = "Callable[[Store, Frame, Frame], Iterator[Change]]"

REDUCERS: dict[str, Reducer] = {}
"""By the frame's type. The third argument is the request that the frame answers; empty for an event."""

ANSWER_ONLY = frozenset(
    {"welcome", "ping", "pong", "closing", "error", "sessions", "group.results", "search.results"},
)
"""Frames that concern the line, or only the one who asked."""


def reducer(kind: str) -> Callable[[Reducer], Reducer]:
    """Register what takes in frames of one type. Each type has exactly one."""

    def register(function: Reducer) -> Reducer:
        if kind in REDUCERS or kind in ANSWER_ONLY:
            raise ValueError(f"Frames of type {kind} are taken care of already.")
        REDUCERS[kind] = function
        return function

    return register
