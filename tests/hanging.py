"""What a test that hangs was waiting for: a loop that waits looks the same whatever for."""

from __future__ import annotations

import asyncio
import gc
import io


def stacks() -> str:
    """Where each task of each loop stands that has not ended."""
    out = io.StringIO()
    for one in gc.get_objects():
        # By its type: asked for its class, a proxy would answer with what it stands for, which may be gone.
        if issubclass(type(one), asyncio.BaseEventLoop) and not one.is_closed():
            for task in asyncio.all_tasks(one):
                task.print_stack(file=out)
    return out.getvalue()
