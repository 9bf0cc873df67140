"""Every kind of fault that the embedded default can meet and that is soon over, once, with a fixed seed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.checker.trace import Trace
from tests.chaos.faults.kinds import EMBEDDED
from tests.chaos.run import play

SEED = 7
HASTE = 0.4
KINDS = [kind for kind in EMBEDDED if not kind.once]
"""All but those that last for long."""


@pytest.mark.timeout(240)
async def test_the_embedded_default_survives_every_fault(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_debug(False)
    records, violations = await play("embedded", tmp_path, SEED, KINDS, patience=0.1, haste=HASTE)
    struck = {one["fault"] for one in records if one["what"] == "fault"}
    assert struck == {kind.name for kind in KINDS}
    trace = Trace(records)
    report.write(tmp_path, trace, violations)
    assert not violations, report.summary(trace, violations)
