"""A terminal that is closed while a wrapper, and not the client, is told so by the system."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

from tests.terminal.test_two_terminals import COMMAND, PATIENCE


def test_the_client_ends_with_its_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {
        f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "CACHE", "STATE")
    }
    # In a session of its own and without a controlling terminal: nobody sends it SIGHUP.
    client = subprocess.Popen(
        [COMMAND, "--port", "1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        os.close(theirs)
        shown = b""
        while b"Password" not in shown:
            shown += os.read(ours, 65_536)
        os.close(ours)
        assert client.wait(PATIENCE) == 129
    finally:
        client.kill()
        client.wait()
