"""A short, fixed slice of ``make fuzz``: the corpus, and a little of what is made from it."""

from __future__ import annotations

import pytest

from tests.fuzz.hunt import hunt
from tests.fuzz.inputs import seeds
from tests.fuzz.targets import TARGETS

EXAMPLES = 50
SLOW = {"server": 15, "outbox": 6, "cache": 6, "notes": 6}
"""Inputs of those that need a file or a whole client."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_broke_something_does_no_more(name: str) -> None:
    check, _ = TARGETS[name]
    check(b"")
    for seed in seeds(name):
        check(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_breaks_nothing(name: str) -> None:
    finding = hunt(name, examples=SLOW.get(name, EXAMPLES), seed=1)
    assert finding is None, finding


def test_each_target_has_seeds() -> None:
    assert [name for name in TARGETS if len(seeds(name)) < 5] == []
