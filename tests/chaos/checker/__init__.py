"""The judge of a history: one pure function an invariant, from a history to what is wrong with it.

``trace``       the history, sorted by what the checks ask of it
``stored``      I1–I4: the store in the end against what was acked and refused
``order``       I5, I8, I9: agreement and order
``delivery``    I6, I7, I10 on the wire: no hole, nothing twice, all of it in time
``shown``       I6, I7 in the clients: what they show
``membership``  I11: nothing outside a membership
``reading``     I12, I13: read marks; a device that came back against a fresh one
``wellbeing``   I14, I15: presence, memory, queues; F1: the history itself
``faults``      F2: whether the faults prove anything
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.chaos.checker import delivery, faults, membership, order, reading, shown, stored, wellbeing
from tests.chaos.checker.trace import Trace
from tests.chaos.checker.violation import Violation
from tests.chaos.history import Record

Check = Callable[[Trace], Iterator[Violation]]

CHECKS: tuple[Check, ...] = (
    stored.check_acknowledged,
    stored.check_once,
    stored.check_refused,
    stored.check_gapless,
    order.check_agreement,
    delivery.check_connections,
    shown.check_clients,
    shown.check_views,
    order.check_device_order,
    order.check_real_time,
    delivery.check_reach,
    membership.check_writers,
    membership.check_readers,
    reading.check_marks,
    reading.check_same,
    wellbeing.check_presence,
    wellbeing.check_bounds,
    wellbeing.check_history,
    faults.check_faults,
)


def judge(records: Sequence[Record]) -> list[Violation]:
    """All that is wrong with a history, the gravest kinds first."""
    trace = Trace(records)
    return [violation for check in CHECKS for violation in check(trace)]
