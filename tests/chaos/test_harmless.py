"""No fault is seen to bite when it does nothing; documents and timeline say what each is and when it was."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.chaos import timeline
from tests.chaos.checker.trace import Trace
from tests.chaos.faults.kinds import CLUSTER, EMBEDDED
from tests.chaos.harmless import find_liars
from tests.chaos.sample_history import Story


@pytest.mark.timeout(240)
async def test_no_fault_is_seen_to_bite_that_does_nothing(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_debug(False)
    assert await find_liars("embedded", tmp_path, EMBEDDED) == {}


def test_the_documents_say_how_each_fault_is_made() -> None:
    section = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text().partition("## The faults")[2]
    rows = [line.strip("| ").split(" | ")[0] for line in section.partition("\n## ")[0].splitlines() if line[:2] == "| "]
    assert sorted(rows[1:]) == sorted({kind.name for kind in (*EMBEDDED, *CLUSTER)})


def test_the_timeline_has_a_row_for_each_kind_of_fault() -> None:
    story = Story()
    ann = story.comes("ann", 1)
    story.founds(ann)
    kinds = ["node killed", "bus <flushed>", "node killed", "deadlocks"]
    for number, kind in enumerate(kinds, 1):
        for phase in ("begin", "bite", "end") if kind != "deadlocks" else ("begin", "end"):
            story.time += 5
            story.note("fault", fault=kind, id=number, phase=phase)
        story.says(ann, f"word {number}")
    svg = ET.fromstring(timeline.draw(Trace(story.ends())))
    texts = [
        (one.text, float(one.get("x", 0)), float(one.get("y", 0))) for one in svg.iter() if one.tag.endswith("text")
    ]
    labels = [(text, y) for text, x, y in texts if text in kinds]
    assert [text for text, _ in labels] == ["node killed", "bus <flushed>", "deadlocks"]
    heights = [y for _, y in labels]
    assert all(below - above >= 12 for above, below in pairwise(heights))
    assert [text for text, _, _ in texts if text == "not seen to bite"] == ["not seen to bite"]
    assert {"0:00", "acked a second", "p99 delay"} <= {text for text, _, _ in texts}
    bars = [one for one in svg.iter() if one.tag.endswith("title")]
    assert len(bars) == 4
