"""The database's clock, between two times that it was asked."""

from __future__ import annotations

from mrccsc_server.storage.mysql.database_clock import CARRIED, SLOW, DatabaseClock


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_time_is_carried_on_for_a_while() -> None:
    watch = Watch()
    ticks = DatabaseClock(watch)
    assert ticks.now is None
    began = ticks.begin()
    watch.now += SLOW / 2
    ticks.set(5_000, began)
    assert ticks.now == 5_000
    watch.now += CARRIED / 2
    assert ticks.now == 5_000 + CARRIED * 500
    watch.now += CARRIED / 2
    assert ticks.now is None


def test_an_answer_that_was_long_on_its_way_says_nothing() -> None:
    watch = Watch()
    ticks = DatabaseClock(watch)
    began = ticks.begin()
    watch.now += SLOW
    ticks.set(5_000, began)
    assert ticks.now is None
