"""Handlers by the request that they take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mrccsc_server.services.limits import Rate
from mrccsc_server.services.session import Session
from mrccsc_server.services.wiring import Services
from mrccsc_shared.messages import Request

R = TypeVar("R", bound=Request)

Answer = Mapping[str, Any] | None
"""An answering frame with its ``re``; ``None`` for the plain ``ok``, or for nothing where the request has no id."""

Handler = Callable[[Services, Session, R], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Entry(Generic[R]):
    """A handler, and what its requests are counted under where they are."""

    handler: Handler[R]
    rate: Rate | None


HANDLERS: dict[str, Entry[Any]] = {}


def handles(model: type[R], *, rate: Rate | None = "requests") -> Callable[[Handler[R]], Handler[R]]:
    """List a handler. Raises :class:`ValueError` when the request has one already."""
    kind = model.model_fields["type"].default

    def register(handler: Handler[R]) -> Handler[R]:
        if kind in HANDLERS:
            raise ValueError(f"{kind} has two handlers")
        HANDLERS[kind] = Entry(handler, rate)
        return handler

    return register
