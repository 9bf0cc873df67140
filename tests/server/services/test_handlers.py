"""Every request of the protocol is handled in exactly one place."""

from __future__ import annotations

import pytest

from mrccsc_server.handlers.dispatcher import OPERATIONS
from mrccsc_server.handlers.registry import HANDLERS, handles
from mrccsc_shared.messages import Request
from mrccsc_shared.messages.history import HistoryGet


def test_every_request_has_exactly_one_handler() -> None:
    opening = [kind for kind, model in Request.by_type.items() if model.opens]
    handled = [*HANDLERS, *OPERATIONS, *opening, "ping"]
    assert sorted(handled) == sorted(Request.by_type)


def test_a_second_handler_is_refused() -> None:
    with pytest.raises(ValueError, match=r"history\.get has two handlers"):
        handles(HistoryGet)(HANDLERS["history.get"].handler)
