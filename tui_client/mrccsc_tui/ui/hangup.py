"""Noticing that the terminal was closed."""

from __future__ import annotations

import select
import sys

LOOK = 1.0
"""Seconds between two looks."""


def terminal() -> int | None:
    """The descriptor of the terminal that keys come from; ``None`` where they come from none."""
    return sys.__stdin__.fileno() if sys.__stdin__ is not None and sys.__stdin__.isatty() else None


def is_closed(terminal: int) -> bool:
    """Whether it has hung up."""
    poll = select.poll()
    poll.register(terminal, 0)
    return bool(poll.poll(0))
