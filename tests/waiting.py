"""Waiting for something to become true, bounded, without sleeping for luck."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

PATIENCE = 20.0
"""Seconds after which something that should happen will not: generous, for slow machines under load."""


async def wait_until(condition: Callable[[], object], what: str = "the condition", patience: float = PATIENCE) -> None:
    """Return once ``condition()`` is true. Raises AssertionError naming ``what`` after ``patience`` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not condition():
        assert loop.time() < deadline, f"{what} did not become true in {patience:g} s"
        await asyncio.sleep(0.01)


async def wait_for(
    condition: Callable[[], Awaitable[object]], what: str = "the condition", patience: float = PATIENCE
) -> None:
    """:func:`wait_until` for what must be asked for; the last question is not interrupted."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not await condition():
        assert loop.time() < deadline, f"{what} did not become true in {patience:g} s"
        await asyncio.sleep(0.1)


async def until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of these side by side until one ends, however it does; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
