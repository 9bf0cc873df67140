"""What docs/operations.md tells the operator is so: its options, its metrics, its way of backing up."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.client import Client
from tests.wire.server import COMMAND, Server

GUIDE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    if server.is_running:
        assert server.stop() == 0


def test_every_option_and_command_is_explained() -> None:
    said = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    for option in set(re.findall(r"--[a-z][a-z-]+", said)):
        assert f"`{option}" in GUIDE, option
    for command in re.findall(r"^    ([a-z-]+) ", said, re.MULTILINE):
        assert f"`mrccsc-server {command}" in GUIDE, command


def test_every_metric_is_explained(server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server.options += ["--http", f"127.0.0.1:{port}"]
    server.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        metrics = answer.read().decode()
    for name, kind in re.findall(r"^# TYPE (mrccsc_\w+) (\w+)", metrics, re.MULTILINE):
        if not name.endswith("_created"):
            assert f"`{name}" in GUIDE, f"{name} ({kind})"
    for page in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=20) as answer:
            assert answer.status == 200


async def test_a_backup_made_while_it_runs_can_be_restored(server: Server, company: list[Client]) -> None:
    server.start()
    alice = await (await Client("alice", server.port, company).connect()).registers("alice")
    conv = await alice.founds("diary")
    await alice.says(conv, "before the backup")
    program = re.search(r"python3 -c '([^']+)'", GUIDE)
    assert program is not None
    data, backup = server.folder / "data", server.folder / "backup.db"
    subprocess.run([sys.executable, "-c", program[1], data / "mrccsc.db", backup], check=True, timeout=60)
    late = await alice.says(conv, "after the backup")
    assert server.stop() == 0
    for name in ("mrccsc.db-wal", "mrccsc.db-shm"):
        (data / name).unlink(missing_ok=True)
    shutil.copy(backup, data / "mrccsc.db")
    subprocess.run([COMMAND, "new-epoch", "--data-dir", data], check=True, timeout=60, capture_output=True)
    server.start()
    again = await Client("alice again", server.port, company).connect()
    await again.resumes(alice.token, epoch=alice.epoch, cursors={str(conv): late["seq"]})
    assert again.ready["reset"] is True
    assert again.ready["missed"] == []
    assert [entry.get("text") for entry in await again.history(conv)][-1] == "before the backup"
    ack = await again.says(conv, "after the restore")
    assert ack["seq"] == late["seq"]
