"""The one failure that an operator is told of in words. By itself, so that saying it takes no library."""

from __future__ import annotations


class StartError(Exception):
    """The server cannot start, or a command cannot be carried out: one sentence for the operator; exit code 2."""
