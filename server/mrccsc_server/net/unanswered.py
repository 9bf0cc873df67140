"""The requests of a connection that wait for their answer, and when there are too many of them to read on."""

from __future__ import annotations

from mrccsc_shared.messages import Request

SIGN_INS = frozenset(kind for kind, request in Request.by_type.items() if request.opens)
"""Requests after which nothing is taken until they are answered: what is pipelined behind them is signed in."""

HEAVY = frozenset(kind for kind, request in Request.by_type.items() if request.heavy)
"""Requests whose answer may fill much of a line. Each counts as half of the limit, so that a client that reads well is
not cut for having asked for many pages at once."""

_WEIGHED = SIGN_INS | HEAVY


class Unanswered:
    """The weight of the unanswered requests: one each, more for some types. At ``most`` no further one is taken."""

    __slots__ = ("_heavy", "most", "weight")

    def __init__(self, most: int) -> None:
        self.most = most
        self._heavy: dict[int, int] = {}
        self.weight = 0

    def begin(self, kind: str, request_id: int | None) -> None:
        """A request was taken."""
        # An id that is used twice at once counts as one the second time, so that the sum comes out even.
        if kind in _WEIGHED and request_id is not None and request_id not in self._heavy:
            weight = self.most if kind in SIGN_INS else self.most // 2
            self._heavy[request_id] = weight
            self.weight += weight
        else:
            self.weight += 1

    def finish(self, request_id: int | None) -> None:
        """A request has got all the answer it will get."""
        heavy = self._heavy.pop(request_id, 1) if self._heavy and request_id is not None else 1
        self.weight -= heavy
