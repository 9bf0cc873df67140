"""Keys and pastes, one after the other: each is dealt with to its end before the next is looked at.

Textual puts a key into the queue of the focused widget, and looks for its binding when it has come up again through the
queues of all that is around. Of keys that come in one piece (a quick hand on a slow line, a terminal multiplexer) the
letters would act before the bindings among them, and priority bindings before both.

Here the same handlers run at once, in the turn of the App, where Textual runs every action anyway. Nothing waits for a
queue, so nothing can wait for ever. But what a widget hears through its queue may come after such a key: that it has
the focus, that its text has changed. What the next key depends on must be done by the handler or the action itself.
"""

from __future__ import annotations

from textual import events
from textual._callback import invoke
from textual.widget import Widget

# ruff: noqa: SLF001 - Textual has no public way, and is pinned to one version


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
