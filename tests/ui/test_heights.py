"""Lines and rows against a model that knows every height."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mrccsc_tui.ui.widgets.timeline.heights import BLOCK, ORIGIN, HeightIndex


def heights(seed: int) -> dict[int, int]:
    chance = random.Random(seed)
    return {ORIGIN + offset: chance.randint(1, 9) for offset in range(-3 * BLOCK, 6 * BLOCK)}


acts = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, 300), st.integers(0, 300)),
        st.tuples(st.just("cut"), st.integers(0, 50), st.just(0)),
        st.tuples(st.just("settle"), st.integers(0, 900), st.integers(0, 300)),
        st.tuples(st.just("change"), st.integers(0, 900), st.integers(1, 30)),
    ),
    max_size=12,
)


@given(st.integers(0, 5), st.integers(0, 600), acts)
def test_settled_rows_stand_where_a_list_of_heights_says(seed: int, count: int, steps: list[tuple]) -> None:
    known = heights(seed)
    index = HeightIndex(lambda ordinal: known[ordinal])
    index.reset(ORIGIN, ORIGIN + count)
    for what, one, two in steps:
        match what:
            case "grow":
                first = max(index.first - one, ORIGIN - 3 * BLOCK) if len(index) else index.first
                index.grow(first, min(index.end + two, ORIGIN + 6 * BLOCK))
            case "cut":
                index.cut(max(index.end - one, index.first))
            case "settle" if len(index):
                low = index.first + one % len(index)
                index.settle(low, low + two)
            case "change" if len(index):
                ordinal = index.first + one % len(index)
                known[ordinal] = two
                index.remeasure(ordinal)
    if not len(index):
        assert index.total == 0
        return
    index.settle(index.first, index.end - 1)
    line = 0
    for ordinal in range(index.first, index.end):
        assert index.top(ordinal) == line
        assert index.height(ordinal) == known[ordinal]
        assert index.place(line) == (ordinal, 0)
        assert index.place(line + known[ordinal] - 1) == (ordinal, known[ordinal] - 1)
        line += known[ordinal]
    assert index.total == line


@given(st.integers(0, 5), st.integers(1, 700), st.integers(-10, 9000))
def test_any_line_of_an_estimate_is_a_row(seed: int, count: int, line: int) -> None:
    known = heights(seed)
    index = HeightIndex(lambda ordinal: known[ordinal])
    index.reset(ORIGIN, ORIGIN + count)
    ordinal, _ = index.place(line)
    assert index.first <= ordinal < index.end


def test_a_hundred_thousand_rows_cost_a_few_measurements() -> None:
    asked = 0

    def measure(_: int) -> int:
        nonlocal asked
        asked += 1
        return 3

    index = HeightIndex(measure)
    index.reset(ORIGIN, ORIGIN + 100_000)
    assert asked <= 5 * (100_000 // BLOCK + 1)
    assert index.total == 300_000
    asked = 0
    index.grow(ORIGIN - 200, ORIGIN + 100_001)
    assert asked < 2 * BLOCK
