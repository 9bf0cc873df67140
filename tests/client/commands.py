"""``mrccsc-tui`` as a command, in a process of its own or in this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mrccsc_tui import cli
from mrccsc_tui.arguments import parse

COMMAND = str(Path(sys.executable).with_name("mrccsc-tui"))
_started: list[asyncio.subprocess.Process] = []


class Done:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """A process of it, which ends with the test at the latest."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    _started.append(process)
    return process


def end_all() -> None:
    """End what a test has left running."""
    for process in _started:
        if process.returncode is None:
            # Its loop may be closed already.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
    _started.clear()


async def ended(process: asyncio.subprocess.Process, stdin: str = "") -> Done:
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def run(*arguments: str, stdin: str = "") -> Done:
    return await ended(await start(*arguments), stdin)


def command(arguments: Sequence[str]) -> int:
    """What the arguments do; the exit code."""
    try:
        parsed = parse(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return cli.run(parsed)


async def here(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    """The same in this process, for what needs no process of its own."""
    capsys.readouterr()
    code = await asyncio.to_thread(command, arguments)
    return Done(code, *capsys.readouterr())
