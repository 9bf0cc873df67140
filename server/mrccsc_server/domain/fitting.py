"""What fits into one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import orjson

from mrccsc_shared.limits import MAX_SERVER_LINE

LIST_BYTES = MAX_SERVER_LINE - 1_024
"""Bytes of a list of parts, so that the line around it stays below the protocol's cap."""

T = TypeVar("T")


def size(part: object) -> int:
    """Bytes that a part takes within a line, the comma after it included."""
    return len(orjson.dumps(part)) + 1


def fitting(parts: Iterable[T], max_bytes: int = LIST_BYTES, measure: Callable[[T], int] = size) -> tuple[list[T], int]:
    """As many parts as fit, in the given order, and the bytes they take."""
    taken: list[T] = []
    total = 0
    for part in parts:
        bytes_more = measure(part)
        if total + bytes_more > max_bytes:
            break
        total += bytes_more
        taken.append(part)
    return taken, total
