"""The server as a process: files, signals, the loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mrccsc_server.app import App
from mrccsc_server.cli.folder import DataFolder, join
from mrccsc_server.config import Settings
from mrccsc_server.telemetry.logging import set_up
from mrccsc_shared import __version__

try:
    from uvloop import new_event_loop
except ImportError:  # The stock loop does the same, more slowly.
    new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]

log = logging.getLogger(__name__)

GC_THRESHOLD = (50_000, 20, 50)
"""What start-up made is frozen, and frames are no cycles: look rarely."""

EXIT_KILLED = 128 + signal.SIGINT


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, or until nobody is left: 0, or 1 when a part of the server failed.

    Clients are sent away and the store is closed first; a second SIGINT ends the process at once. Raises
    :class:`StartError` when the server cannot start.
    """
    set_up(settings.log_format, settings.log_level)
    _raise_file_limit()
    folder = DataFolder(settings.data_dir)
    with folder.locked(), asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_serve(settings, folder))


async def _serve(settings: Settings, folder: DataFolder) -> int:
    app = App(settings)
    with _signals(app.stop):
        async with app.started() as (host, port):
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLD)
            with folder.announced(host, port, settings.node):
                where = f"node {settings.node} accepts on {join(host, port)}"
                print(f"mrccsc-server {__version__}: {where} ({settings.database_place})", flush=True)
                await app.stopped()
    return int(app.failed)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked:
            os._exit(EXIT_KILLED)
        asked = True
        stop()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        log.warning("Cannot raise the limit of open files above %d.", soft)
