"""Keys and pastes, one after the other: each is dealt with to its end before the next is looked at.

Textual puts a key into the queue of the focused widget, and looks for its binding when it has come up again through the
queues of all that is around. Of keys that come in one piece (a quick hand on a slow line, a terminal multiplexer) the
letters would act before the bindings among them, and priority bindings before both.

Here the same handlers run at once, in the turn of the App, where Textual runs every action anyway. What a key leads to
by messages, by an act beside the screen or by a dialog's answer has the time to get there before the next key is looked
at (:func:`settle`): that time is limited, so nothing can wait for ever. What a text leads to has not: what the next
key depends on must be done by the handler or the action itself.
"""

from __future__ import annotations

import asyncio

from textual import events
from textual._callback import invoke
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

# ruff: noqa: SLF001 - Textual has no public way, and is pinned to one version

TURNS = 40
"""Turns of the event loop after a key. A message needs two for each widget on its way up to the screen, an act one to
begin, a dialog's answer some to reach who asked. No way that there is needs more than eight in all (measured)."""

MOUNT_TIME = 2.0
"""Seconds at most that keys wait for a dialog that is being made."""


def only_types(event: events.Key | events.Paste, target: Widget) -> bool:
    """Whether this adds to a text and leads to nothing else: texts come by the thousands of keys."""
    return isinstance(target, Input | TextArea) and (isinstance(event, events.Paste) or event.is_printable)


async def settle() -> None:
    """Let what a key has begun come to an end, or to where it waits for what is outside of the program."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def until_mounted(screen: Screen[object]) -> None:
    """Wait until a dialog is there to take keys, but not for ever."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + MOUNT_TIME
    while not screen.is_mounted and loop.time() < deadline:  # noqa: ASYNC110 - nobody but the screen is told
        await asyncio.sleep(0.001)


async def hand_over(event: events.Key | events.Paste, target: Widget) -> None:
    """Let ``target`` take a key, else what is around it, out to the App, which looks for a binding.

    One for a dialog that is still being made waits in its queue, and is taken when the dialog is there.
    """
    if not target.is_mounted:
        target._forward_event(event)
        return
    event._set_forwarded()
    for node in target.ancestors_with_self:
        with node._context():
            for _, handler in node._get_dispatch_methods(event.handler_name, event):
                await invoke(handler, event)
        if event._stop_propagation:
            return
        event.prevent_default(prevent=False)
