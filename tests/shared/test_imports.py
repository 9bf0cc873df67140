"""What is not imported where it is not needed: people wait for that, and so does who restarts a node."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import gc, sys
from {package}.__main__ import main
sys.argv = ["command", *{argv}]
try:
    main()
finally:
    print(*sys.modules, *["(gc)"] * gc.isenabled(), sep="\\n", file=sys.stderr)
"""


def imported(package: str, *argv: str) -> set[str]:
    """The modules that a command has imported when it ends; ``(gc)`` where garbage is collected."""
    program = PROGRAM.format(package=package, argv=list(argv))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "mrccsc-" in done.stdout
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("package", ["mrccsc_server", "mrccsc_tui"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_needs_no_library(package: str, option: str) -> None:
    modules = imported(package, option)
    assert "argparse" in modules
    assert not modules & {"asyncio", "logging", "pydantic", "regex", "textual"}


def test_a_node_alone_needs_no_driver_and_no_redis(tmp_path: Path) -> None:
    modules = imported("mrccsc_server", "--port=0", f"--data-dir={tmp_path}", "--exit-when-empty=0.1")
    assert {"mrccsc_server.cluster.memory", "(gc)"} <= modules
    assert not modules & {"aiomysql", "asyncio_redis", "asyncmy", "pymysql", "redis", "mrccsc_server.cluster.redis"}
