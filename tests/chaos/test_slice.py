"""Every kind of fault, once, with a fixed seed; those that last for long are a cluster's, and shorter here.

The embedded default meets all that it can; a cluster what only it can meet, and the death and the long silence of a
node, which the others must make good.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.checker.trace import Trace
from tests.chaos.faults import process
from tests.chaos.faults.base import Fault
from tests.chaos.faults.kinds import CLUSTER, EMBEDDED
from tests.chaos.run import play
from tests.missing import without

SEED = 7
HASTE = 0.4
PROGRAMS = ("mariadbd", "redis-server", "nginx")


async def strike(system: str, folder: Path, kinds: list[type[Fault]]) -> None:
    """Nothing is wrong when each of these faults has struck."""
    asyncio.get_running_loop().set_debug(False)
    records, violations = await play(system, folder, SEED, kinds, patience=0.1, haste=HASTE)
    struck = {one["fault"] for one in records if one["what"] == "fault"}
    assert struck == {kind.name for kind in kinds}
    trace = Trace(records)
    report.write(folder, trace, violations)
    assert not violations, report.summary(trace, violations)


@pytest.mark.timeout(240)
async def test_the_embedded_default_survives_every_fault(tmp_path: Path) -> None:
    await strike("embedded", tmp_path, [kind for kind in EMBEDDED if not kind.once])


@pytest.mark.timeout(400)
async def test_a_cluster_survives_every_fault(tmp_path: Path) -> None:
    if not all(shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") for name in PROGRAMS):
        without("MariaDB, Redis or nginx is missing; on Debian: apt-get install mariadb-server redis-server nginx")
    others = [kind for kind in CLUSTER if kind not in EMBEDDED]
    lasting = [kind for kind in EMBEDDED if kind.once]
    await strike("cluster", tmp_path, [process.KillBeforeHint, process.Kill, *lasting, *others])
