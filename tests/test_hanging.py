"""A test that hangs says what it was waiting for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HANGS = """
import asyncio

async def the_one_that_waits():
    await asyncio.Event().wait()

async def test_hangs():
    await asyncio.gather(the_one_that_waits())
"""


def test_a_test_that_takes_too_long_says_what_it_was_waiting_for(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    test = tmp_path / "test_hangs.py"
    test.write_text(HANGS)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(root / "pyproject.toml"), "--timeout", "1"]
    command = [sys.executable, "-m", "pytest", "-n0", *options, "--rootdir", str(tmp_path), str(test)]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 1, said.stdout
    assert "Where the tasks stand" in said.stdout
    assert "in the_one_that_waits" in said.stdout
