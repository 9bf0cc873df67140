"""The judge of a history: one pure function an invariant, from a history to what is wrong with it.

``trace``       the history, sorted by what the checks ask of it
``lives``       a history in which a backup was restored is one of several lives of the store
``stored``      I1–I4: the store in the end against what was acked and refused
``present``     I1 of present states: messages are as the entries say that changed them
``order``       I5, I8, I9: agreement and order
``delivery``    I6, I7, I10 on the wire: no hole, nothing twice, all of it in time
``pages``       I6 of what is read back; I13: that all can be
``shown``       I6, I7 in the clients: what they show
``membership``  I11: nothing outside a membership
``reading``     I12, I13: read marks; a device that came back against a fresh one
``wellbeing``   I14, I15: presence, memory, queues; F1: the history itself
``faults``      F2: whether the faults prove anything
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.chaos.checker import (
    delivery,
    faults,
    lives,
    membership,
    order,
    pages,
    present,
    reading,
    shown,
    stored,
    wellbeing,
)
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation
from tests.chaos.history import Record

Check = Callable[[Trace], Iterator[Violation]]

OF_A_LIFE: tuple[Check, ...] = (
    stored.check_acknowledged,
    present.check_present,
    present.check_texts,
    stored.check_once,
    stored.check_refused,
    stored.check_gapless,
    order.check_agreement,
    pages.check_pages,
    order.check_device_order,
    order.check_real_time,
    membership.check_writers,
    membership.check_readers,
    reading.check_marks,
)
"""What is about a store, and so about one of its lives."""

OF_ALL: tuple[Check, ...] = (
    lives.check_epochs,
    delivery.check_connections,
    shown.check_clients,
    shown.check_views,
    delivery.check_reach,
    delivery.check_ended,
    reading.check_same,
    pages.check_complete,
    wellbeing.check_presence,
    wellbeing.check_bounds,
    wellbeing.check_history,
    faults.check_faults,
)
"""What is about clients, nodes and the run."""


def judge(records: Sequence[Record]) -> list[Violation]:
    """All that is wrong with a history, the gravest kinds first."""
    traces = [Trace(life) for life in lives.lives(records)]
    about_stores = [violation for trace in traces for check in OF_A_LIFE for violation in check(trace)]
    whole = Trace(records)
    return about_stores + [violation for check in OF_ALL for violation in check(whole)]
