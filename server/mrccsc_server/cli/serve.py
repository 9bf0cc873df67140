"""The server as a process: files, signals, the loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mrccsc_server.app import App, Ended
from mrccsc_server.cli.folder import DataFolder
from mrccsc_server.config import Settings
from mrccsc_server.endpoint import join
from mrccsc_server.telemetry.logging import set_up
from mrccsc_shared import __version__

try:
    from uvloop import new_event_loop
except ImportError:  # The stock loop does the same, more slowly.
    new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]

log = logging.getLogger(__name__)

GC_THRESHOLD = (50_000, 20, 50)
"""What start-up made is frozen, and frames are no cycles: look rarely."""

SWITCH_INTERVAL = 0.0001
"""Seconds after which a thread that holds Python's lock lets another have it: a commit on SQLite whose fsync is over
waits no longer for the event loop. Python's own 0.005 is as long as a commit."""

BOUND = 12.0
"""Seconds after which the process ends though not everything is finished: something must have hung."""


def serve(settings: Settings, *, shared: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, or until nobody is left: 0, or 1 when a part of the server failed.

    Clients are sent away and the store is closed first; a second signal ends the process at once. With ``shared`` other
    nodes may listen on the same port. Raises :class:`StartError` when the server cannot start.
    """
    gc.set_threshold(*GC_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL)
    set_up(settings.log_format, settings.log_level)
    _raise_file_limit()
    folder = DataFolder(settings.data_dir)
    with ExitStack() as stack:
        if settings.embedded:
            stack.enter_context(folder.locked())
        runner = stack.enter_context(asyncio.Runner(loop_factory=new_event_loop))
        return runner.run(_serve(settings, folder, shared=shared))


async def _serve(settings: Settings, folder: DataFolder, *, shared: bool) -> int:
    app = App(settings, shared=shared)
    with _signals(app.stop), ExitStack() as stack:
        try:
            async with app.started() as (host, port):
                gc.collect()
                gc.freeze()
                if settings.embedded:
                    stack.enter_context(folder.announced(host, port, settings.node))
                where = f"node {settings.node} accepts on {join(host, port)}"
                print(f"mrccsc-server {__version__}: {where} ({_places(settings)})", flush=True)
                await app.stopped()
                _end_within(BOUND)
        except Ended:
            return 0
    return int(app.failed)


def _places(settings: Settings) -> str:
    return settings.database_place if settings.alone else f"{settings.database_place}, {settings.bus_place}"


def _end_within(seconds: float) -> None:
    """End the process then, whatever it is doing."""

    def give_up() -> None:
        log.critical("Not everything was finished in %g s; ending without it", seconds)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked = False

    def interrupt(number: signal.Signals) -> None:
        nonlocal asked
        if asked:
            os._exit(128 + number)
        asked = True
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        log.warning("Cannot raise the limit of open files above %d.", soft)
