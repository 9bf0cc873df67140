"""One hunt: many inputs for one target, and the smallest that breaks it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import EDITS, damage, seeds
from tests.fuzz.targets import TARGETS


@dataclass(frozen=True)
class Finding:
    """An input that breaks a promise, and how."""

    target: str
    data: bytes
    story: str

    def __str__(self) -> str:
        return f"{self.target} is broken by {self.data[:400]!r} ({len(self.data)} bytes)\n{self.story}"


def hunt(name: str, *, examples: int, seed: int) -> Finding | None:
    """Try so many inputs, which ``seed`` determines; the smallest that breaks the target, or ``None``."""
    check, made = TARGETS[name]
    known = seeds(name)
    inputs = st.one_of(made, st.builds(damage, st.sampled_from(known), EDITS)) if known else made
    broken: list[bytes] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(inputs)
    def go(data: bytes) -> None:
        try:
            check(data)
        except Exception:
            broken.append(data)
            raise

    try:
        go()
    except Exception:  # noqa: BLE001 - whatever it is, it is what was looked for
        # The last is the smallest: hypothesis plays that once more at the end.
        return Finding(name, broken[-1] if broken else b"", traceback.format_exc(limit=-6))
    return None
